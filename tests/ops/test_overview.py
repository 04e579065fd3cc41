"""The schedules that are there: their state, their next fire, and what their job did last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from workshop import EITHER, HOURLY, NIGHTLY

from jobrunner.core.naming import scheduled_run_id
from jobrunner.core.request import RunRequest
from jobrunner.errors import AwsRefusedError, AwsThrottledError
from jobrunner.testing import TaskScript

if TYPE_CHECKING:
    from workshop import Workshop

    from jobrunner.ops.overview import ScheduleStatus

#: The scripted clock begins on 2026-01-01 at 12:00 UTC.
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SOON = "2026-01-01T12:00:00Z"


def rows(workshop: Workshop, *jobs: str) -> list[ScheduleStatus]:
    """The overview."""
    return list(workshop.runner().schedules(*jobs))


def fire(workshop: Workshop, name: str, time: str = SOON, *, attempt: int = 1) -> str:
    """Start what a schedule starts, as EventBridge Scheduler or the state machine does; the task's ARN."""
    from workshop import sent

    def lowered(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"{key[0].lower()}{key[1:]}": lowered(item) for key, item in value.items()}
        if isinstance(value, list):
            return [lowered(item) for item in value]
        return value.replace("<aws.scheduler.scheduled-time>", time) if isinstance(value, str) else value

    body = lowered(sent(workshop.there(name)))
    [own] = body["overrides"]["containerOverrides"]
    own["environment"] = [
        {**pair, "value": str(attempt)} if pair["name"] == "JOBRUNNER_ATTEMPT" else pair for pair in own["environment"]
    ]
    body["clientToken"] = f"{body['clientToken'][:-1]}{attempt}"
    launch = workshop.aws.tasks.run(RunRequest(body=body))
    assert launch.task is not None
    return launch.task.task_arn


def test_every_schedule_of_ours_has_a_row(workshop: Workshop) -> None:
    """By name, with what AWS has; what somebody else has made there has none, nor has a timeout."""
    workshop.write(either=EITHER, nightly=NIGHTLY)
    workshop.apply()
    body = workshop.there("nightly")
    for name in ("theirs", "jobrunner-timeout-4r9k2m8p3w7x5t1q-1"):
        workshop.aws.schedules.create({**body, "Name": name, "Description": "another"})
    expected = [
        ("either", "either", "enabled", "cron(0 9 13 * ? *)", "UTC", NOON.replace(day=13, hour=9)),
        ("either.1.2", "either", "enabled", "cron(0 9 ? * FRI *)", "UTC", NOON.replace(day=2, hour=9)),
        (
            "nightly",
            "nightly",
            "enabled",
            "cron(30 2 * * ? *)",
            "Europe/London",
            NOON.replace(day=2, hour=2, minute=30),
        ),
    ]
    found = [(one.name, one.job, one.state, one.expression, one.timezone, one.next) for one in rows(workshop)]
    assert expected == found


def test_nothing_is_there_before_the_first_apply(workshop: Workshop) -> None:
    """Then the cluster is not asked for tasks, either."""
    workshop.write(nightly=NIGHTLY)
    assert [] == rows(workshop)
    assert [] == workshop.aws.tasks.calls


def test_only_the_named_jobs_are_shown(workshop: Workshop) -> None:
    """Nor are the schedules of others read."""
    workshop.write(either=EITHER, nightly=NIGHTLY, hourly=HOURLY)
    workshop.apply()
    reads = workshop.aws.schedules.calls.count("get")
    assert ["either", "either.1.2"] == [one.name for one in rows(workshop, "either", "unknown")]
    assert reads + 2 == workshop.aws.schedules.calls.count("get")


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ('{rate: 8 hours, start: "2026-01-01T13:00"}', NOON.replace(hour=13)),
        ("{rate: 8 hours}", None),
        ('{at: "2026-06-01T09:00", timezone: Europe/London}', datetime(2026, 6, 1, 8, tzinfo=UTC)),
        ('{cron: "0 12 * * *"}', NOON),
        ('{cron: "0 0 1 2 *", end: "2026-01-15T00:00"}', None),
    ],
)
def test_the_next_fire_is_by_awss_rules(workshop: Workshop, text: str, fires: datetime | None) -> None:
    """Of a rate without a start it is not known: it counts from its creation."""
    workshop.write(job=f"image: busybox\nschedule: {text}\n")
    workshop.apply()
    assert [fires] == [one.next for one in rows(workshop)]


