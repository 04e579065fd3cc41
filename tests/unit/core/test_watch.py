"""Watching a task: the state machine, driven through scripted lives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.core.billing import PriceTable
from jobrunner.core.events import Finished, LogBatch, PhaseChanged, VerdictKnown, WatchEvent
from jobrunner.core.events import Warning as WarningEvent
from jobrunner.core.follow import LogPage, LogStream, ReadLog, ReadResult, StreamAbsent
from jobrunner.core.lifecycle import STATES, ContainerSnapshot, TaskSnapshot
from jobrunner.core.observations import (
    CLOSE,
    SHARED,
    Ask,
    CallFailed,
    DescribeTask,
    Observation,
    Pace,
    PageRead,
    Patience,
    Step,
    StopAccepted,
    StopTask,
    Subject,
    TaskSeen,
)
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.verdict import INTERRUPT, judge
from jobrunner.core.watch import Watch
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError
from jobrunner.testing import container, running_task, stopped_task

BEGIN = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
STREAM = LogStream(container="main", group="/jobs", name="etl/main/1")
PATIENCE = Patience(log_settle=10.0, task_settle=60.0, unreachable=300.0)
SUBJECT = Subject(
    run_id="4r9k2m8p3w7x5t1q",
    job="etl",
    attempt=1,
    task_arn="arn:aws:ecs:eu-west-1:123456789012:task/blue/1",
    main="main",
    streams=(STREAM,),
    region="eu-west-1",
    architecture="x86_64",
    launched_at=BEGIN,
)


@dataclass
class Life:
    """A task's life as DescribeTasks tells it, and its log: what a test scripts."""

    states: list[tuple[float, str]]
    lines: list[tuple[float, str]] = field(default_factory=list)
    exit_code: int | None = 0
    exits_at: float | None = None
    missing_until: float = 0.0
    failures: list[tuple[float, float, Exception]] = field(default_factory=list)
    stop_takes: float = 1.0
    stopped: tuple[float, str] | None = None
    calls: list[tuple[float, str]] = field(default_factory=list)

    def answer(self, ask: Ask, now: float) -> Observation:
        at = BEGIN + timedelta(seconds=now)
        self.calls.append((now, type(ask).__name__))
        if isinstance(ask, ReadLog):
            return PageRead(question=ask, answer=self.page(ask.token, now), asked=at)
        for begin, end, error in self.failures:
            if begin <= now < end:
                return CallFailed(ask=ask, error=error)  # type: ignore[arg-type]  # AwsErrors all
        if isinstance(ask, StopTask):
            self.stopped = self.stopped or (now, ask.reason)
            return StopAccepted()
        return TaskSeen(task=None if now < self.missing_until else self.snapshot(now), at=at)

    def snapshot(self, now: float) -> TaskSnapshot:
        state = next((name for since, name in reversed(self.states) if since <= now), STATES[0])
        end = next((since for since, name in self.states if name == "STOPPED"), None)
        if self.stopped and (end is None or self.stopped[0] < end) and now >= self.stopped[0] + self.stop_takes:
            state, end = "STOPPED", self.stopped[0] + self.stop_takes
        ran = next((since for since, name in self.states if name == "RUNNING" and since <= now), None)
        over = end if self.exits_at is None or (self.stopped and self.exits_at > self.stopped[0]) else self.exits_at
        done = over is not None and over <= now and ran is not None
        ours = state == "STOPPED" and self.stopped is not None and end == self.stopped[0] + self.stop_takes
        return TaskSnapshot(
            task_arn=SUBJECT.task_arn,
            last_status=state,
            created_at=BEGIN,
            pull_started_at=None if ran is None else BEGIN,
            started_at=None if ran is None else BEGIN + timedelta(seconds=ran),
            stopped_at=None if state != "STOPPED" or end is None else BEGIN + timedelta(seconds=end),
            stop_code="UserInitiated" if ours else "EssentialContainerExited" if state == "STOPPED" else None,
            stopped_reason=self.stopped[1] if ours and self.stopped else None,
            containers=(ContainerSnapshot(name="main", exit_code=self.exit_code if done else None),),
        )

    def page(self, token: str | None, now: float) -> ReadResult:
        readable = [line for line in self.lines if line[0] <= now]
        if not readable:
            return StreamAbsent()
        start = int(token or 0)
        page = readable[start : start + 2]
        return LogPage(
            timestamps=[round((BEGIN.timestamp() + since) * 1000) for since, _ in page],
            messages=[text for _, text in page],
            token=str(start + len(page)),
        )


