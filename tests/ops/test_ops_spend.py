"""Budgets before runs and plans: what is refused, what is counted, what is asked of AWS for it, and what is noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from workshop import NIGHTLY, noted

from jobrunner import AwsRefusedError, BudgetError, RunOptions, SpecError, job_spec
from jobrunner.core.history import Identity, LaunchNote, Source
from jobrunner.core.outcome import Outcome, Verdict
from jobrunner.core.ports import PlacementFailure
from jobrunner.errors import StoreError
from jobrunner.ops.spend import past_of_jobs, past_runs
from jobrunner.testing import TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable

    from workshop import Workshop

    from jobrunner import JobRunner, JobSpec
    from jobrunner.core.spend import Standing
    from jobrunner.testing import FakeAws, MemoryAudit

    Machine = Callable[..., JobRunner]

#: A minute of the smallest task in us-east-1.
MINUTE = Decimal("0.000206")
HOUR = timedelta(hours=1)


def job(budget: str | None = None, **keys: Any) -> JobSpec:
    """A job with a budget."""
    return job_spec(name="etl", **{"image": "busybox", "budget": budget, **keys})


def remember(runner: JobRunner, *costs: str | None, ago: timedelta = HOUR, **more: Any) -> None:
    """Let history know of a run of etl for each cost, None for an unknown one, that has ended so long ago."""
    at = runner._ports.clock.now() - ago
    given: dict[str, Any] = {"job": "etl", "verdict": Verdict.SUCCEEDED, "billed_seconds": 60, "over": True, **more}
    source = Source.at(runner.connection, project=runner.settings.project, stage=runner.settings.stage)
    notes = []
    for number, cost in enumerate(costs):
        run_id = f"{given['job']}-{ago.total_seconds():.0f}-{number}"
        outcome = Outcome(
            run_id=run_id,
            job=given["job"],
            attempt=1,
            verdict=given["verdict"],
            reason="exit",
            exit_code=0,
            detail="",
            task_arn=f"arn:{run_id}",
            created_at=at,
            pull_started_at=at,
            started_at=at,
            stopped_at=at,
            billed_seconds=given["billed_seconds"],
            cost_usd=None if cost is None else Decimal(cost),
        )
        notes.append(
            LaunchNote(
                identity=Identity(run_id=run_id, job=given["job"], trigger="manual"),
                attempt=1,
                at=at,
                main="main",
                task=None,
                outcome=outcome if given["over"] else None,
            )
        )
    runner._ports.history.add(source, notes)


def refused(start: Callable[[], object]) -> tuple[Standing, ...]:
    """The budgets for which a start is refused."""
    with pytest.raises(BudgetError) as caught:
        start()
    return caught.value.exceeded


def audit(runner: JobRunner) -> list[tuple[str, Any]]:
    """What the audit trail has about budgets."""
    kept: MemoryAudit = runner._ports.audit  # type: ignore[assignment]  # the fixture's
    return [(action, fields) for action, fields in kept.records if action == "budget_exceeded"]


def test_without_a_budget_nothing_is_asked(scripted: Machine, aws: FakeAws) -> None:
    """Neither history, nor the log of events: a run costs no call more than it did."""
    runner = scripted()
    aws.events.fail("read", AwsRefusedError("not to be asked"))
    remember(runner, "1000000")
    assert runner.run(job()).succeeded
    assert runner.start(job()).over_budget == ()


def test_what_fits_is_started(scripted: Machine, aws: FakeAws) -> None:
    """Up to the budget, with what the month has cost; and the next one is refused, with nothing stored or sent."""
    runner = scripted()
    spec = job(f"{2 * MINUTE}")
    assert [True, True] == [runner.run(spec).succeeded for _ in range(2)]
    [over] = refused(lambda: runner.start(spec))
    assert over.spent is not None
    assert ("etl", 2, 2 * MINUTE, 1, 3 * MINUTE) == (
        over.job,
        over.spent.runs,
        over.spent.usd,
        over.coming.runs,
        over.total,
    )
    assert (2, 2) == (len(aws.started), len(runner._ports.runs.recent()))
    assert [] == audit(runner)


def test_a_refusal_registers_nothing(scripted: Machine, aws: FakeAws) -> None:
    """Not even the task definition of a job that has never run."""
    refused(lambda: scripted().start(job("0.0001")))
    assert ([], []) == (aws.definitions.registered, aws.started)


def test_a_mistake_goes_before_money(scripted: Machine, aws: FakeAws) -> None:
    """What cannot be started at all is told as that, and history is not read for it."""
    aws.events.fail("read", AwsRefusedError("not to be asked"))
    with pytest.raises(SpecError, match="not a Fargate size"):
        scripted().start(job("0.0001"), cpu=256, memory=8192)


def test_over_budget_goes_on_and_is_noted(scripted: Machine, aws: FakeAws) -> None:
    """The handle says which budgets, and the audit trail for which runs."""
    runner = scripted()
    run = runner.start(job("0.0001"), over_budget=True)
    assert ["etl"] == [one.job for one in run.over_budget]
    [(_, fields)] = audit(runner)
    assert ("etl", 1, ["etl"]) == (fields["job"], fields["runs"], [one["job"] for one in fields["budgets"]])
    assert 1 == len(aws.started)


def test_over_budget_within_a_budget_is_nothing_special(scripted: Machine) -> None:
    """Who says it beforehand is noted only when it mattered."""
    runner = scripted()
    assert () == runner.start(job("1"), over_budget=True).over_budget
    assert [] == audit(runner)


def test_the_projects_budget_counts_all_jobs(scripted: Machine) -> None:
    """Of this stage; both budgets are told when both are exceeded."""
    runner = scripted(budget="0.001")
    remember(runner, "0.0009", job="other")
    assert [None] == [one.job for one in refused(lambda: runner.start(job()))]
    both = refused(lambda: runner.start(job("0.0001")))
    assert ["etl", None] == [one.job for one in both]
    assert [Decimal(0), Decimal("0.0009")] == [one.spent and one.spent.usd for one in both]
    assert scripted(budget="1").run(job()).succeeded


def test_the_month_is_the_calendars(scripted: Machine, aws: FakeAws) -> None:
    """What ran in the month before is paid for; the first of the month in UTC begins anew."""
    runner = scripted()
    since = aws.clock.now() - datetime(2026, 1, 1, tzinfo=UTC)
    remember(runner, "1", ago=since + timedelta(microseconds=1))
    assert runner.run(job("0.5")).succeeded
    remember(runner, "1", ago=since)
    refused(lambda: runner.start(job("0.5")))


def test_unknown_costs_of_the_past_are_told_and_not_refused(scripted: Machine) -> None:
    """Nothing can be done about them any more."""
    runner = scripted()
    remember(runner, None, None, None)
    assert runner.run(job("0.5")).succeeded
    [over] = refused(lambda: runner.start(job("0.0001")))
    assert "plus 3 runs of unknown cost" in str(over)


def test_runs_under_way_count_as_the_next_one_does(scripted: Machine, aws: FakeAws) -> None:
    """Else whoever starts and does not wait could start any number. Another machine sees them at ECS."""
    aws.default = TaskScript(runs=3600.0)
    runner = scripted()
    spec = job(f"{2 * MINUTE}")
    runner.start(spec)
    runner.start(spec)
    for one in (runner, scripted("desktop")):
        [over] = refused(lambda one=one: one.start(spec))  # type: ignore[misc]  # bound at once
        assert (1, 2) == (over.coming.runs, over.coming.under_way)


def test_what_never_ends_is_not_for_ever_under_way(scripted: Machine) -> None:
    """Its timeout is long over, so its end was not seen; without a timeout, a day is taken for long."""
    runner = scripted()
    remember(runner, *[None] * 5, ago=timedelta(hours=11), over=False)
    assert runner.run(job(f"{MINUTE}", timeout="1m")).succeeded
    [over] = refused(lambda: runner.start(job(f"{2 * MINUTE}")))
    assert 5 == over.coming.under_way


def test_the_past_says_how_long_a_run_takes(scripted: Machine) -> None:
    """The median of what its successful runs were billed; failed ones tell nothing."""
    runner = scripted()
    remember(runner, *["0"] * 3, billed_seconds=3600)
    remember(runner, *["0"] * 9, billed_seconds=60, verdict=Verdict.FAILED, ago=2 * HOUR)
    [over] = refused(lambda: runner.start(job("0.01", timeout="1m")))
    assert (Decimal("0.012343"), False) == (over.coming.usd, over.coming.at_least)


def test_an_unknown_price_is_refused(scripted: Machine, aws: FakeAws) -> None:
    """With the row that is missing, and what asks AWS for it."""
    runner = scripted()
    ports = replace(runner._ports, prices=replace(runner._ports.prices, prices={}))
    blind = type(runner)(runner.project, ports=ports)
    with pytest.raises(BudgetError, match="has no us-east-1 linux x86_64 on-demand vcpu-hour") as caught:
        blind.start(job("1000"))
    assert "`jobrunner prices refresh --region us-east-1`" in (caught.value.hint or "")
    assert blind.start(job("1000"), over_budget=True).over_budget
    assert 1 == len(aws.started)


def test_history_that_cannot_be_read_is_refused(scripted: Machine, aws: FakeAws) -> None:
    """What AWS does not tell may be any amount."""
    runner = scripted()
    aws.events.fail("read", AwsRefusedError("access denied"))
    with pytest.raises(BudgetError, match="is not known: what has run lately cannot be read: access denied"):
        runner.start(job("1000"))
    assert runner.run(job("1000")).succeeded


def test_an_existing_task_definition_is_looked_at(scripted: Machine, aws: FakeAws) -> None:
    """Its size is ECS's to tell; one that does not exist is the error that it always was."""
    bare = {"image": None, "task_definition": "theirs"}
    with pytest.raises(SpecError, match="task definition theirs does not exist"):
        scripted().start(job("1", **bare))
    container = {"name": "worker", "image": "busybox"}
    body = {"family": "theirs", "containerDefinitions": [container], "cpu": "1024", "memory": "2048"}
    aws.definitions.register(body)
    [over] = refused(lambda: scripted().start(job("0.0001", **bare)))
    assert (Decimal("0.000823"), ()) == (over.coming.usd, over.why_unknown)
    assert scripted().run(job("1", **bare)).succeeded


