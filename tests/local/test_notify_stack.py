"""Scheduled runs that fail tell a topic, by the rules of `deploy/notify.yaml` and with no process of ours alive."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from state_machines import StateMachines

from jobrunner.core import local_stage
from jobrunner.core.ecs_json import pascal
from jobrunner.core.naming import scheduled_run_id, started_by_schedule
from jobrunner.core.retry import Policy
from jobrunner.core.stops import START_TIMEOUT, STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint

TEMPLATE = (Path(__file__).parents[2] / "deploy" / "notify.yaml").read_text(encoding="utf-8")
TIME = "2026-11-24T02:30:00Z"
_numbers = itertools.count()


class Topic:
    """The stack, and a queue that gets what its topic is told.

    Args:
        endpoint: Where.
        parameters: Of the stack, beside `Project`.
    """

    def __init__(self, endpoint: Endpoint, name: str, **parameters: str) -> None:
        self.name = name
        self.sns, self.sqs = (client_of(endpoint.connection, service) for service in ("sns", "sqs"))
        self.cloudformation = client_of(endpoint.connection, "cloudformation")
        given = {"Project": "local", **parameters}
        self.cloudformation.create_stack(
            StackName=name,
            TemplateBody=TEMPLATE,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        [stack] = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.arn = self.outputs["TopicArn"]
        self._url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = f"arn:aws:sqs:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:{name}"
        self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})

    def received(self) -> list[dict[str, Any]]:
        """What has come since the last time."""
        found = self.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def close(self) -> None:
        """Remove all of it."""
        self.cloudformation.delete_stack(StackName=self.name)
        self.sqs.delete_queue(QueueUrl=self._url)


@pytest.fixture
def topic(endpoint: Endpoint) -> Iterator[Topic]:
    """A topic that the stack makes."""
    made = Topic(endpoint, f"told-{next(_numbers)}")
    yield made
    made.close()


class Scheduled:
    """Starts runs in the state machine of the local stage, as EventBridge Scheduler does."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.machines = StateMachines(jobs.connection)

    def start(self, script: str, notify: str | None, *, attempts: int = 1) -> tuple[str, str]:
        """Start one; its run id and the ARN of its execution."""
        job, scope = f"job{next(_numbers)}", f"{next(_numbers):016}"
        run_id = scheduled_run_id(job, TIME)
        pairs = [{"name": "JOBRUNNER_RUN_ID", "value": run_id}, {"name": "JOBRUNNER_ATTEMPT", "value": "1"}]
        request = self._jobs.request(
            self._jobs.define(container("sh", "-c", script)),
            clientToken=f"{scope}-{TIME}-1",
            startedBy=started_by_schedule(scope),
            overrides={"containerOverrides": [{"name": "main", "environment": pairs}]},
        )
        document = {
            "job": job,
            "run_id": run_id,
            "scope": scope,
            "scheduled_time": TIME,
            "container": "main",
            "request": pascal(request),
            "policy": Policy(attempts=attempts, backoff=0, max_backoff=0, on=(75,)).to_json(),
            "timeout": 60,
            "overlap": "allow",
            "first_look": 1,
            **({} if notify is None else {"notify": notify}),
        }
        text = json.dumps(document, separators=(",", ":"))
        self.machines.start(local_stage.STATE_MACHINE, input=text)
        machine = local_stage.STATE_MACHINE.replace(":stateMachine:", ":execution:")
        return run_id, f"{machine}:{scope}-{TIME.replace(':', '.')}"

    def run(self, script: str, notify: str | None, *, attempts: int = 1) -> tuple[str, dict[str, Any]]:
        """Run one to its end; its run id and how its execution ended."""
        run_id, execution = self.start(script, notify, attempts=attempts)
        self.under_way(execution)
        return run_id, self.machines.end(execution)

    def under_way(self, execution: str) -> None:
        """Wait until the execution that goes on is there: the first one only starts it."""
        until(lambda: execution in {one["executionArn"] for one in self._listed()})

    def _listed(self) -> list[dict[str, Any]]:
        found = self.machines.client.list_executions(stateMachineArn=local_stage.STATE_MACHINE, maxResults=1000)
        executions: list[dict[str, Any]] = found["executions"]
        return executions


@pytest.fixture(scope="module")
def scheduled(jobs: Jobs) -> Scheduled:
    """Runs of schedules."""
    return Scheduled(jobs)


def test_a_run_that_fails_is_told_once_after_its_last_attempt(topic: Topic, scheduled: Scheduled) -> None:
    """Retried attempts tell nothing; the message says which run, how it ended, why, and what to type."""
    run_id, end = scheduled.run("exit 75", topic.arn, attempts=2)
    [message] = until(topic.received)
    cause = json.loads(message.pop("cause"))
    assert ("FAILED", json.loads(end["cause"])) == (end["status"], cause)
    assert (run_id, 2, "failed", 75) == tuple(cause[key] for key in ("run_id", "attempt", "verdict", "exit_code"))
    assert end["name"] == message.pop("execution")
    assert message.pop("time").endswith("Z")
    assert {
        "what": "A scheduled run of local has failed.",
        "why": "jobrunner explain RUN, with the run_id of cause for RUN",
        "error": "jobrunner.failed",
    } == message
    assert [] == settled(topic, scheduled)