def drive(
    life: Life, subject: Subject = SUBJECT, *, patience: Patience = PATIENCE, stop_at: float | None = None
) -> tuple[list[WatchEvent], Outcome]:
    """Drive a watch through a life; give all events and the outcome."""
    watch = Watch(subject, patience=patience, prices=PriceTable(prices={}), now=BEGIN)
    now, observations, events = 0.0, list[Observation](), list[WatchEvent]()
    for _ in range(20_000):
        if stop_at is not None and now >= stop_at:
            watch.request_stop(f"{INTERRUPT} by SIGINT")
        step = watch.advance(BEGIN + timedelta(seconds=now), observations)
        events += step.events
        if step.outcome:
            assert events[-1] == Finished(outcome=step.outcome)
            return events, step.outcome
        assert step.asks or subject.deadline or subject.start_deadline
        wait = step.wait
        if stop_at is not None and now < stop_at < now + wait:
            now, observations = stop_at, []
            continue
        now += wait
        observations = [life.answer(ask, now) for ask in step.asks]
    raise AssertionError("the watch never ended")


def lines_of(events: list[WatchEvent]) -> list[str]:
    """The log lines among events."""
    return [message for event in events if isinstance(event, LogBatch) for message in event.messages]


ORDINARY = [(0.0, "PROVISIONING"), (10.0, "PENDING"), (15.0, "RUNNING"), (40.0, "DEPROVISIONING"), (60.0, "STOPPED")]


def test_an_ordinary_run_from_start_to_proven_end() -> None:
    """Phases in order, the whole log, then the outcome, once."""
    life = Life(ORDINARY, lines=[(16.0, "a"), (20.0, "b"), (44.0, "late")], exits_at=40.0)

    events, outcome = drive(life)

    assert [name for _, name in ORDINARY] == [event.phase for event in events if isinstance(event, PhaseChanged)]
    assert ["a", "b", "late"] == lines_of(events)
    assert (Verdict.SUCCEEDED, 0, True) == (outcome.verdict, outcome.exit_code, outcome.logs.complete)
    assert outcome.billed_seconds == 60
    assert sum(isinstance(event, Finished) for event in events) == 1


def test_the_settling_time_passes_while_the_task_is_deprovisioned() -> None:
    """The last container's end, not STOPPED, starts the settling time: no wait is added after STOPPED."""
    life = Life(ORDINARY, lines=[(16.0, "a")], exits_at=40.0)

    drive(life)

    assert life.calls[-1][0] < 62.5


@settings(max_examples=200)
@given(
    cuts=st.lists(st.floats(0.0, 30.0), min_size=8, max_size=8),
    skipped=st.sets(st.integers(0, 6), max_size=7),
    writes=st.lists(st.floats(0.0, 9.0), max_size=12),
)
def test_whatever_the_life_no_phase_goes_back_and_no_line_is_lost(
    cuts: list[float], skipped: set[int], writes: list[float]
) -> None:
    """Any state may be skipped; lines may arrive up to the settling time after the end."""
    states, at = list[tuple[float, str]](), 0.0
    for number, (pause, state) in enumerate(zip(cuts, STATES, strict=True)):
        if number not in skipped or state in {"RUNNING", "STOPPED"}:
            states.append((at, state))
        at += pause
    begin = next(since for since, state in states if state == "RUNNING")
    end = states[-1][0]
    lines = sorted((begin + (end - begin) * write / 9.0 + write, str(number)) for number, write in enumerate(writes))
    life = Life(states, lines=lines)

    events, outcome = drive(life)

    phases = [STATES.index(event.phase) for event in events if isinstance(event, PhaseChanged)]
    assert sorted(set(phases)) == phases
    assert [text for _, text in lines] == lines_of(events)
    assert outcome.verdict is Verdict.SUCCEEDED
    assert outcome.logs.complete


