"""A plan in the words of a person."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from jobrunner.cli import plans
from jobrunner.core.forecast import Month
from jobrunner.core.plan import Action, Change, FieldChange, Plan

NEXT = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
LEVEL = FieldChange(path="Target.Input.Environment[LEVEL]", old="info", new="debug")
KEY = FieldChange(path="KmsKeyArn", old="k", new="k")
CREATE = Change(
    action=Action.CREATE, name="etl", job="etl", fields=(LEVEL,), body={}, when="30 2 * * *",
    timezone="Europe/London", next_fire=NEXT,
)  # fmt: skip
UPDATE = Change(
    action=Action.UPDATE, name="report.2", job="report", fields=(LEVEL,), by_hand=(KEY,), body={}, when="@hourly",
    timezone="UTC", paused=True, note="adopted",
)  # fmt: skip
DELETE = Change(action=Action.DELETE, name="old", job="old", fields=(LEVEL,), when="rate(1 hour)", timezone="UTC")
KEEP = Change(action=Action.KEEP, name="same", job="same", by_hand=(KEY,), when="@daily", timezone="UTC")
FOREIGN = Change(action=Action.FOREIGN, name="theirs", job="theirs", note="left alone", when="@daily", timezone="UTC")


def plan(*changes: Change, before: Month | None = None, after: Month | None = None, register: str = "") -> Plan:
    """A plan of these changes."""
    return Plan(group="g", changes=changes, before=before, after=after, register=tuple(register.split()))


def month(
    runs: int | None, least: str | None = None, most: str | None = None, expected: str | None = None, past: int = 0
) -> Month:
    """An estimate."""
    usd = {"least": least, "most": most, "expected": expected}
    known = {key: None if text is None else Decimal(text) for key, text in usd.items()}
    return Month(runs=runs, past_runs=past, **known)


def test_a_plan() -> None:
    """A line for each change, its fields if it is an update; what is unchanged is counted."""
    expected = """\
+ create  etl        30 2 * * * Europe/London → next 2026-11-25 02:30:00Z
~ update  report.2   @hourly UTC → paused
    adopted
    Target.Input.Environment[LEVEL]: info → debug
    KmsKeyArn: k (set by hand, stays)
- delete  old        rate(1 hour) UTC
! foreign theirs     @daily UTC
    left alone
First a new revision of the task definition is registered for etl, report.

Plan: 1 to create, 1 to update, 1 to delete, 1 unchanged, 1 of somebody else left alone.
"""
    assert expected == plans.text(plan(CREATE, UPDATE, DELETE, KEEP, FOREIGN, register="etl report"))


def test_verbose() -> None:
    """Everything is listed, with all fields."""
    expected = """\
+ create  etl    30 2 * * * Europe/London → next 2026-11-25 02:30:00Z
    Target.Input.Environment[LEVEL]: info → debug
- delete  old    rate(1 hour) UTC
    Target.Input.Environment[LEVEL]: info → debug
  keep    same   @daily UTC
    KmsKeyArn: k (set by hand, stays)
"""
    assert expected == plans.text(plan(CREATE, DELETE, KEEP), verbose=True).partition("\nPlan:")[0]


def test_nothing_to_do() -> None:
    """One line says it; what is kept for a reason is listed with it."""
    assert "Plan: 0 to create, 0 to update, 0 to delete, 1 unchanged.\n" == plans.text(plan(KEEP))
    noted = Change(action=Action.KEEP, name="gone", job="gone", note="not in the project", when="@daily")
    assert ["  keep    gone   @daily", "    not in the project"] == plans.text(plan(noted)).splitlines()[:2]


def test_colour() -> None:
    """The lines of what is done are coloured where they may be, and say the same."""
    coloured = plans.text(plan(CREATE, UPDATE, DELETE, FOREIGN, KEEP), colour=True, verbose=True)
    assert ["\x1b[32m+", "\x1b[33m~", "\x1b[31m-", "\x1b[1;31m!"] == [
        line[:6].rstrip() if line.startswith("\x1b[3") else line[:8]
        for line in coloured.splitlines()
        if line.startswith("\x1b")
    ]
    plain = plans.text(plan(CREATE, UPDATE, DELETE, FOREIGN, KEEP), verbose=True)
    assert plain == re.sub(r"\x1b\[[0-9;]*m", "", coloured)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        ("null", "null"),
        ("", '""'),
        (7200, "7200"),
        (True, "true"),
        (["a", "ü"], '["a", "ü"]'),
        ("x" * 121, "x" * 120 + "…"),
        ("\x1b]0;owned\x07\n", "^[]0;owned^G^J"),
    ],
)
def test_values(value: object, shown: str) -> None:
    """As JSON, cut when they are long, and harmless on a terminal."""
    change = Change(
        action=Action.UPDATE, name="x", job="x", body={}, fields=(FieldChange(path="p", old=value, new="y"),)
    )
    assert f"    p: {shown} → y" == plans.text(plan(change)).splitlines()[1]


def test_names_and_notes_are_harmless() -> None:
    """They are others' texts."""
    change = Change(action=Action.FOREIGN, name="a\x1b", job="x", note="b\x1b\n", when="c\x1b", fields=(), by_hand=())
    assert ["! foreign a^[   c^[", "    b^[^J"] == plans.text(plan(change)).splitlines()[:2]


