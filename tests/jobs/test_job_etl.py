"""The etl job: right figures, one load per scheduled time, and the old table whatever goes wrong."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from job_scripts import ROOT, Run, Start, dump, query

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ROOT / "jobs/etl/seattle-weather.csv"
HEADER = "date,precipitation,temp_max,temp_min,wind,weather\n"
NIGHT = "2013-05-07T11:30:00Z"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a test's load goes: a folder that does not exist yet."""
    return tmp_path / "data" / "etl.sqlite"


def tenths(text: str) -> int:
    """The observations have one decimal: whole tenths make every sum exact, without the job's own types."""
    whole, _, fraction = text.lstrip("-").partition(".")
    value = 10 * int(whole) + int(fraction)
    return -value if text.startswith("-") else value


def average(values: list[int], per: int) -> float:
    """The mean of values that count `per` to the unit, rounded half to even at two decimals."""
    return float(round(Decimal(sum(values)) / (per * len(values)), 2))


def expected_months(before: str) -> list[tuple[object, ...]]:
    """The statistics of the days before a date `YYYY/MM/DD`, straight from the file."""
    months: defaultdict[str, list[list[int]]] = defaultdict(list)
    with SOURCE.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["date"] < before:
                figures = [tenths(row[key]) for key in ("precipitation", "temp_max", "temp_min", "wind")]
                months[row["date"][:7].replace("/", "-")].append(figures)
    return [(month, *statistics(days)) for month, days in sorted(months.items())]


def statistics(days: list[list[int]]) -> tuple[float, ...]:
    """Days, wet days, mm, warmest, coldest, mean of the daily midpoints, mean wind."""
    rain, warm, cold, wind = (list(column) for column in zip(*days, strict=True))
    both = [high + low for high, low in zip(warm, cold, strict=True)]
    wet = sum(amount > 0 for amount in rain)
    extremes = (sum(rain) / 10, max(warm) / 10, min(cold) / 10)
    return (len(days), wet, *extremes, average(both, 20), average(wind, 10))


def months_of(database: Path, key: str) -> list[tuple[object, ...]]:
    """The rows of one load, without its key."""
    rows = query(database, "SELECT * FROM monthly_weather ORDER BY scheduled_time, month")
    return [row[1:] for row in rows if row[0] == key]


def keys(database: Path) -> list[str]:
    """The loads that are in the database."""
    return [key for (key,) in query(database, "SELECT scheduled_time FROM loads ORDER BY scheduled_time")]


def test_the_source_is_the_file_that_its_notice_names() -> None:
    """The data file is byte for byte the published one whose checksum stands in SOURCE.md."""
    assert hashlib.sha256(SOURCE.read_bytes()).hexdigest() in SOURCE.with_name("SOURCE.md").read_text("utf-8")


def test_all_months_without_a_scheduled_time(run: Run, database: Path) -> None:
    """Without a scheduled time the whole file is one load, with the figures that the file gives."""
    result = run("etl/main.py", ETL_DATABASE=str(database))
    assert (0, "") == (result.returncode, result.stderr)
    assert "1461 rows read from seattle-weather.csv, 1461 accepted, 0 rejected" in result.stdout
    assert expected_months(before="9999") == months_of(database, "latest")


@pytest.mark.parametrize(
    ("scheduled", "today"),
    [
        (NIGHT, "2013/05/07"),
        ("2013-05-07T06:59:59Z", "2013/05/06"),
        ("2013-05-07T07:00:00Z", "2013/05/07"),
        ("2013-01-07T07:59:59Z", "2013/01/06"),
        ("2026-11-30T12:30:00Z", "9999"),
    ],
)
def test_whole_days_before_the_scheduled_time(run: Run, database: Path, scheduled: str, today: str) -> None:
    """A load holds the days that were over in Seattle at its scheduled time, summer time included."""
    result = run("etl/main.py", ETL_DATABASE=str(database), JOBRUNNER_SCHEDULED_TIME=scheduled)
    assert 0 == result.returncode, result.stderr
    assert expected_months(before=today) == months_of(database, scheduled)


