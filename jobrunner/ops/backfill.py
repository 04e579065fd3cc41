"""Which runs a backfill consists of, by what this machine knows of them; nothing is asked of AWS.

The runs themselves are a `Fleet`, as all many runs are: what has not been begun is begun, what is under way is gone on
with, and what is over is told as it ended.

Another machine knows the same runs by their keys. It has no records of how they ended: what ECS still shows of the
first run for a time it takes for its own, and what ECS has forgotten, after about an hour, it starts. Nor does it know
what was repeated here: with `failed` it repeats what it has seen fail itself, and by the keys it then meets the
repetitions of others, instead of starting a second one.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from jobrunner.core import naming
from jobrunner.core.backfill import Action, Fill, action_for, fire_times, key_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.connection import Connection
    from jobrunner.core.fires import Fire
    from jobrunner.core.ports import Runs
    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec


def plan_backfill(
    runs: Runs,
    spec: JobSpec,
    settings: Settings,
    start: datetime,
    end: datetime,
    *,
    place: Connection | None,
    failed: bool = False,
    where: str | None = None,
) -> tuple[Fill, ...]:
    """Give one run for each time at which the job's schedules fire from `start` on and before `end`, oldest first.

    Args:
        runs: The records of this machine.
        spec: The job.
        settings: Whose runs they are.
        start: Timezone-aware.
        end: Timezone-aware.
        place: Where they run; None for a local endpoint that does not exist yet, where none has been.
        failed: Whether what has failed is repeated.
        where: Where the job is written, for the messages.

    Raises:
        SpecError: As `core.backfill.fire_times`.
        StoreError: The records cannot be read.
    """
    run_id = partial(_run_id, spec, settings)
    return tuple(
        _fill(fire, tuple(_known(runs, run_id, fire, place)), run_id, failed=failed)
        for fire in fire_times(spec, start, end, where=where)
    )


def _run_id(spec: JobSpec, settings: Settings, key: str) -> str:
    return naming.keyed_run_id(project=settings.project, stage=settings.stage, job=spec.name, key=key)


def _known(runs: Runs, run_id: Callable[[str], str], fire: Fire, place: Connection | None) -> Iterator[RunRecord]:
    """Give the runs that there have been for a time, in their order."""
    for number in count(1):
        record = runs.get(run_id(key_at(fire.utc, number)))
        if record is None or place is None or not record.at(place):
            return
        yield record


def _fill(fire: Fire, known: Sequence[RunRecord], run_id: Callable[[str], str], *, failed: bool) -> Fill:
    last = known[-1] if known else None
    action = action_for(last, failed=failed)
    # A run that never had a task is launched again by its own key: on another machine, that key finds it.
    another = action is Action.START and last is not None and not last.unstarted
    key = key_at(fire.utc, max(1, len(known)) + another)
    return Fill(fire=fire, key=key, run_id=run_id(key), action=action, last=last)
