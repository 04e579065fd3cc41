"""How often each bench runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Rounds, each of one run of every contender, after one round to warm up.

    Attributes:
        startup: Of commands of a tenth of a second.
        many: Of `validate` of a thousand jobs.
        instant: Of whole runs of a task that ends at once.
        seconds: Of whole runs of a task of two seconds.
        logs: Lines in the log → rounds.
        fleet: Runs at once → rounds.
        schedules: Scheduled jobs → rounds.
        history: Runs of a year → rounds.
        events: Events of a sync → rounds.
    """

    startup: int
    many: int
    instant: int
    seconds: int
    logs: dict[int, int]
    fleet: dict[int, int]
    schedules: dict[int, int]
    history: dict[int, int]
    events: dict[int, int]


def plan(*, quick: bool, runs: int | None) -> Plan:
    """Give the rounds: about ten minutes of them, or with `quick` about one; `runs` sets all alike."""
    if quick:
        rounds = runs or 3
        return Plan(
            startup=rounds,
            many=1,
            instant=rounds,
            seconds=1,
            logs={100_000: rounds},
            fleet={100: 1},
            schedules={100: 1},
            history={20_000: rounds},
            events={5_000: 1},
        )
    return Plan(
        startup=runs or 15,
        many=runs or 3,
        instant=runs or 9,
        seconds=runs or 5,
        logs={100_000: runs or 5, 1_000_000: runs or 5},
        fleet={1_000: runs or 3},
        schedules={1_000: runs or 3},
        history={1_000_000: runs or 5},
        events={100_000: runs or 3},
    )