def test_an_older_state_after_a_newer_one_is_not_shown() -> None:
    """DescribeTasks is eventually consistent."""
    watch = Watch(SUBJECT, patience=PATIENCE, prices=PriceTable(prices={}), now=BEGIN)
    running = TaskSnapshot(task_arn="arn", last_status="RUNNING")

    first = watch.advance(BEGIN, [TaskSeen(task=running, at=BEGIN)])
    second = watch.advance(BEGIN, [TaskSeen(task=replace(running, last_status="PENDING"), at=BEGIN)])
    third = watch.advance(BEGIN, [TaskSeen(task=replace(running, last_status="MARTIAN"), at=BEGIN)])

    assert [PhaseChanged(phase="RUNNING", at=BEGIN)] == list(first.events)
    assert () == second.events == third.events


def test_looking_slows_down_while_nothing_changes() -> None:
    """Few calls for a long task, a quick answer for a short one, and never a hot loop."""
    hour = Life([(0.0, "PENDING"), (5.0, "RUNNING"), (3605.0, "STOPPED")])
    short = Life([(0.0, "RUNNING"), (0.3, "STOPPED")])

    drive(hour, replace(SUBJECT, streams=None))
    drive(short, replace(SUBJECT, streams=None))

    looks = [at for at, name in hour.calls if name == "DescribeTask"]
    assert len(looks) < 1_100
    assert min(later - earlier for earlier, later in pairwise(looks)) >= 0.049
    assert max(later - earlier for earlier, later in pairwise(looks)) <= 5.0
    assert short.calls[-1][0] <= 0.3 * 1.2 + 0.05


def test_missing_is_normal_just_after_the_start() -> None:
    """RunTask's API is eventually consistent."""
    life = Life(ORDINARY, exits_at=40.0, missing_until=30.0)

    _, outcome = drive(life)

    assert outcome.verdict is Verdict.SUCCEEDED


def test_a_task_that_stays_missing_is_lost() -> None:
    """Unknown is never a success; the log that is there is still read."""
    life = Life([(0.0, "RUNNING")], lines=[(0.0, "a")], missing_until=1e9)

    events, outcome = drive(life)

    assert (Verdict.LOST, "vanished", None) == (outcome.verdict, outcome.reason, outcome.billed_seconds)
    assert ["a"] == lines_of(events)
    assert "ECS forgot the task, whose containers were not seen to end" == outcome.logs.reason
    assert 60.0 <= life.calls[-1][0] < 90.0


def test_a_request_to_stop_is_sent_at_once_and_followed_to_the_end() -> None:
    """The reason travels to ECS and gives the verdict."""
    life = Life([(0.0, "PENDING"), (5.0, "RUNNING")], lines=[(6.0, "a"), (30.5, "bye")], exit_code=143)

    events, outcome = drive(life, stop_at=30.0)

    assert life.stopped == (30.0, f"{INTERRUPT} by SIGINT")
    assert (Verdict.INTERRUPTED, 143) == (outcome.verdict, outcome.exit_code)
    assert ["a", "bye"] == lines_of(events)


def test_the_timeout_stops_the_task() -> None:
    """Counted from the launch; the reason says after how long."""
    subject = replace(SUBJECT, deadline=BEGIN + timedelta(seconds=90), timeout=90)
    life = Life([(0.0, "PENDING"), (5.0, "RUNNING")], exit_code=137)

    _, outcome = drive(life, subject)

    assert life.stopped == (pytest.approx(90.0), "jobrunner: timed out after 1m30s")
    assert (Verdict.TIMED_OUT, "timed out after 1m30s") == (outcome.verdict, outcome.detail)


def test_a_run_that_ended_in_time_is_not_stopped_by_a_late_follower() -> None:
    """The deadline counts after the first look only."""
    subject = replace(SUBJECT, deadline=BEGIN - timedelta(hours=1))
    life = Life([(0.0, "STOPPED")], exit_code=0)

    drive(life, subject)

    assert life.stopped is None


