"""The figures of a run, recomputed by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noted import MANUAL, SOURCE, at, ended, execution, launch, unlaunched, without_task

from jobrunner.core.figures import Figures, figures_of, microseconds, moment_of, succeeded
from jobrunner.core.history import entry_of
from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from jobrunner.core.history import LaunchNote, Note

FAILED, STOPPED = Verdict.FAILED, Verdict.STOPPED


def figures(*notes: Note) -> Figures:
    """Give the figures of a run."""
    return figures_of(entry_of(SOURCE, notes))


def with_task(note: LaunchNote, **said: Any) -> LaunchNote:
    """The same, of which ECS has said something else."""
    assert note.task is not None
    return replace(note, task=replace(note.task, **said))


def test_the_figures_of_a_run_of_one_task() -> None:
    """100 s from its creation: 95 s billed from the pull on, of which 4 are the pull; 90 s it ran."""
    expected = Figures(
        stage="prod",
        job="etl",
        trigger="manual",
        due=1_767_268_800_000_000,
        verdict="succeeded",
        skipped=False,
        duration=90_000,
        attempts=1,
        billed=95,
        minimum=0,
        pull=4_000,
        cost=9_500,
        retried=0,
        saving=0,
    )
    assert expected == figures(ended(launch()))


def test_nothing_of_a_bill_is_known_before_the_end() -> None:
    """A run that is under way counts, and no more."""
    running = figures(launch(spot=True))
    expected = (None, None, None, None, None, None, 0, 4_000)
    assert expected == (
        running.verdict,
        running.duration,
        running.billed,
        running.cost,
        running.retried,
        running.saving,
        running.minimum,
        running.pull,
    )


def test_attempts_are_added_up() -> None:
    """The duration is from the first start to the last end, with the pause between."""
    both = figures(ended(launch(1), FAILED), ended(launch(2, attempt=2, begun=200.5)))
    expected = ("succeeded", 2, 190, 8_000, 19_000, 9_500, 290_500)
    assert expected == (
        both.verdict,
        both.attempts,
        both.billed,
        both.pull,
        both.cost,
        both.retried,
        both.duration,
    )


def test_the_last_end_counts_however_they_are_ordered() -> None:
    """Of two launches of one attempt the earlier one may have ended last."""
    assert 490_000 == figures(ended(launch(1), after=500), ended(launch(2, begun=100), after=100)).duration


def test_a_missing_attempt_leaves_the_sums_unknown() -> None:
    """Neither how long the run took, nor what it cost, nor what its earlier attempts did."""
    second = figures(ended(launch(2, attempt=2)))
    expected = (None, None, None, None, None, 2)
    assert expected == (
        second.duration,
        second.billed,
        second.cost,
        second.retried,
        second.saving,
        second.attempts,
    )


def test_seconds_that_only_the_minimum_makes() -> None:
    """30.2 s from the pull on are 31, of 60 that are billed; in each launch by itself."""
    short = ended(launch(), after=35.2)
    assert (60, 29) == (figures(short).billed, figures(short).minimum)
    assert (
        58 == figures(ended(launch(1), FAILED, after=35.2), ended(launch(2, attempt=2, begun=99), after=35.2)).minimum
    )
    assert 0 == figures(ended(launch(), after=65)).minimum


@pytest.mark.parametrize(
    "note",
    [
        ended(with_task(launch(), pull_started_at=None)),
        with_task(ended(launch(), after=35), stopped_at=None),
        replace(ended(launch(), after=35), task=None),
        ended(launch(), after=35, billed_seconds=0),
        unlaunched(launch()),
    ],
)
def test_no_minimum_is_known_without_times(note: LaunchNote) -> None:
    """Nor is any paid where nothing is billed."""
    assert 0 == figures(note).minimum


@pytest.mark.parametrize(
    ("note", "pull"),
    [
        (ended(launch()), 4_000),
        (launch(), 4_000),
        (with_task(launch(), pull_stopped_at=None), None),
        (with_task(launch(), pull_started_at=None, started_at=None), None),
        # Never placed, or without a network interface: nothing was pulled.
        (with_task(ended(launch()), pull_started_at=None, pull_stopped_at=None, started_at=None), 0),
        # It ran: something was pulled, or was there.
        (with_task(ended(launch()), pull_started_at=None, pull_stopped_at=None), None),
        (with_task(ended(launch()), pull_stopped_at=at(4)), 0),
        (replace(ended(launch()), task=None), None),
        (unlaunched(launch()), 0),
    ],
)
def test_the_pull_of_an_image(note: LaunchNote, pull: int | None) -> None:
    """Its time is known, or known to be none, or unknown; and never less than none."""
    assert pull == figures(note).pull


def test_an_unknown_pull_makes_the_sum_unknown() -> None:
    """A share of a part would be wrong."""
    unknown = with_task(ended(launch(1), FAILED), pull_stopped_at=None)
    assert None is figures(unknown, ended(launch(2, attempt=2, begun=200))).pull


@pytest.mark.parametrize(
    ("note", "duration"),
    [
        (with_task(ended(launch(), started_at=None), started_at=None), None),
        (with_task(ended(launch(), stopped_at=None), stopped_at=None), None),
        (replace(ended(launch()), task=None), 90_000),
        (with_task(ended(launch(), after=3)), 0),
        (unlaunched(launch()), None),
    ],
)
def test_the_duration_of_a_run(note: LaunchNote, duration: int | None) -> None:
    """From the start of a container to the end of the task, both as ECS said them; no clock makes it less than 0."""
    assert duration == figures(note).duration


def test_a_launch_without_a_task_takes_no_time() -> None:
    """On demand was refused after Spot had been interrupted."""
    notes = (ended(launch(spot=True), STOPPED), unlaunched(launch(begun=150)))
    assert (90_000, "never_started", 9_500) == (
        figures(*notes).duration,
        figures(*notes).verdict,
        figures(*notes).retried,
    )


def test_spot_saves_what_on_demand_would_have_cost_more() -> None:
    """In each launch by itself: the interrupted one, too."""
    assert 19_000 == figures(ended(launch(spot=True))).saving
    assert 19_000 == figures(ended(launch(1, spot=True), STOPPED), ended(launch(2, begun=150))).saving


@pytest.mark.parametrize("lacks", [{"cost_usd": None}, {}])
def test_a_saving_is_unknown_without_both_prices(lacks: dict[str, Any]) -> None:
    """The one that was charged, and the one on demand."""
    spot = ended(launch(spot=True), **lacks)
    assert None is figures(spot if lacks else replace(spot, on_demand_usd=None)).saving


def test_spot_that_made_no_task_saves_nothing() -> None:
    """There was no capacity."""
    none = unlaunched(launch(spot=True))
    assert none.outcome is not None
    assert 0 == figures(replace(none, outcome=replace(none.outcome, capacity="spot"))).saving


def test_an_unknown_cost_of_an_attempt() -> None:
    """Makes what was tried again unknown, and the whole."""
    run = figures(ended(launch(1), FAILED, cost_usd=None), ended(launch(2, attempt=2, begun=200)))
    assert (None, None, 190) == (run.cost, run.retried, run.billed)


def test_a_skipped_run_costs_nothing_and_is_no_attempt() -> None:
    """And is told apart from those that could not be placed."""
    skipped = figures(execution(end=without_task(reason="skipped")))
    assert (True, 0, 0, 0, None, "never_started") == (
        skipped.skipped,
        skipped.attempts,
        skipped.billed,
        skipped.cost,
        skipped.duration,
        skipped.verdict,
    )
    assert not figures(execution(end=without_task())).skipped


def test_what_is_a_success() -> None:
    """Only the verdict of that name."""
    assert [True, False, False] == [
        succeeded(figures(note)) for note in (ended(launch()), ended(launch(), FAILED), launch())
    ]


def test_micro_dollars_are_exact() -> None:
    """Estimates are whole micro-dollars, however many digits they are written with."""
    large = ended(launch(), cost_usd=Decimal("123456789.123456"))
    assert 123_456_789_123_456 == figures(large).cost


@given(st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis wants them so
def test_a_time_is_read_back_as_it_was(moment: datetime) -> None:
    """To the microsecond."""
    assert (moment, 0) == (moment_of(microseconds(moment)), (moment - moment_of(microseconds(moment))) // timedelta(1))


def test_the_job_and_its_trigger_are_those_of_the_run() -> None:
    """Whatever the source."""
    run = figures(ended(launch(identity=replace(MANUAL, job="other", trigger="library"))))
    assert ("other", "library") == (run.job, run.trigger)