def test_without_a_rule_the_month_is_what_this_machine_knows(scripted: Machine, aws: FakeAws) -> None:
    """And it is said; with the log group of the rule, it is everything."""
    runner = scripted()
    spec = job("0.0001")
    [partial] = refused(lambda: runner.start(spec))
    assert "$0.00 this month that this machine knows of (0 runs)" in str(partial)
    aws.events.write(runner.settings.history_log_group or "", aws.clock.now(), "{}")
    [whole] = refused(lambda: runner.start(spec))
    assert "$0.00 this month (0 runs)" in str(whole)


def test_a_repeated_key_is_not_refused(scripted: Machine, aws: FakeAws) -> None:
    """Its run is there, on this machine or known to history."""
    runner = scripted()
    first = runner.run(job("1"), key="monday")
    spec = job("0.0001")
    assert first.run_id == runner.start(spec, key="monday").run_id
    assert first.run_id == scripted("desktop").start(spec, key="monday").run_id
    assert 1 == len(aws.started)
    refused(lambda: runner.start(spec, key="tuesday"))


def test_a_key_that_never_had_a_task_is_new(scripted: Machine, aws: FakeAws) -> None:
    """ECS refused to place it: to start it again is to start it."""
    aws.tasks.refuse(PlacementFailure(reason="MISSING"))
    runner = scripted()
    assert Verdict.NEVER_STARTED is runner.run(job("1"), key="monday").verdict
    refused(lambda: runner.start(job("0.0001"), key="monday"))