def test_a_deadline_without_a_timeout_stops_too() -> None:
    """A record from elsewhere may know only the deadline."""
    life = Life([(0.0, "RUNNING")])

    drive(life, replace(SUBJECT, deadline=BEGIN + timedelta(seconds=5)))

    assert life.stopped == (pytest.approx(5.0), "jobrunner: timed out")


def test_a_task_that_never_ran_is_not_waited_for() -> None:
    """No container has written anything: there is nothing to settle, and the empty log is complete."""
    life = Life([(0.0, "PROVISIONING"), (8.0, "STOPPED")], exit_code=None)

    _, outcome = drive(life)

    assert (Verdict.NEVER_STARTED, True, 0) == (outcome.verdict, outcome.logs.complete, outcome.billed_seconds)
    assert life.calls[-1][0] < 11.0


def test_without_streams_the_outcome_says_that_nobody_read_the_log() -> None:
    """`complete` is never claimed for what was not looked at."""
    _, outcome = drive(Life(ORDINARY, exits_at=40.0), replace(SUBJECT, streams=None))

    assert (False, "the log was not read") == (outcome.logs.complete, outcome.logs.reason)


def test_throttling_is_waited_for_in_silence() -> None:
    """AWS's request for patience is no news for the user."""
    error = AwsThrottledError("Rate exceeded", where="ecs:DescribeTasks")
    life = Life(ORDINARY, exits_at=40.0, failures=[(1.0, 20.0, error)])

    events, outcome = drive(life)

    assert outcome.verdict is Verdict.SUCCEEDED
    assert not [event for event in events if isinstance(event, WarningEvent)]
    assert len([at for at, name in life.calls if name == "DescribeTask" and 1.0 <= at < 20.0]) <= 6


def test_a_network_that_returns_costs_a_warning() -> None:
    """A closed laptop must not lose a run."""
    error = AwsUnreachableError("no route to host", where="ecs:DescribeTasks")
    life = Life(ORDINARY, exits_at=40.0, failures=[(1.0, 200.0, error)])

    events, outcome = drive(life)

    warnings = [event.message for event in events if isinstance(event, WarningEvent)]
    assert ["AWS does not answer, still trying: no route to host"] == warnings
    assert outcome.verdict is Verdict.SUCCEEDED


def test_a_network_that_does_not_return_ends_the_watch_not_the_run() -> None:
    """After the connection's patience the error is raised; the task is not stopped."""
    error = AwsUnreachableError("no route to host", where="ecs:DescribeTasks")
    life = Life(ORDINARY, failures=[(1.0, 1e9, error)])

    with pytest.raises(AwsUnreachableError, match="no route to host"):
        drive(life)

    assert 300.0 <= life.calls[-1][0] <= 330.0
    assert life.stopped is None


def test_a_refusal_to_describe_is_raised() -> None:
    """No retry will change it."""
    error = AwsRefusedError("AccessDenied", where="ecs:DescribeTasks")

    with pytest.raises(AwsRefusedError):
        drive(Life(ORDINARY, failures=[(0.0, 1e9, error)]))


def test_a_refusal_to_stop_is_a_warning() -> None:
    """The run goes on and is followed to its end."""
    watch = Watch(SUBJECT, patience=PATIENCE, prices=PriceTable(prices={}), now=BEGIN)
    watch.request_stop("because")
    watch.request_stop("another reason does not replace the first")
    step = watch.advance(BEGIN)
    assert step.asks[0] == StopTask(reason="because")

    failed = CallFailed(ask=StopTask(reason="because"), error=AwsRefusedError("not allowed"))
    step = watch.advance(BEGIN, [failed])

    assert [WarningEvent(message="the task could not be stopped: not allowed")] == list(step.events)
    assert all(not isinstance(ask, StopTask) for ask in step.asks)


