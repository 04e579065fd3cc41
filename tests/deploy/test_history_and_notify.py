"""`deploy/history.yaml` and `deploy/notify.yaml`: what CloudFormation takes, and that they fit jobrunner's names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.events.models import EventPattern
from template import FOLDER, load

from jobrunner.core.history import SKIPPED
from jobrunner.core.naming import TASK_GROUP_PREFIX, schedule_group, task_group
from jobrunner.core.notification import WANTED
from jobrunner.core.place import Place
from jobrunner.core.schedule_request import schedule_requests
from jobrunner.core.spec import job_spec
from jobrunner.document import load_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = {name: FOLDER / f"{name}.yaml" for name in ("history", "notify")}
TEMPLATES: dict[str, dict[str, Any]] = {name: load(path.read_text()) for name, path in FILES.items()}
NOTHING = {"Ref": "AWS::NoValue"}
ARN = "arn:aws:{}:eu-west-1:123456789012:"
#: What references in the templates come to, beside the parameters.
KNOWN = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "stack",
    "Topic": ARN.format("sns") + "stack",
    "FailedRule.Arn": ARN.format("events") + "rule/failed",
    "TimedOutRule.Arn": ARN.format("events") + "rule/timed-out",
}


class Stack:
    """A template with parameters, as CloudFormation resolves it."""

    def __init__(self, template: str, **parameters: Any) -> None:
        self._document = TEMPLATES[template]
        defaults = {key: value.get("Default") for key, value in self._document["Parameters"].items()}
        self._names: dict[str, Any] = {**KNOWN, **defaults, **parameters}
        if template == "history":
            self._names["HistoryLogGroup"] = self.resource("HistoryLogGroup")["LogGroupName"]

    def resource(self, name: str) -> dict[str, Any]:
        """The properties of a resource."""
        found: dict[str, Any] = self.resolved(self._document["Resources"][name]["Properties"])
        return found

    def output(self, name: str) -> str:
        """The value of an output."""
        text: str = self.resolved(self._document["Outputs"][name]["Value"])
        return text

    def has(self, name: str) -> bool:
        """Whether a resource is made."""
        condition = self._document["Resources"][name].get("Condition")
        return condition is None or self._holds({"Condition": condition})

    def refused(self) -> list[str]:
        """What the template's rules say against the parameters."""
        return [
            assertion["AssertDescription"]
            for rule in self._document["Rules"].values()
            if self._holds(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._holds(assertion["Assert"])
        ]

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            condition = {"Condition": condition}
        [(function, given)] = condition.items()
        if function == "Condition":
            return self._holds(self._document["Conditions"][given])
        if function == "Fn::Not":
            return not self._holds(given[0])
        assert "Fn::Equals" == function
        one, other = map(self.resolved, given)
        return bool(one == other)

    def resolved(self, value: Any) -> Any:
        """A value without functions."""
        if isinstance(value, list):
            return [found for item in value if (found := self.resolved(item)) != NOTHING]
        if not isinstance(value, dict) or value == NOTHING:
            return value
        [function, *more] = value
        if not more and (function == "Ref" or function.startswith("Fn::")):
            return self._called(function, value[function])
        return {key: found for key, item in value.items() if (found := self.resolved(item)) != NOTHING}

    def _called(self, function: str, given: Any) -> Any:
        if function == "Fn::If":
            condition, yes, no = given
            return self.resolved(yes if self._holds(condition) else no)
        if function == "Fn::Sub":
            return self._filled(given)
        return self._names[given if function == "Ref" else ".".join(given)]

    def _filled(self, given: Any) -> str:
        text, own = (given, {}) if isinstance(given, str) else given
        names: Mapping[str, Any] = {**self._names, **{key: self.resolved(item) for key, item in own.items()}}
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(names[found[1]]), text)


