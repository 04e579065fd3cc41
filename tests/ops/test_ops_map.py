"""Many runs of one job in one process: order, limits, keys, refusals, stops, and what they cost in calls."""

from __future__ import annotations

import threading
from collections import Counter
from math import ceil
from typing import TYPE_CHECKING

import pytest
from shelljobs import lines, shell, span_of, tasks_of

from jobrunner import (
    AwsRefusedError,
    AwsThrottledError,
    AwsUnreachableError,
    Finished,
    PhaseChanged,
    RunOptions,
    SpecError,
    Started,
    StoreError,
    Variation,
    Verdict,
)
from jobrunner.core.events import Retrying
from jobrunner.core.ports import Launch, PlacementFailure
from jobrunner.core.tally import Place
from jobrunner.testing import Line, MemoryAudit, MemoryRuns, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jobrunner import JobRunner, Outcome
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.ops.fleet import Fleet
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

JOB = shell("exit ${{ params.code }}", params={"code": "0"})


def codes(*values: int, key: str | None = None) -> list[Variation]:
    """A run for each exit code, with a key of its own if asked for."""
    return [
        Variation(
            label=f"code={value}",
            options=RunOptions(params={"code": str(value)}, key=key and f"{key}/{index}"),
        )
        for index, value in enumerate(values)
    ]


def exit_codes(outcomes: Sequence[Outcome | None]) -> list[int | None]:
    """The exit codes, None also where there is no outcome."""
    return [one.exit_code if one else None for one in outcomes]


def snapshots(aws: FakeAws) -> list[TaskSnapshot]:
    """What ECS says now of all tasks."""
    return [task.snapshot(aws.clock.now()) for task in aws.started]


def counts(fleet: Fleet) -> dict[Place, int]:
    """Where the runs are, without the places where there are none."""
    return {place: count for place, count in fleet.tally.counts.items() if count}


# -- on an endpoint that executes ------------------------------------------------------------------------------


def test_outcomes_come_in_the_order_of_the_variations(runner: JobRunner) -> None:
    """Whichever ends first; no more tasks than `parallel` exist at once, and each run is told of by its own name."""
    fleet = runner.map(JOB, codes(3, 0, 5, 0, 7), parallel=3)
    events = list(fleet.stream())

    assert [3, 0, 5, 0, 7] == exit_codes(fleet.outcomes)
    ids = [one.run_id for one in fleet.outcomes if one]
    tasks = [task for run_id in ids for task in tasks_of(runner, run_id)]
    span = span_of(tasks)
    assert (5, True) == (span.tasks, span.most <= 3)
    for index, run_id in enumerate(ids):
        own = [one for one in events if one.index == index]
        assert {(run_id, f"code={fleet.outcomes[index].exit_code}")} == {(one.run_id, one.label) for one in own}
        assert (Started, Finished(outcome=fleet.outcomes[index])) == (type(own[0].event), own[-1].event)
    assert ({Place.SUCCEEDED: 2, Place.FAILED: 3}, False) == (counts(fleet), fleet.tally.succeeded)
    assert (300, 0) == (fleet.tally.billed_seconds, fleet.tally.unbilled)
    assert fleet.tally.cost_usd == sum(one.cost_usd for one in fleet.outcomes if one and one.cost_usd is not None)


def test_the_same_keys_start_nothing_a_second_time(machine: Machine) -> None:
    """Not on the same machine, and not on another one; what was not begun is begun."""
    variations = codes(0, 4, 0, key="monday")
    first = machine().map(JOB, variations[:2]).wait()
    again = machine().map(JOB, variations[:2]).wait()
    elsewhere = machine("server").map(JOB, variations).wait()
    assert list(first) == list(again)
    assert [0, 4, 0] == exit_codes(elsewhere)
    assert [one.run_id for one in first if one] == [one.run_id for one in elsewhere if one][:2]
    assert [1, 1, 1] == [len(tasks_of(machine(), one.run_id)) for one in elsewhere if one]


