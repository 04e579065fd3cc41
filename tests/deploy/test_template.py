"""`deploy/jobrunner.yaml`: what CloudFormation takes of it, and that the state machine in it is ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonata
import pytest
from template import PATH, load, machine, written

from jobrunner.core.naming import schedule_group
from jobrunner.core.state_machine import definition

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = load()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
#: Bytes of a template that need no bucket ("Quotas", CloudFormation user guide).
WITHOUT_BUCKET = 51_200
#: Bytes that are left to users who add something to their copy.
ROOM = 2_200


def leaves(value: Any) -> Iterator[Any]:
    """All that is no mapping and no list."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


#: For other partitions cfn-lint has one pattern for the ARNs of integrations, and it begins with `arn:aws:`.
ELSEWHERE = ("--ignore-checks", "W1031")


@pytest.mark.parametrize(
    ("region", "options"), [("eu-west-1", ()), ("us-gov-west-1", ELSEWHERE), ("cn-north-1", ELSEWHERE)]
)
def test_cfn_lint_says_nothing(region: str, options: tuple[str, ...]) -> None:
    """Neither errors nor warnings, nor what it says for information only."""
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    command = [sys.executable, lint, "--include-checks", "I", "--regions", region, *options, "--", str(PATH)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ("", 0) == (done.stdout + done.stderr, done.returncode)


def test_the_state_machine_is_that_of_the_core() -> None:
    """Written anew by `python -m tests.deploy.template` when it has changed."""
    assert machine() == RESOURCES["StateMachine"]["Properties"]["Definition"]
    assert PATH.read_text() == written(PATH.read_text())


def test_what_the_template_spells_otherwise_means_the_same() -> None:
    """Null is an expression there, and letters beyond ASCII are escapes, which JSONata reads in its strings."""
    assert None is jsonata.Jsonata("null").evaluate(None)
    spelled = {text for text in leaves(definition()) if isinstance(text, str) and not text.isascii()}
    assert spelled
    letters = {letter for text in spelled for letter in text if not letter.isascii()}
    for letter in letters:
        escaped = letter.encode("ascii", "backslashreplace").decode()
        assert letter == jsonata.Jsonata(f"'{escaped}'").evaluate(None)


def test_cloudformation_takes_it() -> None:
    """No null, which it refuses; ASCII, which it shows; no `${` but its own, which it would fill."""
    assert [] == [leaf for leaf in leaves(TEMPLATE) if leaf is None]
    assert PATH.read_text().isascii()
    texts = [text for text in leaves(RESOURCES["StateMachine"]) if isinstance(text, str)]
    assert {"${AWS::Partition}"} == {found for text in texts for found in re.findall(r"\$\{[^}]*\}", text)}


def test_one_command_deploys_it() -> None:
    """Above the limit CloudFormation takes it from S3 only, and `aws cloudformation deploy` demands a bucket."""
    assert PATH.stat().st_size <= WITHOUT_BUCKET - ROOM


def test_all_parameters_are_explained_and_bounded() -> None:
    """Each has a description, a pattern, what that means, and a place in the console."""
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    shown = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert list(PARAMETERS) == shown
    keys = {"Description", "AllowedPattern", "ConstraintDescription"}
    assert [] == [name for name, parameter in PARAMETERS.items() if not keys <= parameter.keys()]


ROLE = "arn:aws:iam::123456789012:role/path/to/etl+x=1@y"


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("Project", "etl_2-x", True),
        ("Project", "", False),
        ("Project", "-etl", False),
        ("Project", "x" * 33, False),
        ("Stage", "", True),
        ("Stage", "prod", True),
        ("Stage", "a/b", False),
        ("Cluster", "arn:aws:ecs:eu-west-1:123456789012:cluster/c", False),
        ("ExecutionRoleArn", ROLE, True),
        ("ExecutionRoleArn", ROLE.replace("aws:", "aws-us-gov:"), True),
        ("ExecutionRoleArn", "", False),
        ("ExecutionRoleArn", "etl-execution", False),
        ("ExecutionRoleArn", "*", False),
        ("TaskRoleArn", "", True),
        ("TaskRoleArn", "arn:aws:iam::123456789012:role/*", False),
        ("TaskDefinitionArn", "", True),
        ("TaskDefinitionArn", "arn:aws:ecs:eu-west-1:123456789012:task-definition/legacy:*", True),
        ("TaskDefinitionArn", "arn:aws:ecs:eu-west-1:123456789012:task-definition/legacy:12", True),
        ("TaskDefinitionArn", "arn:aws:ecs:eu-west-1:123456789012:task-definition/*:*", False),
        ("TaskDefinitionArn", "arn:aws:ecs:eu-west-1:123456789012:task-definition/legacy", False),
        ("Name", "x" * 54, True),
        ("Name", "x" * 55, False),
    ],
)
def test_a_parameter_takes_what_can_be_meant(name: str, value: str, taken: bool) -> None:  # noqa: FBT001 - a case
    """And nothing that would widen a policy."""
    assert taken == (re.search(PARAMETERS[name]["AllowedPattern"], value) is not None)


