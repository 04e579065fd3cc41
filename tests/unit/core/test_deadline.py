"""The schedule that stops a task at its timeout."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core import naming
from jobrunner.core.deadline import Deadline

RUN_ID = "4r9k2m8p3w7x5t1q"
ARN = "arn:aws:ecs:eu-west-1:123456789012:task/blue/0f3c0000000000000000000000000000"
DEADLINE = Deadline(
    name="jobrunner-timeout-4r9k2m8p3w7x5t1q-1",
    group="jobrunner",
    at=datetime(2026, 11, 23, 4, 30, tzinfo=UTC),
    role="arn:aws:iam::210987654321:role/other",
    cluster="blue",
    task_arn=ARN,
    reason='jobrunner: timed out after 2h "nightly"',
)


def test_the_request_is_complete() -> None:
    """Every field that has an effect is written out; the Input has PascalCase keys, whatever ECS calls them."""
    expected = {
        "Name": "jobrunner-timeout-4r9k2m8p3w7x5t1q-1",
        "GroupName": "jobrunner",
        "Description": f"Made by jobrunner: stops {ARN} at its timeout",
        "ScheduleExpression": "at(2026-11-23T04:30:00)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:ecs:stopTask",
            "RoleArn": "arn:aws:iam::210987654321:role/other",
            "Input": json.dumps({"Cluster": "blue", "Task": ARN, "Reason": 'jobrunner: timed out after 2h "nightly"'}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
        },
    }
    assert expected == DEADLINE.request()


@given(at=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - the zone comes beside it
def test_a_fraction_of_a_second_is_rounded_up(at: datetime) -> None:
    """In whatever zone the time is given, the schedule is in UTC, never early and less than a second late."""
    text = replace(DEADLINE, at=at).request()["ScheduleExpression"]
    match = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", text)
    assert match is not None
    late = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - at
    assert timedelta(0) <= late < timedelta(seconds=1)


def test_the_last_second_of_a_year_rolls_over() -> None:
    """Rounding up carries into every field."""
    at = datetime(2026, 12, 31, 23, 59, 59, 1, tzinfo=ZoneInfo("Europe/London"))
    assert "at(2027-01-01T00:00:00)" == replace(DEADLINE, at=at).request()["ScheduleExpression"]


@pytest.mark.parametrize(
    ("role", "task_arn", "expected"),
    [
        ("arn:aws:iam::1:role/x", ARN, "arn:aws:iam::1:role/x"),
        ("jobrunner-scheduler", ARN, "arn:aws:iam::123456789012:role/jobrunner-scheduler"),
        ("teams/data/scheduler", ARN, "arn:aws:iam::123456789012:role/teams/data/scheduler"),
        ("x", "arn:aws-cn:ecs:cn-north-1:210987654321:task/a/b", "arn:aws-cn:iam::210987654321:role/x"),
    ],
)
def test_a_role_that_is_only_a_name_is_one_of_the_task_s_account(role: str, task_arn: str, expected: str) -> None:
    """Partition and account are those of the task's ARN; a path is part of the name."""
    target = replace(DEADLINE, role=role, task_arn=task_arn).request()["Target"]
    assert expected == target["RoleArn"]


def test_a_target_is_one_of_the_task_s_partition() -> None:
    """In China, EventBridge Scheduler's own ARNs begin otherwise, too."""
    task_arn = "arn:aws-cn:ecs:cn-north-1:210987654321:task/a/b"
    target = replace(DEADLINE, task_arn=task_arn).request()["Target"]
    assert "arn:aws-cn:scheduler:::aws-sdk:ecs:stopTask" == target["Arn"]


def test_a_time_without_a_zone_is_a_mistake() -> None:
    """It would be read as the local time of whatever machine it is on."""
    with pytest.raises(ValueError, match="time zone"):
        replace(DEADLINE, at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_each_launch_has_a_schedule_of_its_own() -> None:
    """The name has at most 64 letters, digits, dots, hyphens and underscores, also for the longest token."""
    tokens = [naming.client_token(RUN_ID, attempt) for attempt in (1, 2, 999_999)] + [f"{RUN_ID}-999999.999999"]
    names = [naming.timeout_schedule(token) for token in tokens]
    assert "jobrunner-timeout-4r9k2m8p3w7x5t1q-1" == names[0]
    assert len(tokens) == len(set(names))
    assert all(re.fullmatch(r"[0-9a-zA-Z-_.]{1,64}", name) for name in names)
