"""What history makes of a run's notes: the real lives of runs, as events, executions and records tell them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noted import (
    MANUAL,
    NAME,
    NIGHTLY,
    NOON,
    SOURCE,
    arn,
    at,
    ended,
    execution,
    launch,
    notes_of_runs,
    of_task,
    under_way,
    unlaunched,
    without_task,
)

from jobrunner.core.connection import Connection
from jobrunner.core.history import Entry, Identity, Note, Source, better, entry_of, note_from_json
from jobrunner.core.history_notes import Teller
from jobrunner.core.outcome import LogReport, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.core.history import LaunchNote

FAILED, SUCCEEDED, STOPPED = Verdict.FAILED, Verdict.SUCCEEDED, Verdict.STOPPED


def entry(*notes: Note) -> Entry:
    """Make one run of notes, in the order of a log and in the opposite one, which come to the same."""
    there, back = entry_of(SOURCE, notes), entry_of(SOURCE, reversed(notes))
    assert there == back
    return there


def end(*notes: Note) -> Outcome:
    """Give the end of a run that is over."""
    outcome = entry(*notes).outcome
    assert outcome is not None
    return outcome


def scheduled(number: int = 1, **said: object) -> LaunchNote:
    """A launch of a scheduled run."""
    return launch(number, identity=NIGHTLY, **said)  # type: ignore[arg-type]  # the fields are the caller's


def kept(notes: Iterable[Note]) -> dict[str, Note]:
    """Keep of notes about the same thing the better ones, one after the other."""
    stays: dict[str, Note] = {}
    for note in notes:
        stays[note.key] = better(note, stays.get(note.key))
    return stays


# --- one launch


def test_a_run_is_as_its_task_ended() -> None:
    """One launch, one task: its end is the run's."""
    only = ended(launch())
    assert (only.outcome, (only,), NOON, True) == (
        end(only),
        entry(only).launches,
        entry(only).at,
        entry(only).complete,
    )


def test_a_run_whose_task_runs_is_not_over() -> None:
    """Whatever is not over has no outcome."""
    running = entry(launch())
    assert (None, 1, False, False) == (running.outcome, running.attempts, running.skipped, running.complete)


def test_a_run_of_which_only_the_execution_is_known_is_not_over() -> None:
    """It waits for its first task: it has come to no attempt yet."""
    waiting = entry(under_way(begun=7))
    assert (None, 0, at(7), NIGHTLY) == (waiting.outcome, waiting.attempts, waiting.at, waiting.identity)


# --- attempts


def test_attempts_are_one_run() -> None:
    """The end is that of the last, the bill that of all."""
    first, second = ended(launch(1), FAILED), ended(launch(2, attempt=2, begun=200))
    whole = end(first, second)
    assert (SUCCEEDED, 2, 190, Decimal("0.019"), (first.outcome,)) == (
        whole.verdict,
        whole.attempt,
        whole.billed_seconds,
        whole.cost_usd,
        whole.earlier,
    )
    assert (2, True) == (entry(first, second).attempts, entry(first, second).complete)


def test_launches_of_one_attempt_are_one_attempt() -> None:
    """Spot was interrupted and on-demand took over: two launches, one attempt, in the order in which they began."""
    spot, on_demand = ended(launch(9, spot=True), STOPPED), ended(launch(1, begun=150))
    run = entry(spot, on_demand)
    assert ((spot, on_demand), 1, 190) == (run.launches, run.attempts, end(spot, on_demand).billed_seconds)


def test_a_failed_attempt_is_not_the_end_while_the_execution_runs() -> None:
    """It waits for its next attempt, or the state machine has not looked yet."""
    assert None is entry(under_way(), ended(scheduled(), FAILED)).outcome


def test_a_success_is_the_end_at_once() -> None:
    """The state machine learns of it late, up to a tenth of the task's time."""
    assert SUCCEEDED is end(under_way(), ended(scheduled())).verdict