def test_this_resolves_all_functions() -> None:
    """Those that the templates have."""
    text = "".join(json.dumps(template) for template in TEMPLATES.values())
    assert {"Fn::Equals", "Fn::GetAtt", "Fn::If", "Fn::Not", "Fn::Sub"} == set(re.findall(r"Fn::\w+", text))


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1"])
@pytest.mark.parametrize("name", FILES)
def test_cfn_lint_says_nothing(name: str, region: str) -> None:
    """Neither errors nor warnings, nor what it says for information only."""
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    command = [sys.executable, lint, "--include-checks", "I", "--regions", region, "--", str(FILES[name])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ("", 0) == (done.stdout + done.stderr, done.returncode)


@pytest.mark.parametrize("name", FILES)
def test_all_parameters_are_explained_and_bounded(name: str) -> None:
    """Each has a description, what it may be, what that means, and a place in the console."""
    template = TEMPLATES[name]
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    shown = [key for group in interface["ParameterGroups"] for key in group["Parameters"]]
    assert sorted(template["Parameters"]) == sorted(shown)
    for parameter in template["Parameters"].values():
        assert {"Description", "ConstraintDescription"} <= parameter.keys()
        assert "AllowedPattern" in parameter or "AllowedValues" in parameter


@pytest.mark.parametrize("name", FILES)
def test_cloudformation_shows_every_letter(name: str) -> None:
    """GetTemplate shows other letters than ASCII's as question marks."""
    assert FILES[name].read_text().isascii()


def test_the_retention_is_one_that_cloudwatch_knows() -> None:
    """Those of PutRetentionPolicy, API reference; botocore's model names them too."""
    model = boto3.client("logs", region_name="eu-west-1").meta.service_model
    said = model.operation_model("PutRetentionPolicy").input_shape.members["retentionInDays"].documentation
    parameter = TEMPLATES["history"]["Parameters"]["RetentionInDays"]
    assert [
        int(number) for number in re.findall(r"\d+", said.partition("Possible values are")[2].partition(".")[0])
    ] == (parameter["AllowedValues"])
    assert 400 == parameter["Default"]


PROJECTS = [("etl", None), ("etl", "prod")]


@pytest.mark.parametrize(("project", "stage"), PROJECTS)
def test_history_is_of_one_project_and_stage(project: str, stage: str | None) -> None:
    """Tasks by their group, executions by their machine, into the group that the setting expects."""
    stack, name = Stack("history", Project=project, Stage=stage or ""), schedule_group(project=project, stage=stage)
    assert {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {
            "clusterArn": [ARN.format("ecs") + "cluster/default"],
            "group": [task_group(project=project, stage=stage)],
        },
    } == stack.resource("TaskRule")["EventPattern"]
    assert {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [ARN.format("states") + f"stateMachine:{name}"]},
    } == stack.resource("ExecutionRule")["EventPattern"]
    assert f"/aws/events/{name}" == stack.output("HistoryLogGroup")


def test_history_of_all_projects() -> None:
    """Whatever jobrunner has started in the cluster, and nothing else."""
    stack = Stack("history", Project="*", Cluster="batch")
    detail = stack.resource("TaskRule")["EventPattern"]["detail"]
    assert [{"prefix": TASK_GROUP_PREFIX}] == detail["group"]
    assert [ARN.format("ecs") + "cluster/batch"] == detail["clusterArn"]
    assert [{"prefix": ARN.format("states") + "stateMachine:jobrunner-"}] == (
        stack.resource("ExecutionRule")["EventPattern"]["detail"]["stateMachineArn"]
    )
    assert "/aws/events/jobrunner" == stack.output("HistoryLogGroup")


def test_another_name_is_that_of_the_machine() -> None:
    """As `Name` of deploy/jobrunner.yaml made it."""
    history, notify = (Stack(name, Project="etl", Name="mine") for name in FILES)
    machine = [ARN.format("states") + "stateMachine:mine"]
    assert "/aws/events/mine" == history.output("HistoryLogGroup")
    for stack, rule in ((history, "ExecutionRule"), (notify, "FailedRule"), (notify, "TimedOutRule")):
        assert machine == stack.resource(rule)["EventPattern"]["detail"]["stateMachineArn"]


def test_eventbridge_may_write_history_and_nothing_else() -> None:
    """Streams and events, in this log group; both rules wait for it, because what comes before is lost."""
    stack = Stack("history", Project="etl")
    [statement] = json.loads(stack.resource("MayWriteHistory")["PolicyDocument"])["Statement"]
    assert {
        "Sid": "WriteHistory",
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": ARN.format("logs") + "log-group:/aws/events/jobrunner-etl:*",
    } == statement
    resources = TEMPLATES["history"]["Resources"]
    rules = [one for one in resources.values() if one["Type"] == "AWS::Events::Rule"]
    assert ["MayWriteHistory"] * 2 == [rule["DependsOn"] for rule in rules]
    target = {"Id": "history", "Arn": ARN.format("logs") + "log-group:/aws/events/jobrunner-etl"}
    assert [[target]] * 2 == [stack.resource(name)["Targets"] for name in ("TaskRule", "ExecutionRule")]


