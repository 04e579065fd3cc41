"""`jobrunner next`: fire times in local time and UTC, what the clocks do to them, and what is said of mistakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from console import console_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console

JOBS = """
name: nightly
image: busybox
schedule: {cron: "30 1 * * *", timezone: Europe/London}
---
name: busy
image: busybox
schedule:
  - {cron: "0 9 13 * FRI", timezone: Europe/London}
  - {rate: 1 day, start: 2027-03-11T12:00}
  - {at: 2027-03-12T12:00}
paused: true
jitter: 10m
---
name: over
image: busybox
schedule: {at: 2026-01-01T00:00}
---
name: rated
image: busybox
schedule: {rate: 90 minutes}
---
name: never
image: busybox
"""
SPRING = ["--from", "2027-03-27T00:00Z"]
SKIPPED = "2027-03-28 01:30 does not exist: skipped"


@pytest.fixture
def planned(tmp_path: Path) -> Iterator[Console]:
    """A console in a project of scheduled jobs."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "all.yaml").write_text(JOBS, encoding="utf-8")
    with console_in(tmp_path) as console:
        yield console


def test_next_of_a_job(planned: Console) -> None:
    """Local time and UTC as a table on stdout; what AWS is asked for, and the year's oddities, on stderr."""
    result = planned.run("next", "nightly", "-n", "2", *SPRING)
    expected = [
        "LOCAL                         UTC                    NOTE",
        "Sat 2027-03-27 01:30:00 GMT   2027-03-27 01:30:00Z",
        f"Mon 2027-03-29 01:30:00 BST   2027-03-29 00:30:00Z   {SKIPPED}",
    ]
    assert expected == result.lines
    narrated = [
        "jobrunner: AWS: cron(30 1 * * ? *) in Europe/London",
        f"jobrunner: Europe/London: {SKIPPED}",
        "jobrunner: Europe/London: 2027-10-31 01:30 occurs twice: fires once, the first",
    ]
    assert narrated == result.err.splitlines()


def test_next_as_json(planned: Console) -> None:
    """A line for each fire, with utc, local and note."""
    words = ["next", "--cron", "30 1 * * *", "--timezone", "Europe/London", "--output", "json", "-n", "2", *SPRING]
    expected = [
        {"utc": "2027-03-27T01:30:00Z", "local": "2027-03-27T01:30:00+00:00", "note": None},
        {"utc": "2027-03-29T00:30:00Z", "local": "2027-03-29T01:30:00+01:00", "note": SKIPPED},
    ]
    assert expected == planned.run(*words).json


def test_next_from_now(planned: Console) -> None:
    """Ten of them, from now on, in UTC, if nothing else is said; no project is needed for a --cron."""
    before = datetime.now(UTC)
    found = [
        datetime.fromisoformat(line["utc"])
        for line in planned.run("next", "--cron", "* * * * *", "--output", "json").json
    ]
    after = datetime.now(UTC)
    assert before <= found[0] <= after + timedelta(minutes=1)
    assert [found[0] + number * timedelta(minutes=1) for number in range(10)] == found


def test_next_of_several_schedules(planned: Console) -> None:
    """They are merged; --timezone shows a job's times elsewhere; a paused job and a jitter are mentioned."""
    words = ["next", "busy", "--timezone", "Asia/Tokyo", "--from", "2027-03-11T21:00+09:00", "-n", "3"]
    result = planned.run(*words)
    expected = [
        "LOCAL                         UTC",
        "Thu 2027-03-11 21:00:00 JST   2027-03-11 12:00:00Z",
        "Fri 2027-03-12 18:00:00 JST   2027-03-12 09:00:00Z",
        "Fri 2027-03-12 21:00:00 JST   2027-03-12 12:00:00Z",
    ]
    assert expected == result.lines
    narrated = [
        "jobrunner: busy is paused: its schedules do not fire until it is resumed",
        "jobrunner: each run starts at a random moment within 10m of its time",
        "jobrunner: AWS: cron(0 9 13 * ? *), cron(0 9 ? * FRI *) in Europe/London",
        "jobrunner: '0 9 13 * FRI' fires on days that match either of its day fields, as every cron does",
        "jobrunner: AWS: rate(1 day) in UTC",
        "jobrunner: AWS: at(2027-03-12T12:00:00) in UTC",
    ]
    assert narrated == result.err.splitlines()


def test_next_of_what_ends(planned: Console) -> None:
    """Fewer than were asked for is said, and so is none at all."""
    result = planned.run("next", "over", "--from", "2025-12-31T00:00Z")
    assert ["Thu 2026-01-01 00:00:00 UTC   2026-01-01 00:00:00Z"] == result.lines[1:]
    assert "jobrunner: that is all: nothing fires later" == result.err.splitlines()[0]
    result = planned.run("next", "over", *SPRING)
    assert ["", "jobrunner: nothing fires from 2027-03-27 00:00:00Z on"] == [result.text, result.err.splitlines()[0]]


def test_next_of_a_rate_without_a_start(planned: Console) -> None:
    """It is counted from the time that is asked about, and the first line says so."""
    [one, two] = planned.run("next", "rated", "-n", "2", "--output", "json", *SPRING).json
    assert ["2027-03-27T00:00:00Z", "2027-03-27T01:30:00Z"] == [one["utc"], two["utc"]]
    assert ["counted from here: without a start, a rate counts from its creation", None] == [one["note"], two["note"]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["never"], 65, "the job never has no schedule\n  at: jobs/all.yaml:23:7\n  hint: add one, for instance: "),
        (["nigthly"], 65, "nightly"),
        ([], 2, "name a job, or give --cron, and not both"),
        (["nightly", "--cron", "@daily"], 2, "name a job, or give --cron, and not both"),
        (["--cron", "0 0 */2 * MON"], 2, "for either of them write '1-31/2'"),
        (["--cron", "cron(0 2 * * ? *)"], 2, "is AWS's syntax; write Unix cron, for instance"),
        (["--cron", "@daily", "--timezone", "Europe/Lodnon"], 2, "did you mean 'Europe/London'?"),
        (["nightly", "--from", "2027-03-27T00:00"], 2, "does not say of which time zone it is; Z is UTC"),
        (["nightly", "--from", "9999-12-31T23:59Z"], 2, "is out of range: the years 1971 to 2198"),
        (["nightly", "-n", "0"], 2, "0 is not in the range"),
    ],
)  # fmt: skip
def test_mistakes(planned: Console, words: list[str], code: int, said: str) -> None:
    """65 for a job without a schedule, and 2 for what cannot be read; with what to write instead."""
    result = planned.run("next", *words, code=code)
    assert "" == result.text
    assert said in result.err
