"""Read the schedules of a project and stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.naming import TIMEOUT_PREFIX
from jobrunner.core.schedule_request import job_of
from jobrunner.errors import AwsRefusedError, SpecError
from jobrunner.ops.parallel import THREADS, in_order
from jobrunner.ops.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jobrunner.core.settings import Settings
    from jobrunner.ops.ports import Ports

#: What may be left of a long name before its digest: 64 characters without the longest suffix, the digest and its dash.
_CUT: Final = 9
_SHORTEST_CUT: Final = 19


def check_group(ports: Ports, settings: Settings) -> None:
    """Make sure that the schedule group may be this project's and stage's.

    Raises:
        SpecError: It is another's.
        AwsRefusedError: It is being deleted.
    """
    name = settings.schedule_group
    group = patiently(ports.clock, lambda: ports.schedules.group(name))
    if group is None:
        return
    if (other := group.of_another(settings)) is not None:
        raise SpecError(
            f"the schedule group {name} belongs to {other}",
            hint="Every project and stage has a group of its own: give this one another schedule_group, or none.",
        )
    if group.deleting:
        raise AwsRefusedError(
            f"the schedule group {name} is being deleted, with all schedules in it",
            where="scheduler:GetScheduleGroup",
            hint="AWS takes a few minutes for that. Repeat the command then.",
        )


def read_schedules(
    ports: Ports, settings: Settings, *, jobs: Collection[str] | None = None, threads: int = THREADS
) -> dict[str, Mapping[str, Any]]:
    """Read what is in the schedule group, by name: everything but the timeouts of tasks.

    Args:
        ports: The outside.
        settings: For the group.
        jobs: Leave out what cannot be a schedule of these jobs.
        threads: Calls at once.
    """
    group, clock = settings.schedule_group, ports.clock
    names = [
        name
        for name in patiently(clock, lambda: ports.schedules.names(group))
        if not name.startswith(TIMEOUT_PREFIX) and (jobs is None or any(_may_be_of(name, job) for job in jobs))
    ]
    found = in_order(lambda name: patiently(clock, lambda: ports.schedules.get(group, name)), names, threads=threads)
    return {name: body for name, body in zip(names, found, strict=True) if body is not None}


def read_ours(
    ports: Ports, settings: Settings, *, jobs: Collection[str] | None = None, threads: int = THREADS
) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Read the schedules that jobrunner has made for this project and stage, by name, each with its job."""
    found = read_schedules(ports, settings, jobs=jobs, threads=threads)
    named = {name: (job_of(body.get("Description"), settings), body) for name, body in found.items()}
    return {
        name: (job, body) for name, (job, body) in named.items() if job is not None and (jobs is None or job in jobs)
    }


def _may_be_of(name: str, job: str) -> bool:
    """Tell by its name whether a schedule can be a job's: it begins with the job, cut if long (`naming`)."""
    stem = name.partition(".")[0]
    return stem == job or (len(job) > _SHORTEST_CUT + _CUT and job.startswith(stem[:-_CUT]) and len(stem) > _CUT)