def test_history_outlives_its_stack() -> None:
    """Also a change that would replace its log group."""
    group = TEMPLATES["history"]["Resources"]["HistoryLogGroup"]
    assert ("Retain", "Retain") == (group["DeletionPolicy"], group["UpdateReplacePolicy"])


ON_PURPOSE = ("user", "interrupt", "fail_fast", "replaced")


def test_notify_is_told_by_the_execution_of_a_run_with_that_topic() -> None:
    """Of one machine, by the text of the input as `core.schedule_request` writes it; not of what somebody stopped."""
    stack = Stack("notify", Project="etl", Stage="prod")
    topic = ARN.format("sns") + "stack"
    detail = stack.resource("FailedRule")["EventPattern"]["detail"]
    [wildcard] = detail.pop("input")
    member = json.dumps({"notify": topic}, separators=(",", ":")).strip("{}")
    assert f"*{member}*" == wildcard["wildcard"]
    assert {
        "stateMachineArn": [ARN.format("states") + f"stateMachine:{schedule_group(project='etl', stage='prod')}"],
        "status": ["FAILED"],
        "error": [{"exists": True}],
        "cause": [{"anything-but": {"wildcard": [f'*"reason":"{reason}"*' for reason in ON_PURPOSE]}}],
    } == detail
    assert {*ON_PURPOSE, SKIPPED} == WANTED
    other = stack.resource("TimedOutRule")["EventPattern"]["detail"]
    assert (["TIMED_OUT"], [wildcard]) == (other["status"], other["input"])


NOTIFY = {"on": ["failure"], "sns": KNOWN["Topic"]}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"notify": NOTIFY}, True),
        ({"notify": NOTIFY, "timeout": "1h", "environment": {"X": '"notify"'}}, True),
        ({"notify": {**NOTIFY, "sns": f"{KNOWN['Topic']}-other"}}, False),
        ({"timeout": "1h"}, False),
        ({"timeout": "1h", "command": ["echo", json.dumps({"notify": KNOWN["Topic"]}, separators=(",", ":"))]}, False),
    ],
)
def test_a_schedules_own_input_tells_or_does_not(fields: dict[str, Any], *, told: bool) -> None:
    """As `apply` writes it: the topic at the top, and what a job's command says is no topic."""
    spec = job_spec(name="nightly", image="busybox", schedule={"cron": "30 2 * * *"}, **fields)
    settings = load_project(FOLDER.parent, stage="local", environ={}).settings
    place = Place(region="eu-west-1", account="123456789012")
    [request] = schedule_requests(spec, settings, place, task_definition="jobrunner-nightly:1")
    detail = {"status": "FAILED", "error": "jobrunner.failed", "cause": "{}", "input": request.body["Target"]["Input"]}
    pattern = Stack("notify", Project="etl").resource("FailedRule")["EventPattern"]
    detail["stateMachineArn"] = pattern["detail"]["stateMachineArn"][0]
    event = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
    assert told == EventPattern.load(json.dumps(pattern)).matches_event(event)


@pytest.mark.parametrize("rule", ["FailedRule", "TimedOutRule"])
@pytest.mark.parametrize("stage", ["", "prod"])
def test_every_variable_of_a_message_is_in_its_event(rule: str, stage: str) -> None:
    """One that is not there costs the message; and nothing of the job's input is in it, where variables are."""
    [target] = Stack("notify", Project="etl", Stage=stage).resource(rule)["Targets"]
    transformer = target["InputTransformer"]
    used = set(re.findall(r"<([^<>]+)>", transformer["InputTemplate"]))
    assert set(transformer["InputPathsMap"]) == used
    paths = {"$.detail.name", "$.time"} | ({"$.detail.error", "$.detail.cause"} if rule == "FailedRule" else set())
    assert paths == set(transformer["InputPathsMap"].values())
    message = json.loads(re.sub(r"<[^<>]+>", '"x"', transformer["InputTemplate"]))
    assert ("etl" in message["what"], f"stage {stage}" in message["what"], bool(stage)) == (
        True,
        bool(stage),
        bool(stage),
    )
    assert (f"--stage {stage}" in message["why"]) == bool(stage)