def test_a_stop_from_another_thread_stops_all(runner: JobRunner) -> None:
    """Those that run are stopped, and those that wait are never begun; the stream goes on until they have ended."""
    spec = shell("exec sleep 60", stop_timeout="2s", timeout="10m")
    fleet = runner.map(spec, [RunOptions()] * 5, parallel=3)
    running = set()
    for event in fleet.stream():
        if isinstance(event.event, PhaseChanged) and event.event.phase == "RUNNING":
            running.add(event.index)
            if len(running) == 3:
                threading.Thread(target=fleet.stop, args=("jobrunner: stopped by a colleague",)).start()
    assert 3 == len(running)
    ended = [fleet.outcomes[index] for index in running]
    assert [(Verdict.STOPPED, "stopped by a colleague")] * 3 == [(one.verdict, one.detail) for one in ended if one]
    assert {Place.FAILED: 3, Place.QUEUED: 2} == counts(fleet)
    assert [] == list(runner.ps())


# -- in memory, with AWS's delays and quotas -------------------------------------------------------------------


def test_no_more_are_under_way_than_asked_for(scripted: Machine, aws: FakeAws) -> None:
    """Counted by ECS; as one ends, the next begins."""
    aws.script(*(TaskScript(runs=5.0 + 7 * (number % 5)) for number in range(40)))
    fleet = scripted().map(JOB, codes(*[0] * 40), parallel=7)
    most = 0
    for _ in fleet.stream():
        most = max(most, fleet.under_way)
    span = span_of(snapshots(aws))
    assert (7, 7, 40) == (span.most, most, span.tasks)
    assert fleet.tally.succeeded


@pytest.mark.parametrize("parallel", [0, -1])
def test_nothing_at_once_is_a_mistake(scripted: Machine, parallel: int) -> None:
    """Not a loop without an end."""
    with pytest.raises(ValueError, match="parallel"):
        scripted().map(JOB, codes(0), parallel=parallel)


def test_no_runs_are_no_failure(scripted: Machine, aws: FakeAws) -> None:
    """Nothing is asked of AWS."""
    fleet = scripted().map(JOB, [])
    assert ([], True, []) == (list(fleet.wait()), fleet.tally.succeeded, aws.definitions.calls)


def test_what_is_wrong_with_one_is_found_before_anything_is_sent(scripted: Machine, aws: FakeAws) -> None:
    """The last of many has a parameter that the job has not."""
    with pytest.raises(SpecError, match="no parameter 'cod'"):
        scripted().map(JOB, [*codes(0, 0), RunOptions(params={"cod": "1"})])
    assert ([], []) == (aws.tasks.calls, list(scripted()._ports.runs.recent()))


def test_a_look_describes_a_hundred_tasks(scripted: Machine, aws: FakeAws) -> None:
    """Of n runs in flight, a look costs n/100 calls: and no call asks for more than ECS takes."""
    looks: Counter[str] = Counter()
    sizes: list[int] = []
    described = aws.tasks.describe

    def describe(cluster: str, tasks: Sequence[str]) -> Mapping[str, TaskSnapshot]:
        looks.update(tasks)
        sizes.append(len(tasks))
        return described(cluster, tasks)

    aws.tasks.describe = describe  # type: ignore[method-assign]  # counted
    aws.default = TaskScript(startup=30.0, runs=100.0, deprovisioning=20.0)
    fleet = scripted().map(JOB, codes(*[0] * 250), parallel=250)
    fleet.wait()
    assert fleet.tally.succeeded
    assert max(sizes) == 100
    assert len(sizes) <= ceil(250 / 100) * max(looks.values())
    assert sum(sizes) / len(sizes) > 250 / ceil(250 / 100) * 0.9


def test_calls_keep_to_what_aws_allows(scripted: Machine, aws: FakeAws) -> None:
    """RunTask's bucket is the whole account's: of its 20 at once and 20 a second, four fifths are used."""
    aws.default = TaskScript(runs=60.0)
    fleet = scripted().map(JOB, codes(*[0] * 200), parallel=200)
    fleet.wait()
    began = aws.started[0].created_at
    at = [(task.created_at - began).total_seconds() for task in aws.started]
    assert 200 == len(at)
    for first in range(0, 200, 10):
        for last in range(first, 200, 10):
            assert last - first + 1 <= 16 + 16 * (at[last] - at[first]) + 1
    assert at[-1] < 200 / 16 + 5
    assert 2 >= aws.definitions.calls.count("register")


