"""What a backfill runs: a job once for each time at which its schedules fire in an interval, oldest first.

A run of a backfill is known by its job and its time, `backfill/2026-11-24T02:30:00Z` as a key: whoever asks for it
again, on whatever machine, means the same run. A run that is over stays as it ended. To repeat one makes another run,
with a number in its key, `backfill/2026-11-24T02:30:00Z/2`; how many of a time there have been, the records of a
machine tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.fires import Fire, fires
from jobrunner.core.matrix import MAX_POINTS
from jobrunner.core.options import RunOptions, Trigger
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.schedule_request import check_schedulable
from jobrunner.core.variations import Variation
from jobrunner.core.wall_clock import iso_seconds
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from datetime import datetime

    from jobrunner.core.record import RunRecord
    from jobrunner.core.spec import JobSpec

#: As for a matrix: each is a task that somebody pays for.
MOST_FIRES: Final = MAX_POINTS
#: The state of a run whose end is not known.
UNFINISHED: Final = "unfinished"


class Action(StrEnum):
    """What a backfill does about one time."""

    #: A run is started.
    START = "start"
    #: The run that was begun before is followed to its end.
    CONTINUE = "continue"
    #: The run is over, and is shown as it ended.
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Fill:
    """One time of a backfill, and the run for it.

    Attributes:
        fire: The time.
        key: Of the run.
        run_id: Of the run; of one that is started, too.
        action: What the backfill does about it.
        last: What is known of the time's last run; of another one than `run_id` if that one is repeated.
    """

    fire: Fire
    key: str
    run_id: str
    action: Action
    last: RunRecord | None = None

    @property
    def state(self) -> str | None:
        """How the time's last run has ended, `unfinished` if that is not known, None if there is no run."""
        if self.last is None:
            return None
        return UNFINISHED if self.last.outcome is None else str(self.last.outcome.verdict)

    def variation(self, *, over_budget: bool = False) -> Variation:
        """Give the run, with the scheduled time for its label."""
        options = replace(options_at(self.fire.utc, self.key), over_budget=over_budget)
        return Variation(label=iso_seconds(self.fire.utc), options=options)

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object: the keys of `next`, and what is known of the run."""
        return {
            **self.fire.to_json(),
            "run_id": self.run_id,
            "state": self.state,
            "action": str(self.action),
        }


def fire_times(spec: JobSpec, start: datetime, end: datetime, *, where: str | None = None) -> tuple[Fire, ...]:
    """Give the times at which a job's schedules fire from `start` on and before `end`, each once, in order.

    A time that is `end` is not among them, so that intervals that meet have no time in common. A paused job has its
    times all the same.

    Args:
        spec: The job.
        start: Timezone-aware.
        end: Timezone-aware.
        where: Where the job is written, for the messages.

    Raises:
        SpecError: The job has no schedule, or one whose times nobody knows; a parameter has no default; or there are
            over `MOST_FIRES` times.
        ValueError: `start` or `end` has no time zone.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("the bounds of a backfill need a time zone")
    check_times_known(spec, where=where)
    found = tuple(islice(takewhile(lambda fire: fire.utc < end, fires(spec.schedule, start)), MOST_FIRES + 1))
    if len(found) > MOST_FIRES:
        raise SpecError(
            f"the schedules of {spec.name} fire over {MOST_FIRES:,} times from {iso_seconds(start)} to "
            f"{iso_seconds(end)}: too many for one backfill",
            hint=f"Split it: end the first part at {iso_seconds(found[-1].utc)}, and begin the next one there.",
        )
    return found


def check_times_known(spec: JobSpec, *, where: str | None = None) -> None:
    """Make sure that a job has schedules, whose times are in its file, and can run when nobody gives it anything.

    Raises:
        SpecError: As `fire_times`.
    """
    if not spec.schedule:
        raise SpecError(
            f"the job {spec.name} has no schedule, so there are no times to run it for",
            where=where,
            hint='Add one, for instance schedule: {cron: "30 2 * * *", timezone: Europe/London}; '
            "or run it once, with run --scheduled-time.",
        )
    if any(schedule.rate is not None and schedule.start is None for schedule in spec.schedule):
        raise SpecError(
            f"the job {spec.name} has a rate without a start: AWS counts it from its creation, so that its times "
            "are not in the file",
            where=where,
            hint="Give it a start, for instance schedule: {rate: 15 minutes, start: 2026-01-01T00:00}.",
        )
    check_schedulable(spec)


def key_at(moment: datetime, number: int = 1) -> str:
    """Give the key of the run for a scheduled time; `number` counts the runs that there have been for it, from 1."""
    key = f"backfill/{iso_seconds(moment)}"
    return key if number == 1 else f"{key}/{number}"


def options_at(moment: datetime, key: str) -> RunOptions:
    """Give what the run for a scheduled time changes: everything else is as when its schedule starts it."""
    return RunOptions(scheduled_time=moment, key=key, trigger=Trigger.BACKFILL)


def action_for(last: RunRecord | None, *, failed: bool) -> Action:
    """Decide what becomes of a time.

    Args:
        last: What is known of its last run.
        failed: Whether what has failed is to be repeated.
    """
    if last is None or last.unstarted:
        return Action.START
    outcome = last.outcome
    if outcome is None:
        return Action.CONTINUE
    if outcome.succeeded:
        return Action.KEEP
    return Action.START if failed or broken_off(outcome) else Action.KEEP


def broken_off(outcome: Outcome) -> bool:
    """Tell whether the backfill itself stopped the run, by Ctrl-C or because another one failed: it is still to do."""
    return outcome.verdict is Verdict.INTERRUPTED or outcome.reason == "fail_fast"