def test_the_stacks_own_topic_is_told_by_its_rules_alone() -> None:
    """And over TLS only."""
    stack = Stack("notify", Project="etl")
    allowed, denied = stack.resource("TopicPolicy")["PolicyDocument"]["Statement"]
    rules = [KNOWN["FailedRule.Arn"], KNOWN["TimedOutRule.Arn"]]
    assert {
        "Sid": "TellOfFailures",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": KNOWN["Topic"],
        "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
    } == allowed
    assert ("Deny", {"Bool": {"aws:SecureTransport": "false"}}) == (denied["Effect"], denied["Condition"])
    assert ",".join(rules) == stack.output("RuleArns")


@pytest.mark.parametrize("topic", ["", ARN.format("sns") + "theirs"])
def test_a_topic_that_was_there_is_left_alone(topic: str) -> None:
    """No topic, no policy, no subscription; it is the target and the output all the same."""
    stack = Stack("notify", Project="etl", TopicArn=topic)
    expected = topic or KNOWN["Topic"]
    assert [not topic] * 2 == [stack.has("Topic"), stack.has("TopicPolicy")]
    arns = [stack.resource(rule)["Targets"][0]["Arn"] for rule in ("FailedRule", "TimedOutRule")]
    assert [expected] * 3 == [*arns, stack.output("TopicArn")]


@pytest.mark.parametrize(
    ("name", "parameters", "problems"),
    [
        ("history", {"Project": "*"}, 0),
        ("history", {"Project": "etl", "Stage": "prod", "Name": "mine"}, 0),
        ("history", {"Project": "*", "Stage": "prod"}, 1),
        ("history", {"Project": "*", "Name": "mine"}, 1),
        ("notify", {"Project": "etl", "Email": "a@example.com"}, 0),
        ("notify", {"Project": "etl", "Email": "a@example.com", "TopicArn": KNOWN["Topic"]}, 1),
    ],
)
def test_what_does_not_go_together_is_refused(name: str, parameters: dict[str, str], problems: int) -> None:
    """Before anything is made."""
    assert problems == len(Stack(name, **parameters).refused())


def cases() -> Iterator[tuple[str, str, str, bool]]:
    """Template, parameter, value, and whether it is taken."""
    for taken in ("*", "etl_2-x"):
        yield "history", "Project", taken, True
    for refused in ("", "**", "etl*", "-etl", "x" * 33):
        yield "history", "Project", refused, False
    yield "notify", "Project", "*", False
    for taken in ("", "arn:aws:sns:eu-west-1:123456789012:topic", "arn:aws-cn:sns:cn-north-1:123456789012:t_1"):
        yield "notify", "TopicArn", taken, True
    for refused in ("arn:aws:sns:eu-west-1:123456789012:*", "arn:aws:sns:eu-west-1:123456789012:t.fifo", "topic"):
        yield "notify", "TopicArn", refused, False
    for value, taken in (("", True), ("ops@example.com", True), ("ops", False), ("o ps@example.com", False)):
        yield "notify", "Email", value, taken


@pytest.mark.parametrize(("name", "parameter", "value", "taken"), list(cases()))
def test_a_parameter_takes_what_can_be_meant(name: str, parameter: str, value: str, *, taken: bool) -> None:
    """And nothing that would widen a policy or a pattern."""
    pattern = TEMPLATES[name]["Parameters"][parameter]["AllowedPattern"]
    assert taken == (re.search(pattern, value) is not None)


@pytest.mark.parametrize("name", FILES)
def test_the_readme_explains_everything(name: str) -> None:
    """Each resource, each parameter and each output."""
    text, template = (FOLDER / "README.md").read_text(), TEMPLATES[name]
    assert f"[`{name}.yaml`]({name}.yaml)" in text
    named = (*template["Resources"], *template["Parameters"], *template["Outputs"])
    assert [] == [word for word in named if f"`{word}`" not in text]