def test_the_names_that_are_made_have_room() -> None:
    """IAM's names have 64 characters, and the longest name that a parameter takes leaves that for the roles."""
    longest = "x" * 54
    assert re.search(PARAMETERS["Name"]["AllowedPattern"], longest)
    for role in ("SchedulerRole", "StateMachineRole"):
        assert len(RESOURCES[role]["Properties"]["RoleName"]["Fn::Sub"].replace("${ScheduleGroup}", longest)) <= 64


@pytest.mark.parametrize("stage", [None, "prod"])
def test_the_group_has_the_name_that_jobrunner_expects(stage: str | None) -> None:
    """So that `schedule_group` need not be set."""
    condition, given, [staged, with_stage, without] = (
        *RESOURCES["ScheduleGroup"]["Properties"]["Name"]["Fn::If"][:2],
        RESOURCES["ScheduleGroup"]["Properties"]["Name"]["Fn::If"][2]["Fn::If"],
    )
    assert ("HasName", {"Ref": "Name"}, "HasStage") == (condition, given, staged)
    text = (with_stage if stage else without)["Fn::Sub"]
    name = text.replace("${Project}", "etl").replace("${Stage}", stage or "")
    assert schedule_group(project="etl", stage=stage) == name


def test_the_outputs_are_settings() -> None:
    """Each says in its description which one it is."""
    settings = {name: output["Description"].partition(" ")[0] for name, output in TEMPLATE["Outputs"].items()}
    assert {
        "SchedulerRoleArn": "scheduler_role",
        "ScheduleGroupName": "schedule_group",
        "DeadLetterQueueArn": "dead_letter_queue",
        "StateMachineArn": "state_machine",
    } == settings


def test_the_state_machine_waits_for_its_permissions() -> None:
    """An execution that begins without them would fail."""
    assert "TaskPolicy" == RESOURCES["StateMachine"]["DependsOn"]


def test_the_queue_is_one_that_scheduler_takes() -> None:
    """A standard one; what is in it is encrypted, and stays as long as SQS keeps anything: 14 days."""
    queue = RESOURCES["DeadLetterQueue"]["Properties"]
    assert ("FifoQueue" in queue, queue["SqsManagedSseEnabled"]) == (False, True)
    assert 14 * 86_400 == queue["MessageRetentionPeriod"]


def test_the_readme_explains_everything() -> None:
    """Each resource, each parameter, and each setting that an output is for."""
    text = (PATH.parent / "README.md").read_text()
    settings = [output["Description"].partition(" ")[0] for output in TEMPLATE["Outputs"].values()]
    assert [] == [name for name in (*RESOURCES, *PARAMETERS) if f"`{name}`" not in text]
    assert [] == [name for name in settings if f"    {name}: " not in text]
