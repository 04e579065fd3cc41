"""`jobrunner report`: what ran and what it cost, as a table, CSV, JSON and a page."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from console import console_in
from page_runs import run, running

from jobrunner.core.history import Source
from jobrunner.store import open_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console

#: Nothing listens on the port `discard`.
PROJECT = """
project: money
region: us-east-1
default_stage: prod
tags: {owner: me}
stages:
  prod: {endpoint: "http://127.0.0.1:9"}
  test: {endpoint: "http://127.0.0.1:9", region: eu-west-1}
"""
JOBS = "name: etl\nimage: busybox\ntags: {team: data}\n---\nname: other\nimage: busybox\n"
#: Some hours ago, so that no run is of the future, nor of the day before yesterday.
AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
WARNING = "this is what was read before"


@pytest.fixture
def money(tmp_path: Path) -> Iterator[Console]:
    """A console in a project of which history has been read before, and whose AWS does not answer."""
    (tmp_path / "jobrunner.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "all.yaml").write_text(JOBS, encoding="utf-8")
    with console_in(tmp_path) as console:
        console.env = {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s"}
        yield console


def remember(console: Console, *entries: Any, stage: str = "prod") -> None:
    """Let the console's machine have read these runs."""
    history = open_history(console.state_dir)
    source = Source(project="money", stage=stage, region="us-east-1", endpoint_url="http://127.0.0.1:9")
    history.add(source, [note for entry in entries for note in entry.launches])
    history.close()


@pytest.fixture
def known(money: Console) -> Console:
    """The same, with three runs of two jobs and one that runs; and one of another stage."""
    remember(
        money,
        run("etl", AGO, cost="0.001", number=1),
        run("etl", AGO - timedelta(days=40), cost="0.002", number=2),
        run("other", AGO, cost="0.003", number=3, trigger="manual"),
        running("etl", AGO, number=4),
    )
    remember(money, run("etl", AGO, cost="0.004", number=5), stage="test")
    return money


def groups(console: Console, *words: str) -> dict[str, tuple[int, str]]:
    """Runs and cost of each group, by what this machine has read."""
    [found] = console.run("report", "--offline", *words, "--output", "json").json
    return {group["key"]: (group["runs"], group["cost_usd"]) for group in found["groups"]}


def test_a_run_of_this_machine(console: Console) -> None:
    """The endpoint that has run it has gone, and its history with it; the machine's own record tells."""
    console.run("run", "hello", "--local")
    found = console.run("report", "--local")
    assert "hello" == found.lines[3].split()[0]
    assert "the local endpoint costs nothing: the costs are those on Fargate in us-east-1" == found.lines[-1]
    assert "" == found.err


def test_the_table(known: Console) -> None:
    """Thirty days by job, the dearest first, with its total; `table` is text."""
    found = known.run("report", "--offline")
    table = [line.split() for line in found.lines[2:6]]
    assert ["JOB", "other", "etl", "TOTAL"] == [row[0] for row in table]
    assert ["$0.003000", "$0.001000", "$0.004000"] == [row[-1] for row in table[1:]]
    assert "1 run is not over yet: what they are billed is not in the sums" in found.lines
    assert found.lines[0].startswith("money, stage prod: from ")
    assert found.lines[2:] == known.run("report", "--offline", "--output", "table").lines[2:]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--by", "job"), {"etl": (2, "0.001000"), "other": (1, "0.003000")}),
        (("etl", "--since", "90d"), {"etl": (3, "0.003000")}),
        (("--by", "trigger"), {"schedule": (1, "0.001000"), "manual": (2, "0.003000")}),
        (("--by", "tag:team"), {"team=data": (2, "0.001000"), "(none)": (1, "0.003000")}),
        (("--by", "tag"), {"team=data": (2, "0.001000"), "owner=me": (3, "0.004000")}),
        (("--by", "stage"), {"prod": (3, "0.004000"), "test": (1, "0.004000")}),
        (("--stage", "test"), {"etl": (1, "0.004000")}),
        (("--until", "30d", "--since", "60d"), {"etl": (1, "0.002000")}),
    ],
)
def test_groups(known: Console, words: tuple[str, ...], expected: dict[str, tuple[int, str]]) -> None:
    """Each way to group, and each bound."""
    assert expected == groups(known, *words)


