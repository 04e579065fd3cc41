"""What past runs came to: which of them are in a report, and what it rests on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from remembering import DAY, HOUR, NOON, deploy_rule, history_of, identity, ids, launch, remember, skipped
from shelljobs import shell

from jobrunner import AwsUnreachableError, JobRunner, StoreError
from jobrunner.core.history import Query
from jobrunner.core.report import Group
from jobrunner.store import load_prices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobrunner.core.report import Report
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

ONE, TWO, THREE = ("0000000000000001", "0000000000000002", "0000000000000003")
NIGHT = "etl@2026-01-01T02:30:00Z"
TAGGED = "image: busybox\ncommand: [true]\ntags: {team: data, tier: gold}\n"


def runs(found: Report) -> dict[str | None, int]:
    """How many runs each group has."""
    return {group.key: group.runs for group in found.groups}


def test_what_ran_and_what_it_cost(scripted: Machine, aws: FakeAws) -> None:
    """Runs of this project and stage, by job; what was skipped is no run, and the total has all."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE), launch(identity(TWO, "other"), number=2), launch(NIGHT, exit_code=3, number=3))
    remember(scripted(), skipped("etl@2026-01-01T03:30:00Z"))
    remember(scripted(), launch(identity(THREE, "elsewhere"), number=4), stage="prod")
    found = scripted().report().report
    assert {"etl": 2, "other": 1} == runs(found)
    assert (3, 2, 1, 1, "0.001131") == (
        found.total.runs,
        found.total.succeeded,
        found.total.failed,
        found.total.skipped,
        str(found.total.cost_usd),
    )
    assert (330, "0.000377") == (found.total.billed_seconds, str(found.total.waste.failed_usd))
    assert ("local", None, None) == (found.stage, found.since, found.until)


def test_an_interval_of_one_job(scripted: Machine, aws: FakeAws) -> None:
    """From its beginning on and before its end; a scheduled run counts for the time that it was due."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE, NOON - DAY), launch(TWO, NOON, number=2), launch(NIGHT, NOON + HOUR, number=3))
    remember(scripted(), launch(identity(THREE, "other"), NOON - HOUR, number=4))
    found = scripted().report("etl", since=NOON - DAY, until=NOON, by="day").report
    assert {"2025-12-31": 1, "2026-01-01": 1} == runs(found)
    assert (NOON - DAY, NOON, "day") == (found.since, found.until, found.by)
    assert ["2026-01-01"] == list(runs(scripted().report("etl", since=NOON, by="day", timezone="Asia/Tokyo").report))


def test_by_stage(scripted: Machine, aws: FakeAws) -> None:
    """Of every stage that this machine has read, wherever that is; the report is of no single stage."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE))
    remember(scripted(), launch(TWO, number=2), stage="prod", region="eu-west-1")
    remember(scripted(), launch(THREE, number=3), project="another")
    found = scripted().report(by="stage").report
    assert ({"local": 1, "prod": 1}, None) == (runs(found), found.stage)


def test_by_tag(scripted: Machine, aws: FakeAws, project: Path) -> None:
    """The tags are those of the project's file, with a job's own going before; the job need not have had them."""
    deploy_rule(aws)
    (project / "jobs" / "etl.yaml").write_text(TAGGED, encoding="utf-8")
    (project / "jobs" / "plain.yaml").write_text("image: busybox\n", encoding="utf-8")
    text = (project / "jobrunner.yaml").read_text(encoding="utf-8")
    (project / "jobrunner.yaml").write_text(f"{text}tags: {{team: everybody}}\n", encoding="utf-8")
    machine = scripted()
    remember(machine, launch(ONE), launch(identity(TWO, "plain"), number=2), launch(identity(THREE, "gone"), number=3))
    assert {"team=data": 1, "tier=gold": 1, "team=everybody": 1, "(none)": 1} == runs(machine.report(by="tag").report)
    assert {"team=data": 1, "team=everybody": 1, "(none)": 1} == runs(machine.report(by="tag:team").report)


def test_the_prices_of_the_region(scripted: Machine, aws: FakeAws) -> None:
    """The dates are those of Fargate's prices in the region, and not of an instance's of EC2."""
    deploy_rule(aws)
    table = load_prices().prices
    dates = {one.as_of for key, one in table.items() if key[0] == "us-east-1" and not key[4].startswith("t")}
    assert dates
    assert tuple(sorted(dates)) == scripted().report().report.prices