def test_runs_are_stored_and_found_together(scripted: Machine, aws: FakeAws) -> None:
    """A transaction for each of a thousand runs would wait for the disk a thousand times."""
    store = MemoryRuns()
    scripted(runs=store).map(JOB, codes(*[0] * 100, key="monday"), parallel=100).wait()
    calls = Counter(store.calls)
    assert (0, 0) == (calls["add"], calls["advance"])
    assert calls["add_all"] <= 10
    assert calls["advance_all"] < 150
    assert 1 == aws.tasks.calls.count("find")


def test_the_first_failure_stops_the_rest(scripted: Machine, aws: FakeAws) -> None:
    """With `fail_fast`: what runs is stopped, and says why; what waits is never begun."""
    aws.script(TaskScript(runs=100), TaskScript(runs=20, exit_codes={"main": 3}), TaskScript(runs=100))
    fleet = scripted().map(JOB, codes(0, 3, 0, 0, 0), parallel=3, fail_fast=True)
    fleet.wait()
    assert ["stopped", "failed", "stopped", None, None] == [str(one.verdict) if one else None for one in fleet.outcomes]
    assert ["fail_fast", "exit", "fail_fast"] == [one.reason for one in fleet.outcomes if one]
    assert ({Place.FAILED: 3, Place.QUEUED: 2}, 3) == (counts(fleet), len(aws.started))
    assert all(task.stopped for task in snapshots(aws))
    assert {} == aws.deadlines.pending


def test_a_failure_alone_stops_nothing(scripted: Machine, aws: FakeAws) -> None:
    """Without `fail_fast` all others go on."""
    aws.script(TaskScript(exit_codes={"main": 3}))
    assert [3, 0, 0] == exit_codes(scripted().map(JOB, codes(3, 0, 0), parallel=1).wait())


@pytest.mark.parametrize("when", [0.0, 0.01, 0.9, 1.0, 3.0, 20.0, 40.0])
def test_a_stop_at_any_moment_leaves_nothing_behind(scripted: Machine, aws: FakeAws, when: float) -> None:
    """Before the launches, between them, while tasks start, while they run: no task runs on, no timeout waits."""
    aws.default = TaskScript(startup=15.0, runs=1e5, stop_takes=2.0)
    fleet = scripted().map(shell("true", timeout="1h"), [RunOptions()] * 60, parallel=40)
    aws.clock.after(when, lambda: fleet.stop("jobrunner: interrupted by SIGINT"))
    fleet.wait()
    assert all(task.stopped for task in snapshots(aws))
    assert {} == aws.deadlines.pending
    assert [] == list(scripted()._ports.runs.recent(unfinished=True))
    ended = [one for one in fleet.outcomes if one is not None]
    assert {Verdict.INTERRUPTED} == {one.verdict for one in ended}
    assert len(ended) == 60 - counts(fleet).get(Place.QUEUED, 0)
    assert len(aws.started) == sum(one.task_arn is not None for one in ended)


@pytest.mark.parametrize("survivor", ["laptop", "server"])
@pytest.mark.parametrize("seen", [3, 30, 60])
def test_a_map_goes_on_where_its_process_died(scripted: Machine, aws: FakeAws, survivor: str, seen: int) -> None:
    """On the same machine and on another one: every run is started once, whatever was known when the process died."""
    aws.default = TaskScript(runs=30.0, lines=(Line(message="x"),))
    variations = codes(*[0] * 20, key="monday")
    for number, _ in enumerate(scripted().map(JOB, variations, parallel=8).stream()):
        if number == seen:
            break
    fleet = scripted(survivor).map(JOB, variations, parallel=8)
    fleet.wait()
    assert (20, True) == (len(aws.started), fleet.tally.succeeded)
    assert 20 * 60 == fleet.tally.billed_seconds
    assert list(fleet.outcomes) == list(scripted(survivor).map(JOB, variations).wait())
    assert 20 == len(aws.started)


def test_one_key_twice_is_one_task(scripted: Machine, aws: FakeAws) -> None:
    """Both runs of the map are that run."""
    one = RunOptions(key="monday")
    first, second = scripted().map(JOB, [one, one]).wait()
    assert (first, 1) == (second, len(aws.started))


