"""Draw a plan: what the project wants, what EventBridge Scheduler has, and the difference. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import naming
from jobrunner.core.definition import task_definition
from jobrunner.core.forecast import Assumptions, definition_named, sizes_of
from jobrunner.core.place import Place, account_of
from jobrunner.core.plan import make_plan
from jobrunner.core.plan_definition import definition_differences
from jobrunner.core.schedule_request import job_of, schedule_requests
from jobrunner.core.task_size import TaskSize
from jobrunner.ops import define
from jobrunner.ops.parallel import THREADS, in_order
from jobrunner.ops.patience import patiently
from jobrunner.ops.revisions import new_revision
from jobrunner.ops.scheduled import check_group, read_schedules
from jobrunner.ops.spend import past_of_jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jobrunner.core.definition import TaskDefinition
    from jobrunner.core.plan import FieldChange, Plan
    from jobrunner.core.ports import Definition
    from jobrunner.core.schedule_request import ScheduleRequest
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.ports import Ports

#: Stands for the account while only the documents are looked at.
_ANY_ACCOUNT: Final = "000000000000"

_Schedules = dict[str, "Mapping[str, Any]"]


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What a job's schedules start.

    Attributes:
        name: The ARN of the revision, or the words for the one that `apply` is to register.
        container: The job's own.
        wanted: What the job makes; None when it names an existing task definition.
        found: As ECS describes it; None when it is to be registered.
    """

    name: str
    container: str = naming.MAIN_CONTAINER
    wanted: TaskDefinition | None = None
    found: Definition | None = None


def draw_plan(
    ports: Ports,
    jobs: Mapping[str, JobSpec],
    settings: Settings,
    *,
    prune: bool = False,
    adopt: bool = False,
    only: Collection[str] | None = None,
    inside: bool = True,
    threads: int = THREADS,
) -> Plan:
    """Compare the schedules of a project's jobs with those that are there.

    Args:
        ports: The outside.
        jobs: The project's jobs; of a part of the project, those of `only`.
        settings: Where they run.
        prune: Whether what the project has no more is to be deleted.
        adopt: Whether a schedule of a wanted name that jobrunner has not made becomes the job's.
        only: These jobs; None for all.
        inside: Whether to look into the task definitions that the schedules name as they are, for what changes in them
            and what they cost: a call for each that is not the job's present one.
        threads: Calls at once.

    Raises:
        SpecError: A job cannot be scheduled, and nothing was asked; or the group belongs to somebody else, or a task
            definition that a job names does not exist.
        AwsError: AWS refuses to tell, or does not answer.
    """
    wanted = [spec for name, spec in jobs.items() if spec.schedule and (only is None or name in only)]
    anywhere = Place(region=ports.connection.region, account=_ANY_ACCOUNT)
    for spec in wanted:
        schedule_requests(spec, settings, anywhere, task_definition=spec.name)
    check_group(ports, settings)
    # What the whole project costs depends on the schedules of the other jobs, too.
    whole = inside and settings.budget is not None
    actual = read_schedules(ports, settings, jobs=None if whole else only, threads=threads)
    asking = replace(ports, definitions=define.AskedOnce(ports.definitions))
    found = in_order(lambda spec: _known(asking, spec, settings), wanted, threads=threads)
    known = {spec.name: one for spec, one in zip(wanted, found, strict=True)}
    place = place_of(ports, settings)
    desired = [
        request
        for spec in wanted
        for request in schedule_requests(
            spec, settings, place, task_definition=known[spec.name].name, container=known[spec.name].container
        )
    ]
    seen = _ours(actual, desired, settings, adopt=adopt) if inside else {}
    described = _described(asking, seen, known, threads=threads)
    now = ports.clock.now()
    return make_plan(
        desired,
        actual,
        settings=settings if inside else replace(settings, budget=None),
        assumptions=Assumptions(
            now=now,
            region=settings.region,
            sizes={**_sizes(described), **sizes_of(desired, jobs)},
            prices=ports.prices,
            past=past_of_jobs(ports.history, settings, _jobs(desired, seen, settings), now=now),
        ),
        prune=prune,
        adopt=adopt,
        only=only,
        register=tuple(job for job, one in known.items() if one.found is None),
        inside=dict(_inside(desired, seen, known, described)),
        budgets={spec.name: spec.budget for spec in wanted if spec.budget is not None},
    )


def _jobs(desired: Sequence[ScheduleRequest], seen: _Schedules, settings: Settings) -> list[str]:
    """Give the jobs whose schedules cost something, each once."""
    there = (job_of(body.get("Description"), settings) for body in seen.values())
    return list(dict.fromkeys([*(request.job for request in desired), *filter(None, there)]))


def draw_removal(ports: Ports, settings: Settings, *, threads: int = THREADS) -> Plan:
    """Plan to delete every schedule that jobrunner has made for this project and stage.

    What they cost is not looked up: that would be a call for each, and nothing follows from it.
    """
    return draw_plan(ports, {}, settings, prune=True, inside=False, threads=threads)


def place_of(ports: Ports, settings: Settings) -> Place:
    """Give region and account; AWS is asked whose the credentials are only if no setting is an ARN."""
    account = account_of(settings) or patiently(ports.clock, ports.identity.account)
    return Place(region=ports.connection.region, account=account)


def _known(ports: Ports, spec: JobSpec, settings: Settings) -> _Known:
    definition = task_definition(spec, settings)
    if definition is None:
        existing = define.existing_definition(ports, str(spec.task_definition))
        return _Known(name=existing.arn, container=define.own_container(existing, spec.container), found=existing)
    registered = define.registered_definition(ports, definition)
    name = new_revision(definition.family) if registered is None else registered.arn
    return _Known(name=name, wanted=definition, found=registered)


def _ours(actual: _Schedules, desired: Sequence[ScheduleRequest], settings: Settings, *, adopt: bool) -> _Schedules:
    """Give the schedules whose task definitions matter: those of this project, and what it is to take over."""
    adopted = {request.name for request in desired} if adopt else set()
    return {
        name: body
        for name, body in actual.items()
        if name in adopted or job_of(body.get("Description"), settings) is not None
    }


def _described(ports: Ports, seen: _Schedules, known: Mapping[str, _Known], *, threads: int) -> dict[str, Definition]:
    """Describe what the jobs start, and what their schedules start as they are; each revision is asked for once."""
    found = {one.found.arn: one.found for one in known.values() if one.found is not None}
    others = {named for body in seen.values() if (named := definition_named(body)) is not None} - found.keys()
    names = sorted(others)
    looked = in_order(lambda name: define.named_definition(ports, name), names, threads=threads)
    return {**found, **{name: one for name, one in zip(names, looked, strict=True) if one is not None}}


def _inside(
    desired: Sequence[ScheduleRequest],
    seen: _Schedules,
    known: Mapping[str, _Known],
    described: Mapping[str, Definition],
) -> Iterator[tuple[str, tuple[FieldChange, ...]]]:
    """Give what changes inside a job's own task definition, by the schedule that names another revision today."""
    for request in desired:
        one = known[request.job]
        named = definition_named(seen[request.name]) if request.name in seen else None
        there = described.get(named) if named is not None and named != one.name else None
        if there is not None and one.wanted is not None:
            yield request.name, definition_differences(there, one.wanted.request())


def _sizes(described: Mapping[str, Definition]) -> dict[str, TaskSize]:
    sizes = {name: TaskSize.described(one) for name, one in described.items()}
    return {name: size for name, size in sizes.items() if size is not None}