def test_repeating_a_load_gives_the_same_table(run: Run, database: Path) -> None:
    """The same instant, however it is spelled, replaces its own rows: nothing is doubled."""
    run("etl/main.py", ETL_DATABASE=str(database), JOBRUNNER_SCHEDULED_TIME=NIGHT)
    once = dump(database)
    spelled = "2013-05-07T04:30:00-07:00"
    again = run("etl/main.py", ETL_DATABASE=str(database), JOBRUNNER_SCHEDULED_TIME=spelled)
    assert "17 months written, 17 replaced" in again.stdout
    assert once == dump(database)


def test_a_load_leaves_the_others_alone(run: Run, database: Path) -> None:
    """Another scheduled time, and a run without one, are loads of their own."""
    for scheduled in (NIGHT, "2013-05-08T11:30:00Z", ""):
        run("etl/main.py", ETL_DATABASE=str(database), JOBRUNNER_SCHEDULED_TIME=scheduled)
    assert [NIGHT, "2013-05-08T11:30:00Z", "latest"] == keys(database)
    assert expected_months(before="2013/05/07") == months_of(database, NIGHT)


def test_a_repeated_load_forgets_what_the_source_no_longer_has(run: Run, database: Path, tmp_path: Path) -> None:
    """A corrected source replaces the load as a whole, months that are gone included."""
    run("etl/main.py", ETL_DATABASE=str(database))
    source = tmp_path / "short.csv"
    source.write_text(HEADER + "2012/01/01,0.0,12.8,5.0,4.7,drizzle\n", "utf-8")
    run("etl/main.py", ETL_DATABASE=str(database), ETL_SOURCE=str(source))
    assert [("2012-01", 1, 0, 0.0, 12.8, 5.0, 8.9, 4.7)] == months_of(database, "latest")