def test_a_stop_that_was_throttled_is_sent_again() -> None:
    """Nobody is left behind because AWS was busy."""
    error = AwsThrottledError("Rate exceeded")
    life = Life([(0.0, "RUNNING")], failures=[(30.0, 33.0, error)])

    _, outcome = drive(life, stop_at=30.0)

    assert outcome.verdict is Verdict.INTERRUPTED
    assert life.stopped is not None
    assert 33.0 <= life.stopped[0] < 40.0


def test_a_run_that_ended_long_ago_is_read_without_settling() -> None:
    """AWS's clock says that its log has been quiet for long."""
    old = TaskSnapshot(
        task_arn="arn",
        last_status="STOPPED",
        started_at=BEGIN - timedelta(hours=2),
        stopped_at=BEGIN - timedelta(hours=1),
        execution_stopped_at=BEGIN - timedelta(hours=1),
        containers=(ContainerSnapshot(name="main", exit_code=0),),
    )
    watch = Watch(SUBJECT, patience=PATIENCE, prices=PriceTable(prices={}), now=BEGIN)
    assert watch.advance(BEGIN).asks == (DescribeTask(),)
    assert watch.task is None

    step = watch.advance(BEGIN, [TaskSeen(task=old, at=BEGIN)])
    step = watch.advance(BEGIN, [PageRead(question=step.asks[0], answer=StreamAbsent(), asked=BEGIN)])  # type: ignore[arg-type]  # the ask is a ReadLog

    assert step.outcome is not None
    assert step.outcome.logs.complete
    assert watch.task == old


# -- the start timeout -----------------------------------------------------------------------------------------


def test_a_task_that_does_not_start_in_time_is_stopped() -> None:
    """Exactly then; nothing ran, so that it may be launched again."""
    subject = replace(SUBJECT, start_deadline=BEGIN + timedelta(seconds=60), start_timeout=60)
    life = Life([(0.0, "PROVISIONING"), (10.0, "PENDING")], exit_code=None)

    _, outcome = drive(life, subject)

    assert life.stopped == (pytest.approx(60.0), "jobrunner: did not start within 1m")
    assert (Verdict.NEVER_STARTED, "start_timeout") == (outcome.verdict, outcome.reason)


def test_a_task_that_starts_in_time_is_left_alone() -> None:
    """However long it runs."""
    subject = replace(SUBJECT, start_deadline=BEGIN + timedelta(seconds=20), start_timeout=20)
    life = Life(ORDINARY, exits_at=40.0)

    _, outcome = drive(life, subject)

    assert life.stopped is None
    assert outcome.verdict is Verdict.SUCCEEDED


def test_a_state_from_running_on_counts_as_started() -> None:
    """ECS may say when it started a moment later, or never."""
    watch = Watch(
        replace(SUBJECT, streams=None, start_deadline=BEGIN), patience=PATIENCE, prices=PriceTable(prices={}), now=BEGIN
    )
    late = BEGIN + timedelta(seconds=5)

    step = watch.advance(late, [TaskSeen(task=TaskSnapshot(task_arn="arn", last_status="RUNNING"), at=late)])

    assert step.asks == (DescribeTask(),)
    assert not watch.ran


def test_the_sooner_of_two_deadlines_stops_the_task() -> None:
    """A timeout counts also while the task starts."""
    timeout = replace(SUBJECT, deadline=BEGIN + timedelta(seconds=30), timeout=30)
    both = replace(timeout, start_deadline=BEGIN + timedelta(seconds=60))
    life = Life([(0.0, "PENDING")], exit_code=None)

    drive(life, both)

    assert life.stopped == (pytest.approx(30.0), "jobrunner: timed out after 30s")


def test_a_start_deadline_without_its_limit_stops_too() -> None:
    """The reason says what is known."""
    life = Life([(0.0, "PENDING")], exit_code=None)

    drive(life, replace(SUBJECT, start_deadline=BEGIN + timedelta(seconds=5)))

    assert life.stopped == (pytest.approx(5.0), "jobrunner: did not start")


# -- the verdict before STOPPED --------------------------------------------------------------------------------