def test_a_refusal_ends_the_map(scripted: Machine, aws: FakeAws) -> None:
    """What AWS refuses to one run of a job it refuses to all: it is kept, those under way end, no other is begun."""
    refused = AwsRefusedError("AccessDeniedException: not authorized to perform ecs:RunTask")
    fleet = scripted().map(JOB, codes(*[0] * 10), parallel=2)
    for event in fleet.stream():
        if isinstance(event.event, Started) and event.index == 1:
            aws.tasks.fail("run", refused)
    assert [refused] == list(fleet.errors.values())
    (index,) = fleet.errors
    outcome = fleet.outcomes[index]
    assert outcome is not None
    assert (Verdict.NEVER_STARTED, "refused") == (outcome.verdict, outcome.reason)
    assert {Place.FAILED: 1} == {place: n for place, n in counts(fleet).items() if place is Place.FAILED}
    assert counts(fleet)[Place.QUEUED] >= 5
    assert len(aws.started) == counts(fleet)[Place.SUCCEEDED]


def test_a_refusal_to_look_loses_sight_of_the_runs(scripted: Machine, aws: FakeAws) -> None:
    """They go on, and are counted as lost and not as failed; the map ends."""
    refused = AwsRefusedError("AccessDeniedException: not authorized to perform ecs:DescribeTasks")
    aws.tasks.fail("describe", refused)
    fleet = scripted().map(JOB, codes(0, 0))
    fleet.wait()
    assert ([None, None], {Place.LOST: 2}) == (list(fleet.outcomes), counts(fleet))
    assert {0: refused, 1: refused} == fleet.errors
    assert not fleet.tally.succeeded


def test_what_is_throttled_or_not_answered_is_repeated(scripted: Machine, aws: FakeAws) -> None:
    """With the same token: nothing fails, and nothing is started twice."""
    aws.tasks.fail("run", *[AwsThrottledError("slow down"), AwsUnreachableError("no answer")] * 4)
    aws.tasks.fail("describe", *[AwsThrottledError("slow down"), AwsUnreachableError("no answer")] * 2)
    fleet = scripted().map(JOB, codes(*[0] * 20))
    fleet.wait()
    assert (20, True, {}) == (len(aws.started), fleet.tally.succeeded, fleet.errors)


def test_an_outage_does_not_begin_runs_that_it_loses(scripted: Machine, aws: FakeAws) -> None:
    """Those that were being launched may have been started, and are lost sight of; the others are not begun."""
    aws.tasks.run = _unreachable  # type: ignore[method-assign]  # for all calls, however many there are
    fleet = scripted().map(JOB, codes(*[0] * 40), parallel=3)
    fleet.wait()
    assert ({Place.LOST: 3, Place.QUEUED: 37}, 3) == (counts(fleet), len(fleet.errors))


def _unreachable(_request: object) -> Launch:
    raise AwsUnreachableError("no answer")


def test_who_leaves_a_map_begins_no_further_run_and_leaves_none_half_launched(scripted: Machine, aws: FakeAws) -> None:
    """Every run that was begun has its task and its deadline; what had not been begun is not."""
    job = shell("exit ${{ params.code }}", params={"code": "0"}, timeout="1h")
    fleet = scripted(scheduler_role="jobrunner-scheduler").map(job, codes(*[0] * 60), parallel=30)
    begun = 0
    for event in fleet.stream():
        begun += isinstance(event.event, Started) and event.event.task_arn is not None
        if begun == 5:
            fleet.leaving()
        if begun >= 5 and fleet.leavable:
            break
    assert len(aws.started) == fleet.under_way == len(aws.deadlines.pending)
    assert counts(fleet)[Place.QUEUED] == 60 - fleet.under_way


def test_placements_that_are_refused_are_asked_for_again(scripted: Machine, aws: FakeAws) -> None:
    """Each for its start window, while the others go on."""
    for _ in range(5):
        aws.tasks.refuse(PlacementFailure(reason="RESOURCE:ENI"))
    fleet = scripted().map(JOB, codes(*[0] * 10))
    fleet.wait()
    assert (10, True) == (len(aws.started), fleet.tally.succeeded)