def test_a_backfill_in_parallel_loads_everything(start: Start, database: Path) -> None:
    """Loads of different times at once, in a database that none of them finds, all arrive."""
    first = datetime(2014, 3, 1, 12, 30, tzinfo=UTC)
    times = [(first + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ") for day in range(6)]
    running = [start("etl/main.py", ETL_DATABASE=str(database), JOBRUNNER_SCHEDULED_TIME=time) for time in times]
    errors = [process.communicate()[1] for process in running]
    assert [""] * len(times) == errors
    assert times == keys(database)


def test_a_killed_load_leaves_the_old_table(start: Start, run: Run, database: Path, tmp_path: Path) -> None:
    """SIGKILL between the first row and the commit changes nothing, and the next run completes the load."""
    run("etl/main.py", ETL_DATABASE=str(database))
    before = dump(database)
    source = tmp_path / "corrected.csv"
    source.write_text(SOURCE.read_text("utf-8").replace(",10.9,", ",11.9,", 1), "utf-8")
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        # A reader in the middle of a transaction lets a writer write, but not commit.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM loads").fetchall()
        process = start("etl/main.py", ETL_DATABASE=str(database), ETL_SOURCE=str(source), PYTHONUNBUFFERED="1")
        assert process.stdout is not None
        assert any("48 months written, 48 replaced; committing" in line for line in process.stdout)
        assert database.with_name("etl.sqlite-journal").exists()
        assert process.poll() is None
        process.kill()
        assert -9 == process.wait()
    assert before == dump(database)
    assert 0 == run("etl/main.py", ETL_DATABASE=str(database), ETL_SOURCE=str(source)).returncode
    [(mm,)] = query(database, "SELECT precipitation_mm FROM monthly_weather WHERE month = '2012-01'")
    assert 173.3 + 1.0 == pytest.approx(mm)


def test_a_locked_database_is_worth_another_attempt(run: Run, database: Path) -> None:
    """A lock that does not go away within the patience is exit code 75, which the job's retries name."""
    run("etl/main.py", ETL_DATABASE=str(database))
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        result = run("etl/main.py", ETL_DATABASE=str(database), ETL_LOCK_SECONDS="0")
    assert (75, "etl: the database: database is locked; nothing was loaded\n") == (
        result.returncode,
        result.stderr,
    )


def test_a_few_bad_rows_are_named_and_left_out(run: Run, database: Path, tmp_path: Path) -> None:
    """Up to one row in a hundred may be unusable; each is named with its line and reason."""
    source = tmp_path / "dirty.csv"
    lines = SOURCE.read_text("utf-8").splitlines()
    bad = {
        10: ("2012/02/30,0.0,1.0,0.0,1.0,sun", "not a date"),
        20: ("2012/01/19,much,1.0,0.0,1.0,sun", "not a number"),
        30: ("2012/01/29,NaN,1.0,0.0,1.0,sun", "not a finite number"),
        40: ("2012/02/08,-0.1,1.0,0.0,1.0,sun", "negative precipitation or wind"),
        50: ("2012/02/18,0.0,1.0,1.1,1.0,sun", "minimum above maximum"),
        60: ("2012/02/28,0.0,1.0,0.0,1.0,frogs", "unknown weather"),
        70: (lines[1], "day seen before"),
        80: ("2012/03/19", "not 6 columns"),
    }
    for number, (line, _) in bad.items():
        lines[number - 1] = line
    source.write_text("\n".join(lines) + "\n", "utf-8")
    result = run("etl/main.py", ETL_DATABASE=str(database), ETL_SOURCE=str(source))
    assert 0 == result.returncode, result.stderr
    for number, (line, reason) in bad.items():
        assert f"extract: rejected dirty.csv:{number}: {reason}: {line}\n" in result.stdout
    assert [(1453, 8)] == query(database, "SELECT days, rejected FROM loads")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1: the columns are ''"),
        (b"day,rain\n2012/01/01,0\n", "1: the columns are 'day,rain'"),
        (HEADER.encode(), "has no usable row"),
        (HEADER.encode() + b"2012/01/01,0,2,1,0,sun\nx,0,2,1,0,sun\n", "1 of 2 rows rejected, more than 1%"),
        (HEADER.encode() + b'2012/01/01,"0,2,1,0,sun\n', "unexpected end of data"),
        (HEADER.encode() + b"2012/01/01,\xff,2,1,0,sun\n", "is not UTF-8: bad byte at offset 61"),
    ],
    ids=["empty", "columns", "no row", "too many bad", "open quote", "bad byte"],
)
def test_a_bad_file_is_refused(run: Run, database: Path, tmp_path: Path, content: bytes, message: str) -> None:
    """An unusable source is exit code 1 and one message that names it; there is no load."""
    source = tmp_path / "source.csv"
    source.write_bytes(content)
    result = run("etl/main.py", ETL_DATABASE=str(database), ETL_SOURCE=str(source))
    assert 1 == result.returncode
    assert result.stderr.startswith(f"etl: {source}"), result.stderr
    assert message in result.stderr
    assert 1 == result.stderr.count("\n")
    assert not database.exists()


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"ETL_SOURCE": "nowhere.csv"}, "cannot read nowhere.csv: No such file or directory"),
        ({"JOBRUNNER_SCHEDULED_TIME": "soon"}, "JOBRUNNER_SCHEDULED_TIME is 'soon', not an ISO 8601 time"),
        ({"JOBRUNNER_SCHEDULED_TIME": "2013-05-07T11:30:00"}, "without an offset"),
        ({"JOBRUNNER_SCHEDULED_TIME": "2012-01-01T12:30:00Z"}, "no day before 2012-01-01 in the source"),
        ({"ETL_LOCK_SECONDS": "ages"}, "ETL_LOCK_SECONDS is 'ages', not a whole number of seconds"),
        ({"ETL_DATABASE": "jobs"}, "the database: unable to open database file"),
        ({"ETL_DATABASE": "jobs/etl/SOURCE.md/x"}, "cannot create the folder of the database"),
        ({"ETL_DATABASE": "jobs/etl/SOURCE.md"}, "the database: file is not a database"),
    ],
)
def test_a_bad_setting_is_refused(run: Run, database: Path, env: dict[str, str], message: str) -> None:
    """What cannot work is exit code 1 and one line that says what and that nothing was loaded."""
    result = run("etl/main.py", **{"ETL_DATABASE": str(database)} | env)
    assert 1 == result.returncode
    assert message in result.stderr
    assert result.stderr.endswith("; nothing was loaded\n")
    assert 1 == result.stderr.count("\n")
