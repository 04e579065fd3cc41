"""What tests of plans have in common: a project's settings, its jobs' requests, and what AWS has after an apply."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobrunner.core.forecast import Assumptions
from jobrunner.core.place import Place
from jobrunner.core.plan import make_plan
from jobrunner.core.schedule_request import schedule_requests
from jobrunner.core.settings import Settings
from jobrunner.core.spec import JobSpec, Network, job_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.plan import Change, Plan
    from jobrunner.core.schedule_request import ScheduleRequest

NOW = datetime(2026, 11, 24, 9, 37, 9, 5, tzinfo=UTC)
PLACE = Place(region="eu-west-1", account="123456789012")
SETTINGS = Settings(
    project="shop",
    stage="prod",
    region="eu-west-1",
    network=Network(subnets=("subnet-0a10ca1000000000a",), security_groups=("sg-0a10ca1000000000c",)),
    execution_role="execution",
    scheduler_role="scheduler",
    state_machine="machine",
    schedule_group="jobrunner-shop-prod",
    log_group="/jobrunner/shop/prod",
    state_dir=Path("state"),
)
Schedules = dict[str, dict[str, Any]]


def job(name: str = "nightly", **fields: Any) -> JobSpec:
    """A job of an image, every night unless it says otherwise."""
    given = {"image": "busybox", "schedule": {"cron": "30 2 * * *", "timezone": "Europe/London"}, **fields}
    return job_spec(name=name, **given)


def requests(*specs: JobSpec, revision: str = "1") -> list[ScheduleRequest]:
    """The requests of the jobs' schedules."""
    return [
        request
        for spec in specs
        for request in schedule_requests(spec, SETTINGS, PLACE, task_definition=f"{spec.name}:{revision}")
    ]


def plan(*specs: JobSpec, actual: Mapping[str, Mapping[str, Any]] | None = None, **more: Any) -> Plan:
    """The plan for jobs."""
    assumed = {name: more.pop(name) for name in ("now", "sizes", "prices", "past") if name in more}
    given: dict[str, Any] = {"settings": SETTINGS, "prune": False, "adopt": False, "only": None, **more}
    assumptions = Assumptions(**{"now": NOW, "region": given["settings"].region, **assumed})
    return make_plan(requests(*specs), actual or {}, assumptions=assumptions, **given)


def applied(plan: Plan, actual: Mapping[str, Mapping[str, Any]] | None = None) -> Schedules:
    """What AWS has when a plan has been applied; UpdateSchedule replaces everything."""
    after = {name: dict(body) for name, body in (actual or {}).items()}
    for change in plan.changes:
        if change.body is not None:
            after[change.name] = dict(change.body)
        elif change.action == "delete":
            del after[change.name]
    return after


def actions(plan: Plan) -> list[tuple[str, str]]:
    """What is done with which schedule."""
    return [(str(change.action), change.name) for change in plan.changes]


def only(plan: Plan) -> Change:
    """The one change of a plan."""
    [change] = plan.changes
    return change


def shown(change: Change) -> dict[str, tuple[object, object]]:
    """The fields of a change by their paths, each old and new."""
    return {field.path: (field.old, field.new) for field in change.fields}