ESTIMATE = "an estimate for 30 runs in 30 days"
BY_PAST = f"{ESTIMATE} by the median of"
UNLIMITED = "without a timeout on every job there is no upper limit"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, month(0, "0", "0"), None),
        (month(0, "0", "0"), month(0, "0", "0"), None),
        (None, month(30, "1.2", "1200.456"), f"About $1.20 to $1,200.46 a month: {ESTIMATE}."),
        (month(30, "1", "2"), month(30, "1", "2"), f"About $1.00 to $2.00 a month: {ESTIMATE}."),
        (month(0, "0", "0"), month(30, "1", "1"), f"About $1.00 a month: {ESTIMATE}."),
        (month(9, "0.004", "7"), month(30, "1", "1"), f"About $1.00 a month (was up to about $7.00): {ESTIMATE}."),
        (month(9, "0.001", "0.004"), month(30, "1", "1"), f"About $1.00 a month (was less than $0.01): {ESTIMATE}."),
        (month(9, "0.5"), month(30, "1"), f"At least $1.00 a month (was at least $0.50): {ESTIMATE}; {UNLIMITED}."),
        (month(9), month(30), "What it costs a month is not known (was not known, for 9 runs): 30 runs in 30 days."),
        (month(30), month(30, "1", "1"), f"About $1.00 a month: {ESTIMATE}."),
        (month(30), month(30), "What it costs a month is not known: 30 runs in 30 days."),
        (month(None), month(30, "1", "1"), f"About $1.00 a month (was not known): {ESTIMATE}."),
        (month(9, "1", "1"), month(0, "0", "0"), "Nothing runs in the next 30 days any more (was about $1.00)."),
        (None, month(30, "1", "7", "3.5", 40),
         f"About $3.50 a month: {BY_PAST} 40 past runs; between $1.00 and $7.00."),
        (None, month(30, "1", None, "3.5", 1), f"About $3.50 a month: {BY_PAST} 1 past run; at least $1.00."),
        (None, month(30, "0.001", None, "3.5", 2), f"About $3.50 a month: {BY_PAST} 2 past runs."),
        (None, month(30, "0", "0.009", "0.001", 2), f"Less than $0.01 a month: {BY_PAST} 2 past runs."),
        (month(30, "1", "7", "3", 9), month(30, "1", "7", "3.5", 40),
         f"About $3.50 a month (was about $3.00): {BY_PAST} 40 past runs; between $1.00 and $7.00."),
        (None, month(None), "What it costs a month is not known: of one schedule it is not known when it fires."),
    ],
)  # fmt: skip
def test_a_month(before: Month | None, after: Month, said: str | None) -> None:
    """Between what and what it costs, and what it was, if that is another amount; it says that it is an estimate."""
    assert said == plans.month(before, after, local=False)


def test_a_month_on_the_local_endpoint() -> None:
    """It costs nothing there, and as much on Fargate."""
    expected = f"Nothing on the local endpoint; on Fargate about $1.00 to $2.00 a month: {ESTIMATE}."
    assert expected == plans.month(None, month(30, "1", "2"), local=True)
    shown = plans.text(plan(KEEP, after=month(30, "1", "2")), local=True)
    assert expected == shown.splitlines()[1]


def test_what_was_applied() -> None:
    """A line for each change, that it was made, or why not."""
    assert "✓ create etl" == plans.applied(CREATE, None)
    assert "✗ update report.2: failed: AWS said^J no" == plans.applied(UPDATE, "AWS said\n no")
    group = Change(action=Action.DELETE, name="g", job=None, note="the schedule group")
    assert "\x1b[32m✓\x1b[0m delete g (the schedule group)" == plans.applied(group, None, colour=True)
    assert "\x1b[31m✗\x1b[0m delete old: failed: x" == plans.applied(DELETE, "x", colour=True)
