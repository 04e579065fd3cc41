"""Whether a run goes on after an attempt has failed: the one place that decides it. Pure: no clock, no chance.

Three rules, in this order:

1. What the job itself did is tried again only if `retries` says so, and only as often.
2. What the infrastructure did before the job's container ran does not use up an attempt: the same attempt is
   launched again, with a token of its own.
3. `spot-then-on-demand` goes to on-demand at the first fault of the infrastructure, at once, and that costs no
   attempt either. A failure of the job never changes the capacity.

The jitter of a pause comes from the run's id and not from chance: two processes that follow one run agree on it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.core.options import RunOptions
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.spec import JobSpec
    from jobrunner.core.verdict import Judgement

ON_DEMAND = "on-demand"
SPOT = "spot"
SPOT_THEN_ON_DEMAND = "spot-then-on-demand"

#: Seconds for which RunTask is repeated when ECS does not place the task and the job has no `start_timeout`.
START_WINDOW = 60
#: Launches of one attempt whose task died before the job's container ran. What fails so often is no accident.
MAX_LAUNCHES = 5
#: Seconds between two launches of one attempt: "apply an exponential backoff … starting with a couple of seconds"
#: (RunTask, API reference).
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30.0
JITTER = 0.2


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a run does about failures.

    Attributes:
        attempts: How often the job's container may run.
        backoff: Seconds before the second attempt; twice as many before each further one.
        max_backoff: Seconds that no pause exceeds.
        on: What is tried again, in the words of `retries.on`; empty for nothing.
        start_timeout: Seconds within which an attempt's container must have started, or None.
        capacity: As the job says: `on-demand`, `spot` or `spot-then-on-demand`.
    """

    attempts: int = 1
    backoff: int = 10
    max_backoff: int = 600
    on: tuple[int | str, ...] = ()
    start_timeout: int | None = None
    capacity: str = ON_DEMAND

    @property
    def first_capacity(self) -> str:
        """Where the first launch goes: `on-demand` or `spot`."""
        return ON_DEMAND if self.capacity == ON_DEMAND else SPOT

    @property
    def start_window(self) -> int:
        """Seconds for which a task that ECS does not place is asked for again."""
        return START_WINDOW if self.start_timeout is None else self.start_timeout

    def to_json(self) -> dict[str, Any]:
        """Give a JSON object that `from_json` reads back."""
        return {name: getattr(self, name) for name in _PLAIN} | {"on": list(self.on)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Policy:
        """Read what `to_json` gave."""
        return cls(**{name: document[name] for name in _PLAIN}, on=tuple(document["on"]))


#: Of a job that says nothing, and of a run that jobrunner knows from ECS only.
NO_RETRIES = Policy()

_PLAIN = ("attempts", "backoff", "max_backoff", "start_timeout", "capacity")


def policy_of(spec: JobSpec, options: RunOptions) -> Policy:
    """Give the policy of one run of a job."""
    capacity = options.capacity or spec.capacity
    retries = spec.retries
    if retries is None:
        return Policy(start_timeout=spec.start_timeout, capacity=capacity)
    return Policy(
        attempts=retries.attempts,
        backoff=retries.backoff,
        max_backoff=retries.max_backoff,
        on=retries.on,
        start_timeout=spec.start_timeout,
        capacity=capacity,
    )


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a run is: which attempt of the job, which launch of it, and on what capacity.

    Attributes:
        attempt: From 1; the job sees it as `JOBRUNNER_ATTEMPT`.
        launch: From 1 in each attempt; every launch has its own `clientToken`.
        capacity: `on-demand` or `spot`.
    """

    attempt: int = 1
    launch: int = 1
    capacity: str = ON_DEMAND


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The next launch of a run, after a pause of so many seconds."""

    position: Position
    wait: float


def after_end(
    policy: Policy, at: Position, judgement: Judgement, *, ran: bool, earlier: Sequence[Outcome], run_id: str
) -> Retry | None:
    """Decide what follows a task that has ended; None when the run is over.

    Args:
        policy: Of the run.
        at: Where the run was.
        judgement: How the task ended.
        ran: Whether the job's container had started.
        earlier: The outcomes of the attempts before this one.
        run_id: For the jitter.
    """
    if falls_back(policy, at, judgement):
        return Retry(position=_again(at, ran=ran, capacity=ON_DEMAND), wait=0.0)
    if not _wanted(policy, judgement):
        return None
    if not ran and judgement.transient:
        died = 1 + sum(one.attempt == at.attempt for one in earlier)
        if died >= MAX_LAUNCHES:
            return None
        return Retry(position=_again(at, ran=False, capacity=at.capacity), wait=launch_pause(run_id, at))
    left = attempts_left(policy, at, earlier)
    if not left:
        return None
    pause = _backoff(policy, run_id, at, policy.attempts - left)
    return Retry(position=_again(at, ran=True, capacity=at.capacity), wait=pause)


def after_refusal(policy: Policy, at: Position, judgement: Judgement, *, left: float, run_id: str) -> Retry | None:
    """Decide what follows a RunTask that placed no task; None when it is given up.

    Args:
        policy: Of the run.
        at: Where the run is.
        judgement: What ECS's `failures[]` mean.
        left: Seconds until the attempt's start window is over.
        run_id: For the jitter.
    """
    if falls_back(policy, at, judgement):
        return Retry(position=_again(at, ran=False, capacity=ON_DEMAND), wait=0.0)
    wait = launch_pause(run_id, at)
    if not judgement.transient or wait > left:
        return None
    return Retry(position=_again(at, ran=False, capacity=at.capacity), wait=wait)


def falls_back(policy: Policy, at: Position, judgement: Judgement) -> bool:
    """Tell whether the run leaves Spot: for a fault of the infrastructure only.

    Not for an exit code: a sidecar that could not start for the moment may have ended the job, and Spot has not.
    """
    leaves = judgement.transient and judgement.verdict is not Verdict.FAILED
    return policy.capacity == SPOT_THEN_ON_DEMAND and at.capacity == SPOT and leaves


def attempts_left(policy: Policy, at: Position, earlier: Sequence[Outcome]) -> int:
    """Give how many attempts the job still has after this one."""
    return max(0, policy.attempts - (at.attempt - _fallbacks(policy, earlier)))


def launch_pause(run_id: str, at: Position) -> float:
    """Give the seconds before an attempt's next launch: 2, 4, 8, 16, then 30, each up to a fifth more or less."""
    return _jittered(min(FIRST_PAUSE * 2.0 ** min(at.launch - 1, 10), LONGEST_PAUSE), run_id, at)


def _backoff(policy: Policy, run_id: str, at: Position, used: int) -> float:
    pause = policy.backoff * 2.0 ** min(used - 1, 30)
    return min(_jittered(min(pause, policy.max_backoff), run_id, at), float(policy.max_backoff))


def _jittered(pause: float, run_id: str, at: Position) -> float:
    digest = hashlib.sha256(f"{run_id}/{at.attempt}/{at.launch}".encode()).digest()
    chance = int.from_bytes(digest[:4], "big") / 2**32
    return round(pause * (1 - JITTER + 2 * JITTER * chance), 3)


def _again(at: Position, *, ran: bool, capacity: str) -> Position:
    if ran:
        return Position(attempt=at.attempt + 1, capacity=capacity)
    return Position(attempt=at.attempt, launch=at.launch + 1, capacity=capacity)


def _fallbacks(policy: Policy, earlier: Sequence[Outcome]) -> int:
    """Count the attempts that Spot took away and that the job is not charged for."""
    if policy.capacity != SPOT_THEN_ON_DEMAND:
        return 0
    return sum(one.capacity == SPOT and one.verdict in {Verdict.STOPPED, Verdict.LOST} for one in earlier)


def _wanted(policy: Policy, judgement: Judgement) -> bool:
    """Tell whether the rules of `retries.on` name this end."""
    words: set[int | str] = set()
    if judgement.transient:
        words.add("infrastructure")
    if judgement.reason == "spot_interruption":
        words.add("spot")
    if judgement.verdict is Verdict.FAILED:
        words |= {"failure"} if judgement.exit_code is None else {"failure", judgement.exit_code}
    if judgement.verdict is Verdict.OUT_OF_MEMORY:
        words |= {"out_of_memory"} if judgement.exit_code is None else {"out_of_memory", judgement.exit_code}
    if judgement.verdict is Verdict.TIMED_OUT:
        words.add("timeout")
    return bool(words.intersection(policy.on))
