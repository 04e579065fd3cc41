"""A report as a person reads it, and as a spreadsheet does."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobrunner.cli import reports
from jobrunner.core.report import Duration, Group, Report, Waste

OCTOBER = datetime(2026, 10, 25, tzinfo=UTC)


def group(key: str | None = "etl", **given: Any) -> Group:
    """Ten runs, of which one failed."""
    plain: dict[str, Any] = {
        "runs": 10,
        "succeeded": 9,
        "failed": 1,
        "duration_seconds": Duration(median=61.5, p95=4.25),
        "billed_seconds": 3_725,
        "cost_usd": Decimal("0.012345"),
    }
    return Group(key=key, **{**plain, **given})


def report(*groups: Group, total: Group | None = None, **given: Any) -> Report:
    """The report of groups."""
    plain: dict[str, Any] = {
        "project": "money",
        "stage": "prod",
        "since": OCTOBER,
        "until": None,
        "by": "job",
        "prices": (date(2025, 8, 28), date(2026, 1, 1), date(2026, 9, 29)),
    }
    return Report(groups=groups, total=total or group(None), **{**plain, **given})


def text(*groups: Group, local: bool = False, region: str | None = "eu-west-1", **given: Any) -> str:
    """What a person reads."""
    return reports.text(report(*groups, **given), region=region, local=local)


def row(found: str, name: str) -> list[str]:
    """The cells of a row of the table, which are two spaces apart."""
    [line] = [line for line in found.splitlines() if line.startswith(f"{name} ")]
    return [cell.strip() for cell in line.split("  ") if cell]


def cell(found: str, name: str, column: str) -> str:
    """A cell of the table."""
    header = next(line for line in found.splitlines() if "RUNS" in line and "COST" in line).split()
    return row(found, name)[header.index(column)]


# --- the table


def test_the_whole_report() -> None:
    """A table with a total, the waste in words, and which prices the estimate is made with."""
    waste = Waste(
        pull_seconds=447.0,
        pull_share=0.12,
        minimum_seconds=1_840,
        failed_usd=Decimal("0.120000"),
        retried_usd=Decimal("0.030000"),
        spot_saving_usd=Decimal("1.400000"),
    )
    total = group(None, runs=1_012, succeeded=1_009, failed=3, billed_seconds=90_000, cost_usd=Decimal(2), waste=waste)
    expected = """\
money, stage prod: from 2026-10-25 00:00:00Z on, by job; costs are estimates

JOB     RUNS  FAILED  SUCCESS  MEDIAN    P95  BILLED   COST
etl    1,002       2   99.8 %    1m1s  4.2 s  1h2m5s  $1.99
a         10       1   90.0 %    1m1s  4.2 s  1h2m5s  $0.01
TOTAL  1,012       3   99.7 %    1m1s  4.2 s    1d1h  $2.00

waste  images   12.0 % of the billed time is their pull, 7m27s
       minimum  1,840 s were paid only because AWS bills 60 s at least
       failed   $0.12 for 3 runs that failed
       retries  $0.03 for the attempts before those that succeeded
       Spot     saved $1.40 against on demand

estimated with prices as of 2025-08-28 to 2026-09-29: `jobrunner prices --region eu-west-1`
"""
    etl = group("etl", runs=1_002, succeeded=1_000, failed=2, cost_usd=Decimal("1.99"))
    assert expected == text(etl, group("a"), total=total)


def test_nothing_ran() -> None:
    """There is a total of zeros, and nothing to say about it."""
    expected = """\
money: from the beginning until 2026-10-25 00:00:00Z, by job; costs are estimates