RUNNING = running_task()
ENDING = running_task(
    last_status="DEPROVISIONING",
    desired_status="STOPPED",
    stop_code="EssentialContainerExited",
    stopped_reason="Essential container in task exited",
    containers=(container(last_status="STOPPED", exit_code=3),),
)
NOON = RUNNING.created_at or BEGIN
WITHOUT_LOG = replace(SUBJECT, streams=None, launched_at=NOON)


def watch_of(subject: Subject = WITHOUT_LOG, *, wait_bill: bool = True, pace: Pace = CLOSE) -> Watch:
    """A watch that begins at noon."""
    return Watch(subject, patience=PATIENCE, prices=PriceTable(prices={}), now=NOON, wait_bill=wait_bill, pace=pace)


def look(watch: Watch, seconds: float, task: TaskSnapshot | None) -> Step:
    """Let it see a task, so many seconds after noon."""
    at = NOON + timedelta(seconds=seconds)
    return watch.advance(at, [TaskSeen(task=task, at=at)])


def test_a_certain_verdict_is_told_once_and_the_bill_waited_for() -> None:
    """Some twenty seconds pass until Fargate has taken the task down."""
    watch = watch_of()
    look(watch, 15, RUNNING)
    assert watch.judgement is None

    known = look(watch, 30, ENDING)
    again = look(watch, 31, ENDING)
    step = look(watch, 120, stopped_task(3))

    certain = VerdictKnown(judgement=judge(stopped_task(3), "main"))
    assert [certain] == [event for event in known.events if isinstance(event, VerdictKnown)]
    assert (None, (), (DescribeTask(),)) == (known.outcome, again.events, again.asks)
    assert step.outcome is not None
    assert (3, 110) == (step.outcome.exit_code, step.outcome.billed_seconds)
    assert (certain.judgement, True) == (watch.judgement, watch.ran)


def test_who_does_not_wait_for_the_bill_is_done_with_the_verdict() -> None:
    """What it costs stays unknown."""
    watch = watch_of(wait_bill=False)
    look(watch, 15, RUNNING)

    step = look(watch, 30, ENDING)

    assert step.outcome is not None
    assert (Verdict.FAILED, 3, None, None) == (
        step.outcome.verdict,
        step.outcome.exit_code,
        step.outcome.billed_seconds,
        step.outcome.stopped_at,
    )
    assert step.events[-1] == Finished(outcome=step.outcome)


def test_who_does_not_wait_for_the_bill_still_reads_the_whole_log() -> None:
    """Until it is shown to be quiet after the containers' end."""
    watch = watch_of(replace(WITHOUT_LOG, streams=(STREAM,)), wait_bill=False)
    now, step = 30.0, look(watch, 30, ENDING)
    while step.outcome is None:
        now += step.wait
        at = NOON + timedelta(seconds=now)
        answers = [
            PageRead(question=ask, answer=StreamAbsent(), asked=at)
            if isinstance(ask, ReadLog)
            else TaskSeen(task=ENDING, at=at)
            for ask in step.asks
        ]
        step = watch.advance(at, answers)

    assert (True, 3) == (step.outcome.logs.complete, step.outcome.exit_code)
    assert 40.0 <= now < 42.0


@pytest.mark.parametrize(
    "limit", [{"deadline": NOON + timedelta(seconds=40)}, {"start_deadline": NOON + timedelta(seconds=40)}]
)
def test_a_deadline_after_the_verdict_is_none(limit: dict[str, Any]) -> None:
    """Nothing is stopped, and nobody is in a hurry: the task is looked at in its own pace."""
    never_ran = replace(
        ENDING,
        started_at=None,
        stop_code="UserInitiated",
        stopped_reason="jobrunner: stopped by request",
        containers=(container(last_status="STOPPED", exit_code=143, reason="CannotStartContainerError"),),
    )
    watch = watch_of(replace(WITHOUT_LOG, **limit))
    look(watch, 30, never_ran)
    assert watch.judgement is not None

    step = look(watch, 45, never_ran)

    assert (2.0, (DescribeTask(),)) == (step.wait, step.asks)


