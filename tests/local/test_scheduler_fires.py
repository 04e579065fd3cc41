"""Schedules call their targets: when, and with what."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from scheduling import QUEUE, at, ecs_target, exists, schedule, stop, target

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint

ATTRIBUTES = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")


@pytest.fixture(scope="module")
def scheduler(endpoint: Endpoint) -> Any:
    """A client."""
    return client_of(endpoint.connection, "scheduler")


@pytest.fixture
def name() -> str:
    """A name that nobody else uses."""
    return f"s-{uuid.uuid4().hex}"


@pytest.fixture
def sleeper(jobs: Jobs) -> Iterator[str]:
    """A task that would run for ten minutes; its ARN."""
    arn = jobs.start(container("sleep", "600"))
    jobs.reach(arn, "RUNNING")
    yield arn
    jobs.stop(arn)
    jobs.reach(arn, "STOPPED")


# -- when --------------------------------------------------------------------------------------------------------


def test_stop_task_at_its_time(jobs: Jobs, scheduler: Any, sleeper: str, name: str) -> None:
    """Not before the time, in the schedule's own zone; with DELETE the schedule is gone afterwards."""
    zone = ZoneInfo("Asia/Kathmandu")
    moment = (dt.datetime.now(zone) + dt.timedelta(seconds=2)).replace(microsecond=0)
    scheduler.create_schedule(
        **schedule(
            name,
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone="Asia/Kathmandu",
            ActionAfterCompletion="DELETE",
            Target=stop(sleeper, "it is time"),
        )
    )
    task = jobs.reach(sleeper, "STOPPED")
    assert ("UserInitiated", "it is time") == (task["stopCode"], task["stoppedReason"])
    assert moment <= task["stoppingAt"]
    until(lambda: not exists(scheduler, name))


def test_a_time_that_has_passed(jobs: Jobs, scheduler: Any, sleeper: str, name: str) -> None:
    """Fires at once. The user guide does not say so; users saw AWS do it. Without DELETE the schedule stays."""
    scheduler.create_schedule(
        **schedule(name, ScheduleExpression="at(2026-01-01T00:00:00)", Target=stop(sleeper, "overdue"))
    )
    assert "overdue" == jobs.reach(sleeper, "STOPPED")["stoppedReason"]
    assert exists(scheduler, name)
    scheduler.delete_schedule(Name=name)


def test_a_rate_begins_at_once(jobs: Jobs, scheduler: Any, sleeper: str, name: str) -> None:
    """User guide: without a start date a rate begins when it is created. It goes on, so it stays."""
    scheduler.create_schedule(
        **schedule(
            name,
            ScheduleExpression="rate(1 hour)",
            ActionAfterCompletion="DELETE",
            Target=stop(sleeper, "<aws.scheduler.scheduled-time>"),
        )
    )
    scheduled = dt.datetime.fromisoformat(jobs.reach(sleeper, "STOPPED")["stoppedReason"])
    assert dt.timedelta(0) <= dt.datetime.now(dt.UTC) - scheduled < dt.timedelta(seconds=30)
    assert exists(scheduler, name)
    scheduler.delete_schedule(Name=name)


def test_only_what_was_said_last_fires(jobs: Jobs, scheduler: Any, sleeper: str, name: str) -> None:
    """A disabled schedule does not fire; an update forgets the time and the target of before."""
    scheduler.create_schedule(**schedule(name, ScheduleExpression=at(1), State="DISABLED", Target=stop(sleeper, "1")))
    scheduler.update_schedule(**schedule(name, ScheduleExpression=at(1.5), Target=stop(sleeper, "2")))
    scheduler.update_schedule(**schedule(name, ScheduleExpression=at(3), Target=stop(sleeper, "3")))
    assert "3" == jobs.reach(sleeper, "STOPPED")["stoppedReason"]
    scheduler.delete_schedule(Name=name)


def test_an_update_of_a_past_schedule_does_not_repeat_it(jobs: Jobs, scheduler: Any, name: str) -> None:
    """With the same time, nothing fires; with another, also a past one, it does."""
    first, second = (jobs.start(container("sleep", "600")) for _ in range(2))
    past = "at(2026-01-01T00:00:00)"
    scheduler.create_schedule(**schedule(name, ScheduleExpression=past, Target=stop(first, "1")))
    jobs.reach(first, "STOPPED")
    scheduler.update_schedule(**schedule(name, ScheduleExpression=past, Target=stop(second, "2")))
    scheduler.update_schedule(**schedule(name, ScheduleExpression="at(2026-01-02T00:00:00)", Target=stop(second, "3")))
    assert "3" == jobs.reach(second, "STOPPED")["stoppedReason"]
    scheduler.delete_schedule(Name=name)


def test_a_deleted_group_fires_nothing(jobs: Jobs, scheduler: Any, sleeper: str, name: str) -> None:
    """Its schedules are gone with it."""
    scheduler.create_schedule_group(Name=name)
    scheduler.create_schedule(
        **schedule("one", GroupName=name, ScheduleExpression=at(1), Target=stop(sleeper, "never"))
    )
    scheduler.delete_schedule_group(Name=name)
    # What is armed later and fires shows that the time of the deleted one has passed.
    marker = jobs.start(container("sleep", "600"))
    scheduler.create_schedule(
        **schedule(name, ScheduleExpression=at(2.5), ActionAfterCompletion="DELETE", Target=stop(marker, "m"))
    )
    jobs.reach(marker, "STOPPED")
    assert "RUNNING" == jobs.describe(sleeper)["lastStatus"]