def test_days_of_a_zone(money: Console) -> None:
    """A day of --since is one of the time zone, as the days of the groups are."""
    noon = (AGO - timedelta(days=3)).replace(hour=12, minute=0, second=0)
    remember(money, run("etl", noon, number=1), run("etl", noon - timedelta(hours=1), number=2))
    here, there = f"{noon:%Y-%m-%d}", f"{noon + timedelta(days=1):%Y-%m-%d}"
    words = ("--by", "day", "--timezone", "Pacific/Auckland")
    assert {there} >= set(groups(money, *words, "--since", there)) > set()
    assert {here: (2, "0.002000")} == groups(money, "--by", "day", "--since", here, "--until", there)


def test_csv(known: Console) -> None:
    """A header, a line for each group, and nothing else on stdout; no colour, no total."""
    found = known.run("report", "--offline", "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(found.out.decode(), newline="")))
    assert [("other", "1", "0.003000"), ("etl", "2", "0.001000")] == [
        (row["key"], row["runs"], row["cost_usd"]) for row in rows
    ]
    assert found.out.count(b"\r\n") == 3 == found.out.count(b"\n")


def test_json(known: Console) -> None:
    """One object, which says that it is an estimate, and of which dates the prices are."""
    [found] = known.run("report", "--offline", "--output", "json").json
    assert ("money", "prod", None, "job", "UTC", True) == tuple(
        found[key] for key in ("project", "stage", "until", "by", "timezone", "estimate")
    )
    assert found["prices_as_of"] == sorted(found["prices_as_of"]) != []
    assert (None, 3, 2, 0, 1, "0.004000") == tuple(
        found["total"][key] for key in ("key", "runs", "succeeded", "failed", "running", "cost_usd")
    )


def test_aws_does_not_answer(known: Console) -> None:
    """What was read before is shown, and that it is old is said."""
    found = known.run("report", "--output", "json")
    assert 3 == found.json[0]["total"]["runs"]
    assert WARNING in found.err
    assert WARNING not in known.run("report", "--offline").err


def test_all_stages_are_asked(known: Console) -> None:
    """One that does not answer does not keep what was read of it before from being in the report."""
    found = known.run("report", "--by", "stage", "--output", "json")
    assert {"prod", "test"} == {group["key"] for group in found.json[0]["groups"]}
    for stage in ("prod", "test"):
        assert f"jobrunner: warning: cannot read the log group /aws/events/jobrunner-money-{stage}: " in found.err


def test_a_stage_with_a_history_of_its_own(known: Console) -> None:
    """It is left out, and that is said."""
    text = f"state_dir: {known.state_dir}\n{PROJECT}  far: {{endpoint: 'http://127.0.0.1:9', state_dir: elsewhere}}\n"
    (known.directory / "jobrunner.yaml").write_text(text, encoding="utf-8")
    known.env = {**known.env, "JOBRUNNER_STATE_DIR": ""}
    found = known.run("report", "--by", "stage", "--output", "json")
    assert (
        f"jobrunner: warning: stage far is left out: its history is in {known.directory / 'elsewhere'}\n" in found.err
    )
    assert {"prod", "test"} == {group["key"] for group in found.json[0]["groups"]}


def test_a_stage_that_is_wrong(known: Console) -> None:
    """It is named, with what is wrong."""
    text = PROJECT.replace("region: us-east-1\n", "").replace('{endpoint: "http://127.0.0.1:9"}', "{region: us-east-1}")
    (known.directory / "jobrunner.yaml").write_text(f"{text}  wrong: {{}}\n", encoding="utf-8")
    found = known.run("report", "--by", "stage")
    assert "warning: stage wrong is not asked: region is not set\n" in found.err


def test_the_page(known: Console) -> None:
    """One file beside the table; where it is and how large is on stderr."""
    (known.directory / "report.html").write_text("the old one", encoding="utf-8")
    found = known.run("report", "--offline", "--html", "report.html")
    page = (known.directory / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "etl-000001" in page
    assert "etl-000002" not in page  # of more than thirty days ago
    assert f"jobrunner: the page is in report.html, {len(page.encode()) / 1_000_000:.1f} MB\n" == found.err
    assert found.lines[-1].startswith("estimated with prices")
    assert ["jobrunner.yaml", "jobs", "report.html"] == sorted(path.name for path in known.directory.iterdir())


def test_the_page_on_stdout(known: Console) -> None:
    """Then nothing else is written there."""
    found = known.run("report", "--offline", "--html", "-")
    assert found.text.lower().startswith("<!doctype html>")
    assert found.text.rstrip().endswith("</html>")


def test_two_at_once(known: Console) -> None:
    """Both end well, and the page is one of theirs, whole."""
    both = [known.start("report", "--offline", "--html", "report.html") for _ in range(2)]
    assert [0, 0] == [process.wait(60) for process in both]
    assert (known.directory / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_the_disk_is_full(known: Console) -> None:
    """That the page cannot be written is said; the report itself is there."""
    found = known.run("report", "--offline", "--html", "/dev/full", "--output", "json", code=74)
    assert "error: /dev/full cannot be written: No space left on device\n" == found.err
    assert 3 == found.json[0]["total"]["runs"]


def test_nothing_ran(money: Console) -> None:
    """A report of zeros is no error; what would help is said."""
    found = money.run("report", "--offline", "--output", "json")
    assert ([], 0) == (found.json[0]["groups"], found.json[0]["total"]["runs"])
    assert "jobrunner: no runs since " in found.err
    assert "; without --offline AWS is asked; `jobrunner history` shows what ran\n" in found.err
    assert ["TOTAL", "0"] == money.run("report", "--offline").lines[3].split()[:2]


def test_a_job_that_nobody_knows(known: Console) -> None:
    """It is an error; one that history knows from another time, or that only the project knows, is not."""
    assert "there is no job 'elt'; did you mean 'etl'?" in known.run("report", "elt", "--offline", code=65).err
    remember(known, run("gone", AGO - timedelta(days=40), number=6))
    assert {} == groups(known, "gone")
    assert {} == groups(known, "other", "--since", "1h")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--by", "dya"), "'dya' is not one of job, day, month, stage, trigger, tag, tag:KEY; did you mean 'day'?"),
        (("--since", "yesterday"), "'yesterday' is neither a day nor a time of ISO 8601, nor how long ago; for"),
        (("--since", "1d", "--until", "2d"), "is not after --since"),
        (("--timezone", "Europe/Londn"), "did you mean 'Europe/London'?"),
        (("--since", "2026-03-29T01:30", "--timezone", "Europe/London"), "the clocks skip it"),
        (("--html", "missing/report.html"), "there is no directory 'missing' to write it to"),
        (("--html", "jobs"), "'jobs' is a directory; name a file in it"),
        (("--html", "-", "--output", "csv"), "--html - and --output csv both write to stdout"),
        (("--output", "xml"), "'xml' is not one of 'text', 'table', 'csv', 'json'"),
    ],
)
def test_what_makes_no_sense(money: Console, words: tuple[str, ...], message: str) -> None:
    """It is refused before anything is done, with what is right."""
    found = money.run("report", *words, code=2)
    assert message in found.err
    assert "" == found.text


def test_csv_is_of_reports_alone(money: Console) -> None:
    """Other commands refuse it."""
    assert "'csv' is not one of 'text', 'json'" in money.run("ps", "--output", "csv", code=2).err


def test_the_same_before_and_after(known: Console) -> None:
    """A report repeated is the same report."""
    first, second = (known.run("report", "--offline", "--output", "json").json[0] for _ in range(2))
    assert {**first, "since": None} == {**second, "since": None}
    assert json.dumps(first["total"]) == json.dumps(second["total"])