def settled(topic: Topic, scheduled: Scheduled) -> list[dict[str, Any]]:
    """What was told until now: of a last run, which fails, the message comes after all others."""
    run_id, _ = scheduled.run("exit 9", topic.arn)
    found: list[dict[str, Any]] = []

    def last() -> bool:
        found.extend(topic.received())
        return run_id in str(found)

    until(last)
    return [message for message in found if run_id not in message["cause"]]


def test_what_is_no_failure_is_not_told(topic: Topic, scheduled: Scheduled, jobs: Jobs) -> None:
    """A success, also of a second attempt; a job without notify, or with another topic; what somebody stops."""
    assert "SUCCEEDED" == scheduled.run("true", topic.arn)[1]["status"]
    assert "SUCCEEDED" == scheduled.run('test "$JOBRUNNER_ATTEMPT" = 2 || exit 75', topic.arn, attempts=2)[1]["status"]
    assert "FAILED" == scheduled.run("exit 3", None)[1]["status"]
    assert "FAILED" == scheduled.run("exit 3", f"{topic.arn}-other")[1]["status"]

    _, execution = scheduled.start("exec sleep 600", topic.arn)
    scheduled.under_way(execution)
    scheduled.machines.client.stop_execution(executionArn=execution, error="jobrunner.stopped", cause=STOP)
    assert "ABORTED" == scheduled.machines.end(execution)["status"]

    run_id, execution = scheduled.start("exec sleep 600", topic.arn)
    task = until(lambda: of_run(jobs, run_id))
    jobs.stop(task, reason=STOP)
    assert ("FAILED", "jobrunner.stopped") == tuple(
        scheduled.machines.end(execution)[key] for key in ("status", "error")
    )
    assert [] == settled(topic, scheduled)


def test_what_aws_or_a_deadline_has_stopped_is_told(topic: Topic, scheduled: Scheduled, jobs: Jobs) -> None:
    """Nobody wanted that, although the verdict is the same as of what somebody stopped."""
    run_id, execution = scheduled.start("exec sleep 600", topic.arn)
    jobs.stop(until(lambda: of_run(jobs, run_id)), reason=START_TIMEOUT)
    assert "FAILED" == scheduled.machines.end(execution)["status"]
    [message] = until(topic.received)
    assert run_id == json.loads(message["cause"])["run_id"]


def of_run(jobs: Jobs, run_id: str) -> str | None:
    """The task of a run, once it runs."""
    arns = jobs.ecs.list_tasks(cluster=local_stage.CLUSTER)["taskArns"]
    tasks = jobs.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=arns)["tasks"] if arns else []
    found = [one["taskArn"] for one in tasks if run_id in str(one["overrides"]) and one["lastStatus"] == "RUNNING"]
    return found[0] if found else None


def test_a_topic_that_was_there_keeps_its_policy(endpoint: Endpoint, topic: Topic, scheduled: Scheduled) -> None:
    """Until its owner lets the rules publish, nothing arrives; the policy and the subscriptions are as they were."""
    theirs = topic.sns.create_topic(Name="theirs")["TopicArn"]
    before = topic.sns.get_topic_attributes(TopicArn=theirs)["Attributes"]["Policy"]
    second = Topic(endpoint, f"told-{next(_numbers)}", TopicArn=theirs)
    try:
        assert (theirs, before) == (second.arn, policy_of(second))
        scheduled.run("exit 3", theirs)
        assert [] == settled(topic, scheduled)
        assert [] == second.received()
        rules = second.outputs["RuleArns"].split(",")
        topic.sns.set_topic_attributes(TopicArn=theirs, AttributeName="Policy", AttributeValue=letting(theirs, rules))
        run_id, _ = scheduled.run("exit 4", theirs)
        [message] = until(second.received)
        assert run_id == json.loads(message["cause"])["run_id"]
    finally:
        second.close()
    assert letting(theirs, rules) == policy_of(second)


def policy_of(topic: Topic) -> str:
    """The policy of a topic."""
    text: str = topic.sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["Policy"]
    return text


def letting(topic: str, rules: list[str]) -> str:
    """The policy that `deploy/README.md` tells the owner of a topic to set."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def test_an_address_is_subscribed_to_the_stacks_own_topic(endpoint: Endpoint) -> None:
    """With the stage in the words of the message, and without a second topic when it goes."""
    made = Topic(endpoint, "mailed", Stage="prod", Email="ops@example.com")
    subscriptions = made.sns.list_subscriptions_by_topic(TopicArn=made.arn)["Subscriptions"]
    assert ("email", "ops@example.com") in [(one["Protocol"], one["Endpoint"]) for one in subscriptions]
    events = client_of(endpoint.connection, "events")
    names = [rule["Name"] for rule in events.list_rules(NamePrefix="mailed-")["Rules"]]
    assert 2 == len(names)
    for name in names:
        [target] = events.list_targets_by_rule(Rule=name)["Targets"]
        assert "stage prod" in target["InputTransformer"]["InputTemplate"]
        pattern = json.loads(events.describe_rule(Name=name)["EventPattern"])
        assert ["jobrunner-local-prod"] == [arn.rpartition(":")[2] for arn in pattern["detail"]["stateMachineArn"]]
    made.close()
    assert made.arn not in [one["TopicArn"] for one in made.sns.list_topics()["Topics"]]