def test_many_runs_count_as_many(scripted: Machine, aws: FakeAws) -> None:
    """Before any is begun; those of keys that are there do not count again."""
    runner = scripted()
    spec = job(f"{3 * MINUTE}")
    starts = [RunOptions(key=f"{number}") for number in range(4)]
    [over] = refused(lambda: runner.map(spec, starts))
    assert (4, []) == (over.coming.runs, aws.started)
    assert all(one and one.succeeded for one in runner.map(spec, starts[:3]).wait())
    assert all(one and one.succeeded for one in runner.map(spec, starts[:3]).wait())
    [over] = refused(lambda: runner.map(spec, starts))
    assert (1, 3) == (over.coming.runs, len(aws.started))


def test_many_runs_over_budget(scripted: Machine, aws: FakeAws) -> None:
    """Each of them has to say so."""
    runner = scripted()
    spec = job("0.0001")
    refused(lambda: runner.map(spec, [RunOptions(over_budget=True), RunOptions()]))
    fleet = runner.map(spec, [RunOptions(over_budget=True)] * 2)
    assert ["etl"] == [one.job for one in fleet.over_budget]
    fleet.wait()
    assert 2 == len(aws.started)


def test_a_backfill(scripted: Machine, aws: FakeAws) -> None:
    """Every time that is still to do; repeated, what is done is not counted."""
    runner = scripted()
    start = datetime(2025, 11, 1, tzinfo=UTC)
    hourly = {"schedule": {"cron": "0 * * * *"}}
    spec = job(f"{2 * MINUTE}", **hourly)
    [over] = refused(lambda: runner.backfill(spec, start, start + 3 * HOUR))
    assert (3, []) == (over.coming.runs, aws.started)
    runner.backfill(spec, start, start + 2 * HOUR).wait()
    runner.backfill(spec, start, start + 2 * HOUR).wait()
    assert 2 == len(aws.started)
    assert runner.backfill(spec, start, start + 3 * HOUR, over_budget=True).over_budget