def test_each_run_has_its_retries(scripted: Machine, aws: FakeAws) -> None:
    """As a run that is followed alone; the pauses of some keep no other waiting."""
    aws.default = TaskScript(exit_codes={"main": 75})
    aws.script(TaskScript(), TaskScript(exit_codes={"main": 75}), TaskScript())
    spec = shell("true", retries={"attempts": 2, "backoff": "1m", "on": 75})
    fleet = scripted().map(spec, [RunOptions()] * 3)
    events = list(fleet.stream())
    assert [(1, 0), (2, 75), (1, 0)] == [(one.attempt, one.exit_code) for one in fleet.outcomes if one]
    assert [1] == [event.index for event in events if isinstance(event.event, Retrying)]
    ends = [event.index for event in events if isinstance(event.event, Finished)]
    assert 1 == ends[-1]
    assert 4 * 60 == fleet.tally.billed_seconds


def test_each_run_has_its_timeout(scripted: Machine, aws: FakeAws) -> None:
    """Scheduled as for a run that is followed alone, and gone afterwards."""
    aws.script(TaskScript(runs=1e5), TaskScript(runs=30))
    fleet = scripted().map(shell("true", timeout="10m"), [RunOptions()] * 2)
    most = 0
    for _ in fleet.stream():
        most = max(most, len(aws.deadlines.pending))
    assert ["timed_out", "succeeded"] == [str(one.verdict) for one in fleet.outcomes if one]
    assert (2, {}) == (most, aws.deadlines.pending)


def test_logs_are_read_where_asked_for(scripted: Machine, aws: FakeAws) -> None:
    """Each run's own, complete; and not a page of them otherwise."""
    aws.script(*(TaskScript(lines=(Line(message=f"line of {number}"),)) for number in range(3)))
    fleet = scripted().map(JOB, codes(0, 0, 0), logs=True)
    said = [(event.index, lines([event.event])) for event in fleet.stream() if lines([event.event])]
    assert [(number, [f"line of {number}"]) for number in range(3)] == sorted(said)
    assert [(True, 1)] * 3 == [(one.logs.complete, one.logs.events) for one in fleet.outcomes if one]
    before = aws.logs.calls.count("read")
    unread = scripted().map(JOB, codes(0)).wait()[0]
    assert unread is not None
    assert (before, "the log was not read") == (aws.logs.calls.count("read"), unread.logs.reason)


def test_a_store_that_fails_ends_the_map_and_no_task(scripted: Machine, aws: FakeAws) -> None:
    """It is raised; the tasks run on, and the same keys find them."""
    store = MemoryRuns()
    variations = codes(0, 0, key="monday")
    fleet = scripted(runs=store).map(JOB, variations)

    def follow() -> None:
        for event in fleet.stream():
            if isinstance(event.event, PhaseChanged):
                store.fail("advance_all", StoreError("the disk is full"))

    with pytest.raises(StoreError):
        follow()
    store._errors.clear()
    assert 2 == fleet.under_way
    assert [0, 0] == exit_codes(scripted().map(JOB, variations).wait())
    assert 2 == len(aws.started)


def test_who_only_maps_leaves_an_audit_trail(scripted: Machine) -> None:
    """Written out when the runner is closed: an entry for each start and each end, and for what both needed."""
    with scripted() as runner:
        runner.map(JOB, codes(0, 0)).wait()
        audit = runner._ports.audit
    assert isinstance(audit, MemoryAudit)
    once = {"log_group_created": 1, "task_definition_registered": 1}
    assert {**once, "run_started": 2, "run_finished": 2} == Counter(action for action, _ in audit.records)
    assert audit.closed


def test_runs_of_two_clusters_are_asked_for_where_they_are(scripted: Machine, aws: FakeAws) -> None:
    """A key's run stays where it was started, also when the settings name another cluster by now."""
    aws.clusters |= {"blue", "green"}
    aws.default = TaskScript(runs=600.0)
    blue = scripted(cluster="blue").start(JOB, key="monday/0")
    fleet = scripted(cluster="green").map(JOB, codes(0, 0, key="monday"))
    fleet.wait()
    assert (blue.run_id, True) == (getattr(fleet.outcomes[0], "run_id", None), fleet.tally.succeeded)
    assert ["blue", "green"] == [task.arn.split("/")[-2] for task in aws.started]