# -- with what ---------------------------------------------------------------------------------------------------


def test_run_task_with_context_attributes(jobs: Jobs, scheduler: Any, name: str) -> None:
    """A whole RunTask request in PascalCase becomes a task; the keywords in its Input are replaced."""
    definition = jobs.define(container("sh", "-c", "env | grep ^CONTEXT_; echo $OTHER"))
    variables = {f"CONTEXT_{one.upper().replace('-', '_')}": f"<aws.scheduler.{one}>" for one in ATTRIBUTES}
    asked = {
        "Cluster": local_stage.CLUSTER,
        "TaskDefinition": definition,
        "Count": 1,
        "LaunchType": "FARGATE",
        "StartedBy": name,
        "ClientToken": "<aws.scheduler.execution-id>",
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": list(local_stage.SUBNETS)}},
        "EnableECSManagedTags": True,
        "Tags": [{"Key": "by", "Value": "<aws.scheduler.schedule-arn>"}],
        "Overrides": {
            "Cpu": "512",
            "Memory": "1024",
            "ContainerOverrides": [
                {
                    "Name": "main",
                    "Environment": [{"Name": key, "Value": value} for key, value in variables.items()]
                    + [{"Name": "OTHER", "Value": "<aws.scheduler.unknown> stays"}],
                }
            ],
        },
    }
    expression = at(0.2)
    made = scheduler.create_schedule(
        **schedule(
            name, ScheduleExpression=expression, ActionAfterCompletion="DELETE", Target=target("runTask", Input=asked)
        )
    )

    def started() -> list[str]:
        arns: list[str] = []
        for status in ("RUNNING", "STOPPED"):
            listed = jobs.ecs.list_tasks(cluster=local_stage.CLUSTER, startedBy=name, desiredStatus=status)
            arns += listed["taskArns"]
        return arns

    task = jobs.reach(until(started)[0], "STOPPED")
    assert ("512", "1024", name) == (task["cpu"], task["memory"], task["startedBy"])
    *context, other = jobs.lines(task)
    seen = dict(line.split("=", 1) for line in context)
    moment = expression.removeprefix("at(").removesuffix(")")
    assert len(seen.pop("CONTEXT_EXECUTION_ID")) == 16
    expected = {
        "CONTEXT_SCHEDULE_ARN": made["ScheduleArn"],
        "CONTEXT_SCHEDULED_TIME": f"{moment}Z",
        "CONTEXT_ATTEMPT_NUMBER": "1",
    }
    assert expected == seen
    assert "<aws.scheduler.unknown> stays" == other
    assert 1 == len(set(started()))


# -- what is not done here ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"ScheduleExpression": "cron(0 3 31 2 ? *)"}, "it never fires: there is no such time"),
        ({"Target": target(Arn=QUEUE)}, f"the target {QUEUE} is not called by this endpoint"),
        ({"Target": target("tagResource", Input={"ResourceArn": "x", "Tags": []})}, "tagResource is not called"),
        (
            {"Target": ecs_target("etl:1", Input={"ContainerOverrides": []})},
            "each call will fail: Invalid RequestJson provided. Reason ContainerOverrides is not one of containerOver",
        ),
        (
            {"ScheduleExpression": "at(2027-03-28T01:30:00)", "ScheduleExpressionTimezone": "Europe/London"},
            "it never fires: the clocks of its zone skip that time",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:40],
)
def test_what_does_not_happen_here_is_said(
    scheduler: Any, name: str, caplog: pytest.LogCaptureFixture, members: dict[str, Any], words: str
) -> None:
    """At creation, as a warning in the endpoint's log; the schedule is kept all the same."""
    scheduler.create_schedule(**schedule(name, **members))
    [record] = caplog.records
    assert (logging.WARNING, True) == (record.levelno, words in record.getMessage())
    assert f"schedule default/{name}: " in record.getMessage()
    assert exists(scheduler, name)
    scheduler.delete_schedule(Name=name)


def test_what_happens_here_needs_no_words(scheduler: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A timeout of a run is nothing to warn of, and a nightly run with everything is not either."""
    scheduler.create_schedule(**schedule(name))
    scheduler.delete_schedule(Name=name)
    nightly = ecs_target("etl:1", Input={"cpu": "512"}, DeadLetterConfig={"Arn": QUEUE})
    scheduler.create_schedule(**schedule(name, ScheduleExpression="cron(0 3 * * ? *)", Target=nightly))
    scheduler.delete_schedule(Name=name)
    assert [] == caplog.records


def test_a_target_that_is_not_called_is_no_success(scheduler: Any, name: str) -> None:
    """Its time passes, and it is still there: nothing is pretended."""
    scheduler.create_schedule(
        **schedule(name, ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=target(Arn=QUEUE))
    )
    other = f"{name}-2"
    scheduler.create_schedule(
        **schedule(
            other,
            ScheduleExpression=at(1),
            ActionAfterCompletion="DELETE",
            Target=target(RetryPolicy={"MaximumRetryAttempts": 0}),
        )
    )
    until(lambda: not exists(scheduler, other))
    assert exists(scheduler, name)
    scheduler.delete_schedule(Name=name)