def test_a_failed_attempt_without_an_execution_is_the_end() -> None:
    """As far as anybody has told."""
    assert FAILED is end(ended(launch(), FAILED)).verdict


def test_the_bill_of_a_run_with_a_missing_attempt_is_unknown() -> None:
    """The rule was made between two attempts: what the first one cost is never guessed."""
    second = ended(launch(2, attempt=2))
    whole = end(second)
    assert (SUCCEEDED, None, None, False) == (
        whole.verdict,
        whole.billed_seconds,
        whole.cost_usd,
        entry(second).complete,
    )


def test_the_bill_of_a_run_with_an_attempt_without_an_end_is_unknown() -> None:
    """An event was lost; that attempt is over, as a later one has begun."""
    notes = (launch(1), ended(launch(2, attempt=2, begun=300)))
    assert (SUCCEEDED, None, None) == (end(*notes).verdict, end(*notes).billed_seconds, end(*notes).cost_usd)
    assert not entry(*notes).complete


def test_an_unknown_cost_of_an_attempt_makes_that_of_the_run_unknown() -> None:
    """And leaves the seconds known."""
    notes = (ended(launch(1), FAILED, cost_usd=None), ended(launch(2, attempt=2, begun=200)))
    assert (190, None) == (end(*notes).billed_seconds, end(*notes).cost_usd)


# --- launches without a task


def test_a_run_that_was_never_placed_as_a_record_tells_it() -> None:
    """One attempt, no task, no cost."""
    run = entry(unlaunched(launch()))
    assert run.outcome is not None
    assert (Verdict.NEVER_STARTED, 1, 0, False) == (
        run.outcome.verdict,
        run.attempts,
        run.outcome.billed_seconds,
        run.skipped,
    )


def test_a_planned_launch_gives_way_to_the_attempt_that_came_of_it() -> None:
    """What this machine planned, ECS shows as a task."""
    planned = replace(launch(attempt=2, begun=200), task=None)
    first, second = ended(launch(1), FAILED), ended(launch(2, attempt=2, begun=201))
    assert None is entry(first, planned).outcome
    assert (first, second) == entry(first, planned, second).launches
    third = ended(launch(3, attempt=3, begun=400))
    assert (first, third) == entry(first, planned, third).launches


def test_a_launch_that_was_told_not_to_have_made_a_task_gives_way_to_its_task() -> None:
    """Its process was only slow; or its key has launched the run again."""
    told, real = unlaunched(launch(begun=10), reason="not_sent"), ended(launch(begun=12))
    assert ((real,), (real.outcome, at(12))) == (
        entry(told, real).launches,
        (entry(told, real).outcome, entry(told, real).at),
    )
    running = launch(begun=12)
    assert ((running,), None) == (entry(told, running).launches, entry(told, running).outcome)


def test_a_launch_without_a_task_stands_beside_an_earlier_one_of_its_attempt() -> None:
    """Spot was interrupted, and then ECS had no place on demand either."""
    spot, refused = ended(launch(spot=True), STOPPED), unlaunched(launch(begun=150))
    run = entry(spot, refused)
    assert ((spot, refused), Verdict.NEVER_STARTED, 95) == (
        run.launches,
        end(spot, refused).verdict,
        end(spot, refused).billed_seconds,
    )


# --- ends that only an execution knows


def test_a_skipped_run_never_began() -> None:
    """Another run was under way (`overlap: forbid`): it is no attempt."""
    skip = execution(end=without_task(reason="skipped"))
    assert (True, 0, (), 0) == (
        entry(skip).skipped,
        entry(skip).attempts,
        entry(skip).launches,
        end(skip).billed_seconds,
    )
    assert not entry(execution(end=without_task(reason="capacity"))).skipped


