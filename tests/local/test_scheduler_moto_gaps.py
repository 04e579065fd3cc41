"""What moto's EventBridge Scheduler lacks, one test for each reason of a module in `jobrunner/local`.

Each test states what moto does today. When one fails, moto has closed that gap, and our part may go.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from moto.scheduler.models import EventBridgeSchedulerBackend

REGION, ACCOUNT = "eu-central-1", "111122223333"
MESSAGE = "moto closed this gap: our part may go"
PAST = "at(2020-01-01T00:00:00)"


@pytest.fixture
def scheduler() -> EventBridgeSchedulerBackend:
    """moto's own EventBridge Scheduler."""
    return EventBridgeSchedulerBackend(REGION, ACCOUNT)


def create(backend: EventBridgeSchedulerBackend, expression: str = PAST, **members: Any) -> Any:
    """moto's CreateSchedule."""
    settings: dict[str, Any] = {
        "name": "s",
        "group_name": "default",
        "description": None,
        "schedule_expression_timezone": None,
        "flexible_time_window": {"Mode": "OFF"},
        "target": {"Arn": "a", "RoleArn": "r"},
        "state": None,
        "kms_key_arn": None,
        "start_date": None,
        "end_date": None,
        "action_after_completion": "DELETE",
    }
    return backend.create_schedule(schedule_expression=expression, **(settings | members))


def test_schedules_never_fire(scheduler: EventBridgeSchedulerBackend) -> None:
    """A one-time schedule whose time has passed is still there, its target was not called. → schedule_ticker."""
    create(scheduler)
    assert "ENABLED" == scheduler.get_schedule("default", "s").state, MESSAGE


@pytest.mark.parametrize("expression", ["banana", "cron(banana)", "cron(0 2 * * *)", "rate(0 minutes)"])
def test_any_expression_is_accepted(scheduler: EventBridgeSchedulerBackend, expression: str) -> None:
    """Whatever the text. → schedule_expression, core.aws_cron."""
    assert expression == create(scheduler, expression).schedule_expression, MESSAGE


def test_any_time_zone_is_accepted(scheduler: EventBridgeSchedulerBackend) -> None:
    """Also one that does not exist. → schedule_expression."""
    made = create(scheduler, schedule_expression_timezone="Mars/Olympus")
    assert "Mars/Olympus" == made.schedule_expression_timezone, MESSAGE


def test_any_target_is_accepted(scheduler: EventBridgeSchedulerBackend) -> None:
    """A launch type beside a strategy, a role that is no ARN, an Input that is no JSON. → schedule_checks, _input."""
    both = {"LaunchType": "FARGATE", "CapacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:stopTask", "RoleArn": "r", "Input": "{", "EcsParameters": both}
    assert "{" == create(scheduler, target=target).target["Input"], MESSAGE


def test_no_client_token(scheduler: EventBridgeSchedulerBackend) -> None:
    """A retry after a lost answer is a conflict. → schedule_store."""
    assert "client_token" not in inspect.signature(scheduler.create_schedule).parameters, MESSAGE


def test_an_unknown_group_is_a_defect(scheduler: EventBridgeSchedulerBackend) -> None:
    """CreateSchedule ends in a traceback instead of ResourceNotFoundException. → schedule_store."""
    with pytest.raises(KeyError):
        create(scheduler, group_name="nowhere")


def test_a_group_is_made_twice(scheduler: EventBridgeSchedulerBackend) -> None:
    """The second one replaces the first, with its schedules. → schedule_store."""
    scheduler.create_schedule_group("g", tags=[])
    create(scheduler, group_name="g")
    scheduler.create_schedule_group("g", tags=[])
    assert [] == list(scheduler.schedule_groups["g"].schedules), MESSAGE


def test_the_default_group_can_be_deleted(scheduler: EventBridgeSchedulerBackend) -> None:
    """And nothing works afterwards. → scheduler_api."""
    scheduler.delete_schedule_group("default")
    assert {} == scheduler.schedule_groups, MESSAGE


def test_an_update_keeps_what_it_should_reset(scheduler: EventBridgeSchedulerBackend) -> None:
    """ActionAfterCompletion is no parameter of an update, and State becomes null. → schedule_checks."""
    parameters = inspect.signature(scheduler.update_schedule).parameters
    assert "action_after_completion" not in parameters, MESSAGE
    create(scheduler)
    window, target = {"Mode": "OFF"}, {"Arn": "a", "RoleArn": "r"}
    changes: dict[str, Any] = {name: None for name in parameters if name not in {"name", "group_name"}}
    changes |= {"flexible_time_window": window, "schedule_expression": PAST, "target": target}
    updated = scheduler.update_schedule(name="s", group_name="default", **changes)
    assert (None, "DELETE") == (updated.state, updated.action_after_completion), MESSAGE