def test_what_is_paused_has_no_next_fire(workshop: Workshop) -> None:
    """It is known again when it is resumed."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.runner().pause("nightly")
    assert [("paused", None)] == [(one.state, one.next) for one in rows(workshop)]


def test_what_is_over_says_so(workshop: Workshop) -> None:
    """Whether it is paused or not."""
    workshop.write(once='image: busybox\nschedule: {at: "2026-01-01T13:00"}\n')
    workshop.apply()
    workshop.aws.clock.sleep(7200)
    assert [("over", None)] == [(one.state, one.next) for one in rows(workshop)]


@pytest.mark.parametrize(
    ("members", "fires"),
    [
        ({"ScheduleExpression": "cron(15 10 ? * 6L 2026)"}, datetime(2026, 1, 30, 10, 15, tzinfo=UTC)),
        ({"ScheduleExpression": "cron(0/5 8-17 ? * MON-FRI/2 *)"}, None),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, None),
    ],
)
def test_what_somebody_has_written_by_hand_is_read_as_far_as_it_goes(
    workshop: Workshop, members: dict[str, str], fires: datetime | None
) -> None:
    """The expression need not be in any file."""
    workshop.write(hourly=HOURLY)
    workshop.apply()
    workshop.change("hourly", **members)
    assert [("enabled", fires)] == [(one.state, one.next) for one in rows(workshop)]


def test_a_last_run_is_judged(workshop: Workshop) -> None:
    """As `status` does; schedules of one job share it, and it is the newest of them."""
    workshop.write(either=EITHER, nightly=NIGHTLY)
    workshop.apply()
    assert [None, None, None] == [one.last for one in rows(workshop)]
    workshop.aws.script(TaskScript(runs=1), TaskScript(runs=1, exit_codes={"main": 3}))
    fire(workshop, "either")
    workshop.aws.clock.sleep(60)
    fire(workshop, "either.1.2", "2026-01-01T12:01:00Z")
    workshop.aws.clock.sleep(60)
    one, two, none = (row.last for row in rows(workshop))
    assert one == two
    assert one is not None
    assert one.judgement is not None
    assert (scheduled_run_id("either", "2026-01-01T12:01:00Z"), "2026-01-01T12:01:00Z") == (
        one.run_id,
        one.scheduled_time,
    )
    assert ("failed", 3, 1) == (str(one.judgement.verdict), one.judgement.exit_code, one.attempt)
    assert None is none


def test_a_run_that_runs_is_shown_as_running(workshop: Workshop) -> None:
    """With its attempt; it has no verdict yet."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.aws.script(TaskScript(runs=1, exit_codes={"main": 75}), TaskScript(runs=600))
    fire(workshop, "nightly")
    workshop.aws.clock.sleep(10)
    arn = fire(workshop, "nightly", attempt=2)
    workshop.aws.clock.sleep(10)
    [row] = rows(workshop)
    assert row.last is not None
    assert (arn, "RUNNING", 2, None) == (
        row.last.task.task_arn,
        row.last.task.last_status,
        row.last.attempt,
        row.last.judgement,
    )
    document = row.to_json()["last"]
    assert ("RUNNING", None, None) == (document["phase"], document["verdict"], document["stopped_at"])


def test_runs_by_hand_and_of_others_do_not_count(workshop: Workshop) -> None:
    """Only what the schedules of the job have started."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.runner().run("nightly")
    assert [None] == [one.last for one in rows(workshop)]


def test_the_container_that_is_judged_is_the_jobs_own(workshop: Workshop) -> None:
    """In an existing task definition it may have any name; the schedule itself says which it is."""
    containers = [{"name": "proxy", "image": "busybox"}, {"name": "worker", "image": "busybox"}]
    workshop.aws.definitions.register({"family": "theirs", "containerDefinitions": containers})
    workshop.write(borrowed="task_definition: theirs\ncontainer: worker\nschedule: {rate: 1 hour}\n")
    workshop.apply()
    workshop.remove("borrowed")
    workshop.aws.script(TaskScript(runs=1, exit_codes={"proxy": 0, "worker": 9}))
    fire(workshop, "borrowed")
    workshop.aws.clock.sleep(60)
    [row] = rows(workshop)
    assert row.last is not None
    assert row.last.judgement is not None
    assert 9 == row.last.judgement.exit_code
    workshop.change("borrowed", Target={**workshop.there("borrowed")["Target"], "Input": "{}"})
    [row] = rows(workshop)
    assert row.last is not None
    assert row.last.judgement is not None
    assert None is row.last.judgement.exit_code  # whose it is, is not known: no success


def test_the_cluster_is_asked_once_for_all_jobs(workshop: Workshop) -> None:
    """ListTasks once, DescribeTasks for a hundred tasks at a time."""
    workshop.write(**{f"job_{number}": NIGHTLY for number in range(5)})
    workshop.apply()
    for number in range(5):
        for minute in range(50):
            fire(workshop, f"job-{number}", f"2026-01-01T12:{minute:02}:00Z")
    workshop.aws.tasks.calls.clear()
    assert 5 == len([one for one in rows(workshop) if one.last is not None])
    assert ["find", "describe", "describe", "describe"] == workshop.aws.tasks.calls


def test_an_overview_is_patient_with_aws(workshop: Workshop) -> None:
    """A refusal is an error: an empty column would be a lie."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    fire(workshop, "nightly")
    for call in ("find", "describe"):
        workshop.aws.tasks.fail(call, AwsThrottledError("Rate exceeded"))
    workshop.aws.schedules.fail("names", AwsThrottledError("Rate exceeded"))
    assert [True] == [one.last is not None for one in rows(workshop)]
    workshop.aws.tasks.fail("find", AwsRefusedError("not allowed"))
    with pytest.raises(AwsRefusedError, match="not allowed"):
        rows(workshop)


def test_a_row_is_a_json_object(workshop: Workshop) -> None:
    """As `--output json` prints it."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.aws.script(TaskScript(startup=1, runs=1, deprovisioning=1))
    arn = fire(workshop, "nightly")
    workshop.aws.clock.sleep(timedelta(minutes=1).total_seconds())
    last = {
        "run_id": "nightly@2026-01-01T12:00:00Z",
        "scheduled_time": "2026-01-01T12:00:00Z",
        "attempt": 1,
        "task_arn": arn,
        "phase": "STOPPED",
        "verdict": "succeeded",
        "exit_code": 0,
        "created_at": "2026-01-01T12:00:00.000Z",
        "stopped_at": "2026-01-01T12:00:03.000Z",
    }
    expected = {
        "name": "nightly",
        "job": "nightly",
        "state": "enabled",
        "schedule": "cron(30 2 * * ? *)",
        "timezone": "Europe/London",
        "next": "2026-01-02T02:30:00Z",
        "last": last,
    }
    assert [expected] == [one.to_json() for one in rows(workshop)]