def test_a_skipped_run_is_skipped_also_when_a_record_tells_it() -> None:
    """`status` has asked for it, and this machine remembers."""
    record = unlaunched(scheduled(), reason="skipped")
    assert (True, 0) == (entry(record).skipped, entry(record).attempts)
    assert (True, 0) == (
        entry(record, execution(end=without_task(reason="skipped"))).skipped,
        entry(record, execution(end=without_task(reason="skipped"))).attempts,
    )


def test_a_run_that_was_never_placed_has_an_end_without_any_task() -> None:
    """The execution failed, and there is nothing else."""
    run = entry(execution(end=without_task(attempt=1)))
    assert run.outcome is not None
    assert (Verdict.NEVER_STARTED, 1, False) == (run.outcome.verdict, run.attempts, run.skipped)


def test_a_second_attempt_that_was_never_placed_ends_the_run() -> None:
    """The bill is that of the attempt before."""
    first, last = ended(scheduled(), FAILED), execution(begun=300, end=without_task(attempt=2))
    whole = end(first, last)
    assert (Verdict.NEVER_STARTED, 2, 95, (first.outcome,), None) == (
        whole.verdict,
        whole.attempt,
        whole.billed_seconds,
        whole.earlier,
        whole.task_arn,
    )


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_run_that_was_stopped_between_two_attempts_was_stopped(attempt: int) -> None:
    """Also when the execution does not say which attempt was to come."""
    first = ended(scheduled(), FAILED)
    stop = execution(begun=120, end=without_task(verdict=STOPPED, reason="user", attempt=attempt))
    whole = end(first, stop)
    assert (STOPPED, attempt, 95) == (whole.verdict, whole.attempt, whole.billed_seconds)


def test_the_attempts_of_a_stopped_run_are_those_that_it_had() -> None:
    """An execution that was stopped says 1 for want of anything better."""
    notes = [ended(scheduled(n, attempt=n, begun=200 * n), FAILED) for n in (1, 2)]
    assert 2 == end(*notes, execution(begun=900, end=without_task(verdict=STOPPED, reason="user"))).attempt


def test_an_overtaken_run_says_so() -> None:
    """It is as its last attempt, which was to be tried again."""
    first = ended(scheduled(), FAILED)
    whole = end(first, execution(begun=120, end=without_task(verdict=FAILED, reason="overtaken")))
    assert (FAILED, "overtaken", 1, (first.outcome,)) == (whole.verdict, whole.reason, whole.attempt, whole.earlier)


def test_a_stop_of_execution_and_task_together_is_as_the_task_ended() -> None:
    """`stop` ends the execution first: the task, which ends later, tells the exit code."""
    task = ended(scheduled(), STOPPED, reason="user")
    assert task.outcome == end(task, execution(begun=60, end=without_task(verdict=STOPPED, reason="replaced")))
    assert task.outcome == end(task, execution(begun=100, end=without_task(verdict=STOPPED, reason="replaced")))
    assert task.outcome == end(task, execution(begun=101, end=without_task(verdict=STOPPED, reason="user")))


def test_a_stop_cannot_undo_a_success() -> None:
    """The execution had not looked yet when somebody stopped it."""
    task = ended(scheduled())
    assert task.outcome == end(task, execution(begun=130, end=without_task(verdict=STOPPED, reason="user")))


def test_an_execution_that_is_stopped_leaves_its_task_running() -> None:
    """So the run is not over."""
    assert None is entry(scheduled(), execution(begun=60, end=without_task(verdict=STOPPED, reason="user"))).outcome


def test_an_execution_that_broke_leaves_the_end_to_the_last_task() -> None:
    """Nobody looks after the run any more: its last attempt was the last one."""
    task, broken = ended(scheduled(), FAILED), execution(begun=500, end=without_task(verdict=Verdict.LOST))
    assert task.outcome == end(task, broken)
    assert Verdict.LOST is end(broken).verdict