JOB    RUNS  FAILED  SUCCESS  MEDIAN  P95  BILLED       COST
TOTAL     0       0        -       -    -     0 s  $0.000000
"""
    assert expected == text(total=Group(key=None), stage=None, since=None, until=OCTOBER)


def test_success_is_rounded_down() -> None:
    """One failure in ten thousand is not 100 %; and none is."""
    total = group(None, runs=10_000, succeeded=9_999, failed=1)
    assert "99.9 %" == cell(text(group(), total=total), "TOTAL", "SUCCESS")
    assert "100.0 %" == cell(text(group(), total=group(None, failed=0)), "TOTAL", "SUCCESS")


def test_money_below_a_dollar() -> None:
    """If all is below a dollar, costs are shown to the micro-dollar; else to the cent, and little is not nothing."""
    little, none = group("little", cost_usd=Decimal("0.004999")), group("none", cost_usd=Decimal(0))
    below = text(little, none, total=group(None, cost_usd=Decimal("0.999999")))
    assert ["$0.004999", "$0.000000", "$0.999999"] == [
        cell(below, name, "COST") for name in ("little", "none", "TOTAL")
    ]
    above = text(little, none, total=group(None, cost_usd=Decimal("1234567.895")))
    assert ["<$0.01", "$0.00", "$1,234,567.90"] == [cell(above, name, "COST") for name in ("little", "none", "TOTAL")]


def test_unknown_stays_unknown() -> None:
    """A sum of which some is unknown is a lower bound; one of which all is, is no number."""
    some = group("some", unknown_cost_runs=2, unknown_billed_runs=3)
    all_of = group("all", unknown_cost_runs=10, unknown_billed_runs=10, cost_usd=Decimal(0), billed_seconds=0)
    total = group(None, unknown_cost_runs=12, unknown_billed_runs=1, unknown_pull_runs=4)
    found = text(some, all_of, total=total)
    assert ("≥ 1h2m5s", "≥ $0.012345") == (cell(found, "some", "BILLED"), cell(found, "some", "COST"))
    assert ("unknown", "unknown") == (cell(found, "all", "BILLED"), cell(found, "all", "COST"))
    assert "of 12 runs the cost is unknown, and not in the sums\n" in found
    assert "of 1 run the billed time is unknown, and not in the sums\n" in found
    assert "of 4 runs the image pull is unknown, and not in the sums\n" in found


def test_waste_of_which_some_is_unknown() -> None:
    """Of a failure of unknown cost no amount is made up."""
    waste = Waste(retried_usd=Decimal("0.000050"))
    total = group(None, waste=waste, unknown_failed_cost_runs=1, unknown_retried_cost_runs=1, unknown_saving_runs=1)
    found = text(group(), total=total)
    assert "waste  failed   unknown for 1 run that failed\n" in found
    assert "       retries  ≥ $0.000050 for the attempts before those that succeeded\n" in found
    assert "       Spot     saved unknown against on demand\n" in found


def test_no_waste() -> None:
    """Then that is said."""
    assert "\nwaste  nothing\n\n" in text(group())


def test_spot_that_was_dearer() -> None:
    """A saving below nothing is no saving."""
    found = text(group(), total=group(None, waste=Waste(spot_saving_usd=Decimal("-0.000100"))))
    assert "waste  Spot     cost $0.000100 more than on demand\n" in found


def test_running_and_skipped() -> None:
    """Both have a column if there are any, and a note what they are in the sums."""
    found = text(group(), total=group(None, running=2, skipped=1))
    assert ("1", "2") == (cell(found, "TOTAL", "SKIPPED"), cell(found, "TOTAL", "RUNNING"))
    assert "2 runs are not over yet: what they are billed is not in the sums\n" in found
    assert "1 run skipped, because another one was under way: not among RUNS\n" in found
    assert "SKIPPED" not in text(group())
    assert "1 run is not over yet" in text(group(), total=group(None, running=1))


def test_the_local_endpoint_costs_nothing() -> None:
    """What is shown is the cost on Fargate, and that is said."""
    said = "the local endpoint costs nothing: the costs are those on Fargate in eu-west-1\n"
    assert text(group(), local=True).endswith(said)
    assert said not in text(group())


def test_no_price_is_known() -> None:
    """A region without prices is named."""
    said = "no price of Fargate in eu-west-1 is known; `jobrunner prices` shows those that are\n"
    assert text(group(), prices=()).endswith(said)


def test_prices_of_one_day() -> None:
    """One date is no interval."""
    assert "prices as of 2026-09-29: `" in text(group(), prices=(date(2026, 9, 29),))


def test_tags() -> None:
    """That a run may count in several groups is said; the column is named after the kind."""
    found = text(group("team=data"), by="tag:team")
    assert "a run counts for each tag that its job has in the project now, and once in the total\n" in found
    assert "TAG" == found.splitlines()[2].split()[0]
    assert ", by tag:team; costs" in found


def test_days_of_a_zone() -> None:
    """The time zone of days is named unless it is UTC."""
    assert ", by day (Europe/London); costs" in text(group("2026-11-24"), by="day", timezone="Europe/London")


def test_it_fits_the_screen() -> None:
    """A name that is too long loses its middle; figures are never cut."""
    name = "migrate-the-database-of-the-accounting-department-of-the-old-company-and-its-daughters-eu-west-1"
    wide = {"runs": 12_345, "failed": 1_000, "succeeded": 11_345, "billed_seconds": 1_000_001, "unknown_cost_runs": 1}
    found = text(group(name, **wide), group("etl"), total=group(None, cost_usd=Decimal(123_456)))
    table = [line for line in found.splitlines() if "%" in line and "P95" not in line]
    assert 100 == max(map(len, table))
    [cut] = [line.split()[0] for line in table if line.startswith("migrate-")]
    assert name.startswith(cut.partition("…")[0])
    assert name.endswith(cut.partition("…")[2])
    assert "12,345" in found


def test_a_name_keeps_twelve_letters() -> None:
    """However wide the figures are."""
    wide = {"runs": 10**15, "failed": 10**15, "succeeded": 10**15, "skipped": 10**15, "running": 10**15}
    assert "abcdef…vwxyz" == row(text(group("abcdefghijklmnopqrstuvwxyz", **wide)), "abcdef…vwxyz")[0]


def test_text_of_others_is_harmless() -> None:
    """A tag, or a job of an event, may hold anything: on a terminal it stays text in its line."""
    found = text(group("team=\x1b[2J\nTOTAL"), by="tag")
    assert "team=^[[2J^JTOTAL" in found
    assert "\x1b" not in found


# --- CSV

HEADER = (
    "key,runs,succeeded,failed,skipped,running,success_rate,median_seconds,p95_seconds,billed_seconds,"
    "unknown_billed_runs,cost_usd,unknown_cost_runs,pull_seconds,pull_share,unknown_pull_runs,minimum_seconds,"
    "failed_usd,unknown_failed_cost_runs,retried_usd,unknown_retried_cost_runs,spot_saving_usd,unknown_saving_runs"
)


def test_csv() -> None:
    """A header that stays, a line for each group, raw numbers, no total; lines end as RFC 4180 says."""
    waste = Waste(pull_seconds=1.5, pull_share=0.125, minimum_seconds=7, spot_saving_usd=Decimal("-0.000001"))
    found = reports.csv_text(report(group("etl", waste=waste, skipped=3, unknown_cost_runs=2)))
    line = "etl,10,9,1,3,0,0.9,61.5,4.25,3725,0,0.012345,2,1.5,0.125,0,7,0,0,0,0,-0.000001,0"
    assert f"{HEADER}\r\n{line}\r\n" == found


def test_csv_of_nothing() -> None:
    """The header alone."""
    assert f"{HEADER}\r\n" == reports.csv_text(report())


def test_csv_of_what_is_not_known() -> None:
    """No rate, no duration and no share are empty cells."""
    found = list(csv.DictReader(io.StringIO(reports.csv_text(report(Group(key="etl", runs=1, running=1))))))
    empty = [name for name, value in found[0].items() if not value]
    assert ["success_rate", "median_seconds", "p95_seconds", "pull_share"] == empty


@pytest.mark.parametrize("key", ['a,"b"', "two\nlines", "ünïcode=日本", "plain", "team=-1"])
def test_csv_keeps_texts(key: str) -> None:
    """Commas, quotes and line ends come back as they were."""
    [_, found] = csv.reader(io.StringIO(reports.csv_text(report(group(key))), newline=""))
    assert key == found[0]


@pytest.mark.parametrize("key", ['=HYPERLINK("http://evil")', "+1", "-1=2", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_csv_is_no_spreadsheet_program(key: str) -> None:
    """A text that a spreadsheet would compute has an apostrophe before it."""
    [_, found] = csv.reader(io.StringIO(reports.csv_text(report(group(key))), newline=""))
    assert f"'{key}" == found[0]