def test_a_verdict_that_was_certain_stays_when_ecs_forgets_the_task() -> None:
    """The laptop was closed in the seconds between; only the bill is lost."""
    watch = watch_of()
    look(watch, 30, ENDING)

    step = look(watch, 7_200, None)

    assert step.outcome is not None
    assert (Verdict.FAILED, 3, None) == (step.outcome.verdict, step.outcome.exit_code, step.outcome.billed_seconds)


# -- a stop that has no effect ---------------------------------------------------------------------------------


def test_a_stop_that_has_no_effect_is_sent_again() -> None:
    """ECS does not know a task yet that it has just made: nobody is left behind for that."""
    watch = watch_of()
    watch.request_stop("because")
    assert StopTask(reason="because") in watch.advance(NOON).asks
    watch.advance(NOON, [StopAccepted(), TaskSeen(task=None, at=NOON)])

    first = look(watch, 1, RUNNING)
    second = look(watch, 2, RUNNING)
    third = watch.advance(NOON + timedelta(seconds=3))
    assert [False, False, True] == [StopTask(reason="because") in step.asks for step in (first, second, third)]

    watch.advance(NOON + timedelta(seconds=3), [StopAccepted()])
    stopping = look(watch, 4, replace(RUNNING, desired_status="STOPPED"))
    later = look(watch, 60, replace(RUNNING, desired_status="STOPPED"))
    assert [(DescribeTask(),)] * 2 == [stopping.asks, later.asks]


def test_a_stop_that_is_refused_later_is_not_sent_for_ever() -> None:
    """The user is told once."""
    watch = watch_of()
    watch.request_stop("because")
    watch.advance(NOON, [StopAccepted(), TaskSeen(task=RUNNING, at=NOON)])
    refusal = CallFailed(ask=StopTask(reason="because"), error=AwsRefusedError("not allowed"))

    step = watch.advance(NOON + timedelta(seconds=3), [refusal])

    assert [WarningEvent(message="the task could not be stopped: not allowed")] == list(step.events)
    assert [(DescribeTask(),)] * 3 == [look(watch, at, RUNNING).asks for at in (4, 8, 60)]


# -- the pace --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pace", "pauses"),
    [(CLOSE, [0.05, 0.2, 2.0, 2.0, 5.0]), (SHARED, [1.0, 1.0, 4.0, 4.0, 10.0])],
)
def test_a_task_is_looked_at_after_a_fifth_of_its_time(pace: Pace, pauses: list[float]) -> None:
    """Within the limits of the pace: nobody waits long for a short task, and a long one costs few calls."""
    watch = watch_of(pace=pace)
    look(watch, 0, RUNNING)

    waits = [look(watch, at, RUNNING).wait for at in (0, 1, 60, 599, 700)]

    assert pauses == pytest.approx(waits)


def test_many_runs_share_their_looks() -> None:
    """So many seconds between two looks are so many more tasks in one call."""
    assert SHARED.first > CLOSE.first
    assert SHARED.longest > CLOSE.longest
    assert SHARED.longest_of_long_run > CLOSE.longest_of_long_run


def test_a_stop_that_is_not_answered_is_told_once() -> None:
    """Looks that are answered in between end the silence, and begin no other story."""
    watch = watch_of()
    watch.request_stop("because")
    unanswered = CallFailed(ask=StopTask(reason="because"), error=AwsUnreachableError("no route to host"))
    warnings = []
    for second in range(1, 30, 3):
        at = NOON + timedelta(seconds=second)
        warnings += watch.advance(at, [unanswered]).events
        look(watch, second + 1, RUNNING)

    assert [WarningEvent(message="AWS does not answer, still trying: no route to host")] == warnings


def test_throttling_that_does_not_end_is_told_once() -> None:
    """Whoever waits may want to know why nothing is seen; a little of it is no news."""
    watch = watch_of()
    throttled = CallFailed(ask=DescribeTask(), error=AwsThrottledError("Rate exceeded"))
    told = [watch.advance(NOON + timedelta(seconds=30 * number), [throttled]).events for number in range(10)]

    warning = WarningEvent(message="AWS asks for fewer calls again and again, still trying: Rate exceeded")
    assert [(), (), (), (), (), (), (warning,), (), (), ()] == told