def test_a_launch_whose_task_is_not_known_is_lost_with_the_execution() -> None:
    """The second attempt may have made one: the bill is unknown as the execution says it."""
    lost = replace(without_task(verdict=Verdict.LOST, attempt=2), billed_seconds=None, cost_usd=None)
    whole = end(ended(scheduled(), FAILED), execution(begun=500, end=lost))
    assert (Verdict.LOST, 2, None) == (whole.verdict, whole.attempt, whole.billed_seconds)


def test_a_launch_that_a_record_tells_says_more_than_the_execution() -> None:
    """Both say that the run was never placed."""
    record = unlaunched(scheduled())
    assert record.outcome == end(record, execution(begun=60, end=without_task()))


def test_a_task_without_a_known_stop_ended_before_its_execution() -> None:
    """ECS said STOPPED and no time; the stop of the run came then."""
    first = ended(scheduled(), FAILED, stopped_at=None)
    assert first.task is not None
    first = replace(first, task=replace(first.task, stopped_at=None))
    assert STOPPED is end(first, execution(begun=1, end=without_task(verdict=STOPPED, reason="user"))).verdict


# --- ends of tasks, as an execution tells them


def test_a_task_that_ecs_has_told_of_says_more_than_its_execution() -> None:
    """Times, bill, log."""
    task = ended(scheduled(), FAILED)
    assert task.outcome == end(task, execution(begun=130, end=of_task(task, FAILED)))


def test_a_task_whose_end_was_not_heard_ended_as_its_execution_says() -> None:
    """The event is late, or lost: no bill, but an end."""
    run = entry(scheduled(), execution(begun=130, end=of_task(scheduled(), FAILED)))
    assert run.outcome is not None
    assert (FAILED, None, (), False) == (
        run.outcome.verdict,
        run.outcome.billed_seconds,
        run.outcome.earlier,
        run.complete,
    )


def test_a_task_of_which_nothing_was_heard_ended_as_its_execution_says() -> None:
    """A whole run, its second attempt, and the second launch of its first."""
    unheard = execution(begun=900, end=of_task(scheduled(7, attempt=2)))
    assert (SUCCEEDED, arn(7), False) == (end(unheard).verdict, end(unheard).task_arn, entry(unheard).complete)
    first = ended(scheduled(), FAILED)
    whole = end(first, unheard)
    assert (SUCCEEDED, 2, (first.outcome,), None) == (
        whole.verdict,
        whole.attempt,
        whole.earlier,
        whole.billed_seconds,
    )
    again = execution(begun=900, end=of_task(scheduled(8)))
    assert (SUCCEEDED, (first.outcome,)) == (end(first, again).verdict, end(first, again).earlier)


def test_an_execution_that_tells_of_an_earlier_task_adds_nothing() -> None:
    """What is known of the later one is the end."""
    first, second = ended(scheduled(1), FAILED), ended(scheduled(2, attempt=2, begun=200))
    assert SUCCEEDED is end(first, second, execution(begun=150, end=of_task(first, FAILED))).verdict
    same = ended(scheduled(3, begun=200), STOPPED)
    assert STOPPED is end(first, same, execution(begun=900, end=of_task(first, FAILED))).verdict
    assert STOPPED is end(same, execution(begun=200, end=of_task(scheduled(8), FAILED))).verdict


# --- several executions


def test_a_run_that_goes_on_in_another_execution_is_looked_after() -> None:
    """The first one has ended, the second runs: a failed attempt is not the end."""
    task = ended(scheduled(), FAILED)
    assert None is entry(execution(begun=50), under_way(number=2, begun=49), task).outcome


def test_the_last_execution_decides() -> None:
    """The tenth comes after the second, and the end of an earlier one may have been lost."""
    task, stop = ended(scheduled(), FAILED), without_task(verdict=STOPPED, reason="user", attempt=2)
    assert STOPPED is end(under_way(), execution(number=10, begun=500, end=stop), task).verdict
    assert None is entry(execution(number=2, begun=900, end=stop), under_way(number=10, begun=400), task).outcome