def test_its_runs_one_by_one(scripted: Machine, aws: FakeAws) -> None:
    """As many as are asked for, the newest first; and the figures of all."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE, NOON - HOUR), launch(TWO, NOON, number=2), launch(THREE, NOON - DAY, number=3))
    found = scripted().report(newest=2)
    assert [TWO, ONE] == ids(found.entries)
    assert 3 == len(found.figures) == found.report.total.runs
    without = scripted().report()
    assert ((), ()) == (without.entries, without.figures)
    assert found.report == without.report


def test_nothing_is_known(scripted: Machine, aws: FakeAws) -> None:
    """A report of nothing is a report."""
    deploy_rule(aws)
    found = scripted().report(newest=10)
    assert ((), Group(key=None), [], []) == (
        found.report.groups,
        found.report.total,
        list(found.figures),
        list(found.entries),
    )


def test_aws_is_asked_first(scripted: Machine, aws: FakeAws) -> None:
    """Without the rule, what this machine started and what ECS still knows is in the report, and that is said."""
    scripted("other").run(shell("true"))
    found = scripted().report()
    assert found.synced is not None
    assert (False, {"job": 1}) == (found.synced.rule, runs(found.report))
    assert aws.events.calls


def test_offline(scripted: Machine, aws: FakeAws) -> None:
    """AWS is not asked; what this machine has started itself it knows all the same."""
    scripted("other").run(shell("true"))
    scripted().run(shell("true", name="own"))
    aws.events.calls.clear()
    found = scripted().report(sync=False)
    assert (None, {"own": 1}) == (found.synced, runs(found.report))
    assert [] == list(aws.events.calls)


def test_aws_does_not_answer(scripted: Machine, aws: FakeAws) -> None:
    """Then the report is of what was read before, and says so."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE))
    trouble = AwsUnreachableError("there is no answer", where="logs:FilterLogEvents")
    aws.events.fail("read", trouble)
    found = scripted().report()
    assert found.synced is not None
    assert (trouble, {"etl": 1}) == (found.synced.trouble, runs(found.report))


def test_twice_is_the_same(scripted: Machine, aws: FakeAws) -> None:
    """A report changes nothing that the next one sees."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE))
    assert scripted().report() == scripted().report()


def test_what_was_read_before_is_damaged(scripted: Machine, aws: FakeAws, tmp_path: Path) -> None:
    """The report is of what can be read again, and says what was found."""
    deploy_rule(aws)
    (tmp_path / "laptop").mkdir()
    (tmp_path / "laptop" / "history.sqlite").write_bytes(b"no database" * 1000)
    found = scripted().report()
    assert found.trouble is not None
    assert "history.sqlite" in found.trouble
    assert None is scripted("other").report().trouble


def test_a_file_that_cannot_be_used(scripted: Machine, aws: FakeAws, tmp_path: Path) -> None:
    """That is an error of the tool."""
    deploy_rule(aws)
    (tmp_path / "laptop" / "history.sqlite").mkdir(parents=True)
    with pytest.raises(StoreError):
        scripted().report()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"by": "dya"}, "'dya' is not one of job, day"),
        ({"timezone": "Mars"}, "'Mars' is not a time zone"),
        ({"since": datetime(2026, 1, 1)}, "since has no time zone: 2026-01-01T00:00:00"),  # noqa: DTZ001  the mistake
        ({"until": datetime(2026, 1, 1)}, "until has no time zone: 2026-01-01T00:00:00"),  # noqa: DTZ001  the mistake
        ({"since": NOON, "until": NOON}, "since, 2026-01-01T12:00:00+00:00, is not before until, 2026-01-01T12:00"),
        ({"newest": -1}, "newest is -1"),
    ],
)
def test_what_makes_no_sense(scripted: Machine, aws: FakeAws, given: dict[str, object], message: str) -> None:
    """It is refused before anybody is asked."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        scripted().report(**given)
    assert [] == list(aws.events.calls)


def test_another_project_at_the_same_place(scripted: Machine, aws: FakeAws) -> None:
    """Its runs are nobody's business."""
    deploy_rule(aws)
    remember(scripted(), launch(ONE), project="another")
    assert 1 == len(history_of(scripted()).entries(Query(project="another", every_stage=True)))
    assert {} == runs(scripted().report().report)