def budgeted(usd: str) -> str:
    """A nightly job with a budget."""
    return f"{NIGHTLY}budget: {usd}\n"


def test_a_plan_says_what_exceeds(workshop: Workshop) -> None:
    """Of each job, and of the project; nothing is refused by it."""
    workshop.write(etl=budgeted("0.006"), load=budgeted("0.007"))
    plan = workshop.runner(budget="0.01").plan()
    found = {one.job: (one.total, one.exceeded) for one in plan.budgets}
    a_month = Decimal("0.006171")
    assert {"etl": (a_month, True), "load": (a_month, False), None: (2 * a_month, True)} == found


def test_apply_is_refused_before_anything_is_written(workshop: Workshop) -> None:
    """At once, with all budgets; with over_budget it goes on, and the audit trail says so."""
    workshop.write(etl=budgeted("0.006"), load=budgeted("0.005"))
    runner = workshop.runner()
    plan = runner.plan()
    assert ["etl", "load"] == [one.job for one in refused(lambda: runner.apply(plan))]
    assert ([], [], []) == (workshop.aws.schedules.writes, workshop.aws.definitions.registered, noted(runner))
    assert [None, None] == [one.error for one in runner.apply(plan, over_budget=True)]
    [(_, fields)] = audit(runner)
    assert (workshop.group, 2) == (fields["group"], len(fields["budgets"]))


def test_what_changes_nothing_is_not_refused(workshop: Workshop) -> None:
    """Nor is what only removes: there is nothing to say no to."""
    workshop.write(etl=NIGHTLY)
    workshop.apply()
    workshop.write(etl=budgeted("0.001"))
    runner = workshop.runner()
    plan = runner.plan()
    assert ([True], []) == ([one.exceeded for one in plan.budgets], list(runner.apply(plan)))
    poor = workshop.runner(budget="0.000001")
    assert () == poor.removal().budgets
    assert [None, None] == [one.error for one in poor.destroy()]


def test_the_project_of_a_part(workshop: Workshop) -> None:
    """A plan of one job counts the schedules of the others as they are at AWS."""
    workshop.write(etl=NIGHTLY, load=NIGHTLY)
    workshop.apply()
    plan = workshop.runner(budget="0.01").plan(jobs=["etl"])
    [standing] = plan.budgets
    assert (60, True) == (standing.coming.runs, standing.exceeded)
    assert ["etl"] == [change.name for change in plan.changes]


def test_a_plan_knows_the_past(workshop: Workshop) -> None:
    """What this machine has read of it, without asking AWS; a cache that cannot be read is none."""
    workshop.write(etl=budgeted("0.1"))
    runner = workshop.runner()
    remember(runner, "1", "2", billed_seconds=3600)
    workshop.aws.events.fail("read", AwsRefusedError("not to be asked"))
    plan = runner.plan()
    assert plan.after is not None
    assert (2, Decimal("0.370275")) == (plan.after.past_runs, plan.after.expected)
    assert [(Decimal("0.370275"), True)] == [(one.total, one.exceeded) for one in plan.budgets]


def test_only_recent_successes_make_a_median(scripted: Machine) -> None:
    """Of 90 days, of this job and stage, and billed."""
    runner = scripted()
    now = runner._ports.clock.now()
    remember(runner, "1", billed_seconds=600, ago=timedelta(days=89))
    remember(runner, "1", billed_seconds=60, ago=timedelta(days=91))
    remember(runner, "1", billed_seconds=None, ago=timedelta(days=1))
    remember(runner, "1", billed_seconds=60, job="other")
    found = past_runs(runner._ports.history, runner.settings, "etl", now=now)
    assert found is not None
    assert (600, 1) == (found.seconds, found.runs)
    elsewhere = replace(runner.settings, stage="elsewhere")
    assert {} == past_of_jobs(runner._ports.history, elsewhere, ["etl", "other"], now=now)


class Unreadable:
    """A cache of history that cannot be read."""

    def figures(self, query: object) -> Any:
        raise StoreError(f"no {query}")


def test_a_cache_that_cannot_be_read_is_an_empty_one_for_estimates(scripted: Machine) -> None:
    """And an error for who must know what the month has cost."""
    runner = scripted()
    now = runner._ports.clock.now()
    assert {} == past_of_jobs(Unreadable(), runner.settings, ["etl"], now=now)  # type: ignore[arg-type]  # what is asked
    with pytest.raises(StoreError):
        past_runs(Unreadable(), runner.settings, "etl", now=now)  # type: ignore[arg-type]  # as above