@pytest.mark.parametrize(
    ("name", "number"), [(NAME, 1), (f"{NAME}.2", 2), (f"{NAME}.12", 12), ("5", 1), (NIGHTLY.run_id, 1), ("Z.x", 1)]
)
def test_executions_are_numbered_by_their_names(name: str, number: int) -> None:
    """As `naming.execution_name` numbers them; any other name is the first."""
    assert number == replace(execution(), name=name).number


# --- which note stays


def better_both_ways(stays: Note, goes: Note) -> bool:
    """Whichever comes first."""
    assert stays.key == goes.key
    return (stays, stays) == (better(stays, goes), better(goes, stays))


def test_an_end_stays_whatever_comes_later() -> None:
    """Deliveries are unordered: an old state after STOPPED says nothing new, whatever its number."""
    assert better_both_ways(ended(launch(), version=6), launch(version=9))
    assert better_both_ways(ended(launch(), version=7), ended(launch(), FAILED, version=6))


def test_a_later_state_stays() -> None:
    """By the state first: what DescribeTasks shows has no number here."""
    running = launch()
    assert running.task is not None
    pending = replace(running, task=replace(running.task, last_status="PENDING"), version=5)
    unknown = replace(running, task=replace(running.task, last_status=None), version=9)
    assert better_both_ways(replace(running, version=0), pending)
    assert better_both_ways(pending, unknown)
    assert better_both_ways(replace(running, version=4), running)


def test_a_bill_stays_and_who_read_the_log() -> None:
    """A bill before none, then the task before none, then this machine's record, then a price before none."""
    aws = ended(launch())
    log = LogReport(complete=True, events=7)
    record = replace(ended(launch(), logs=log, cost_usd=None), teller=Teller.RECORD, version=0)
    assert better_both_ways(aws, replace(record, outcome=replace(end(record), billed_seconds=None)))
    assert better_both_ways(record, aws)
    assert better_both_ways(aws, replace(record, task=None))
    assert better_both_ways(ended(launch(), version=0), ended(launch(), cost_usd=None))


def test_who_told_says_nothing_of_what_is_not_over() -> None:
    """This machine knows no more of a running task than AWS does."""
    assert better_both_ways(launch(version=4), replace(launch(version=3), teller=Teller.RECORD))


def test_the_end_of_an_execution_stays() -> None:
    """And one that can be read before one that cannot."""
    lost = execution(end=without_task(verdict=Verdict.LOST))
    assert better_both_ways(execution(begun=9), under_way(begun=10))
    assert better_both_ways(execution(end=without_task()), lost)
    assert better_both_ways(execution(begun=9), lost)


def test_the_first_note_stays() -> None:
    """There is no other; or it is the same one."""
    assert launch() == better(launch(), None)
    first = launch()
    assert first is better(launch(), first)


def test_of_two_that_know_as_much_always_the_same_one_stays() -> None:
    """Otherwise two machines that read in another order would have different histories."""
    one, other = ended(launch(), detail="a"), ended(launch(), detail="b")
    assert better(one, other) == better(other, one)


def test_a_launch_without_a_task_is_known_by_its_attempt_and_time() -> None:
    """And one whose task only its outcome names by that task."""
    assert "launch 2 2026-01-01T12:00:05.000Z" == unlaunched(launch(attempt=2, begun=5)).key
    assert arn(4) == replace(ended(launch(4)), task=None).key
    assert (None, None) == (unlaunched(launch()).started_at, replace(launch(), task=None).stopped_at)
    assert (at(10), at(100)) == (
        replace(ended(launch()), task=None).started_at,
        replace(ended(launch()), task=None).stopped_at,
    )


@given(notes_of_runs(), st.randoms(use_true_random=False))
def test_any_order_of_any_deliveries_comes_to_the_same_runs(notes: list[Note], chance: object) -> None:
    """Deliveries are at least once and unordered."""
    shuffled = [*notes, *notes]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    assert kept(notes) == kept(shuffled)
    stays = list(kept(notes).values())
    for run_id in {note.identity.run_id for note in stays}:
        of_it = [note for note in stays if note.identity.run_id == run_id]
        run = entry(*of_it)
        assert of_it[0].identity.run_id == run.identity.run_id
        assert {run.at} | {one.at for one in run.launches} <= {note.at for note in of_it}
        assert run.outcome is None or run.outcome.attempt <= run.attempts or run.skipped


@given(notes_of_runs())
def test_a_note_is_read_back_as_it_was(notes: list[Note]) -> None:
    """As JSON text."""
    assert notes == [note_from_json(json.loads(json.dumps(note.to_json()))) for note in notes]


# --- an entry


def test_a_scheduled_run_is_due_at_its_time() -> None:
    """However long its delivery took; anything else when it began, a backfill above all."""
    late = scheduled(begun=90)
    assert NOON == entry(late).due
    backfill = replace(NIGHTLY, trigger="backfill")
    assert at(90) == entry(replace(late, identity=backfill)).due
    assert at(90) == entry(replace(late, identity=replace(NIGHTLY, scheduled_time=None))).due


def test_an_entry_as_json_is_its_outcome_with_who_and_when() -> None:
    """The keys of product.md."""
    task = ended(scheduled())
    assert task.outcome is not None
    expected = {**task.outcome.to_json(), "trigger": "schedule", "scheduled_time": "2026-01-01T12:00:00.000Z"}
    assert expected == entry(task).to_json()


def test_an_entry_that_is_not_over_has_the_same_keys() -> None:
    """What is not known yet is null."""
    first, second = ended(launch(1), FAILED), launch(2, attempt=2, begun=200, spot=True)
    document = entry(first, second).to_json()
    assert entry(first).to_json().keys() == document.keys()
    assert first.outcome is not None
    known = {
        "run_id": MANUAL.run_id,
        "job": "etl",
        "trigger": "manual",
        "attempt": 2,
        "task_arn": arn(2),
        "created_at": "2026-01-01T12:03:20.000Z",
        "pull_started_at": "2026-01-01T12:03:25.000Z",
        "started_at": "2026-01-01T12:03:30.000Z",
        "capacity": "spot",
        "earlier": [first.outcome.to_json()],
    }
    assert known == {name: value for name, value in document.items() if value is not None}


def test_an_entry_that_waits_for_its_first_task_knows_next_to_nothing() -> None:
    """Not even when ECS accepted it."""
    document = entry(under_way()).to_json()
    known = {
        "run_id": NIGHTLY.run_id,
        "job": "nightly",
        "trigger": "schedule",
        "scheduled_time": "2026-01-01T12:00:00.000Z",
        "attempt": 1,
        "earlier": [],
    }
    assert known == {name: value for name, value in document.items() if value is not None}


def test_capacity_is_not_known_before_ecs_says_it() -> None:
    """A launch on demand is `on-demand`; one of which nothing was said is null."""
    running = launch()
    assert running.task is not None
    unsaid = replace(running, task=replace(running.task, capacity_provider=None))
    assert ("on-demand", None) == (entry(running).to_json()["capacity"], entry(unsaid).to_json()["capacity"])


def test_a_source_is_a_stage_where_a_connection_leads() -> None:
    """Region and endpoint are the connection's."""
    connection = Connection(region="eu-west-1", endpoint_url="http://127.0.0.1:1", endpoint_id="one")
    expected = Source(
        project="demo", stage=None, region="eu-west-1", endpoint_url="http://127.0.0.1:1", endpoint_id="one"
    )
    assert expected == Source.at(connection, project="demo", stage=None)


def test_the_identity_is_that_of_the_last_launch() -> None:
    """A launch knows who triggered it; an execution is always a schedule's."""
    other = Identity(run_id=NIGHTLY.run_id, job="nightly", trigger="library", scheduled_time=NOON + timedelta(hours=1))
    assert other == entry(under_way(), scheduled(1), launch(2, identity=other, attempt=2, begun=9)).identity
