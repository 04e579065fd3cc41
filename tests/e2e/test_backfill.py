"""`jobrunner backfill`: a run for each time, again after a kill or a failure, the question on a terminal, mistakes."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from console import LIMIT_SECONDS, console_in, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console, Terminal

NOTE = 'echo "$JOBRUNNER_SCHEDULED_TIME $JOBRUNNER_TRIGGER" >> "ran.$JOBRUNNER_JOB"'
JOBS = f"""
name: hourly
image: busybox
command: [sh, -c, '{NOTE}']
schedule: {{cron: "0 * * * *", timezone: Europe/London}}
---
name: steady
image: busybox
command: [sh, -c, '{NOTE}; sleep 1']
schedule: {{cron: "0 * * * *"}}
---
name: waiting
image: busybox
command: [sh, -c, '{NOTE}; test -e go || exec sleep 100']
stop_timeout: 2s
schedule: {{cron: "0 * * * *"}}
---
name: fragile
image: busybox
command: [sh, -c, '{NOTE}; test $JOBRUNNER_SCHEDULED_TIME != 2026-10-01T01:00:00Z || test -e repaired']
schedule: {{cron: "0 * * * *"}}
---
name: brittle
image: busybox
command: [sh, -c, '{NOTE}; test $JOBRUNNER_SCHEDULED_TIME != 2026-10-01T01:00:00Z']
schedule: {{cron: "0 * * * *"}}
---
name: odd
image: busybox
command: [sh, -c, '{NOTE}']
schedule: {{cron: "30 1 * * *", timezone: Europe/London}}
paused: true
---
name: either
image: busybox
command: [sh, -c, '{NOTE}']
schedule: {{cron: "0 12 1 * MON"}}
---
name: minutely
image: busybox
schedule: {{cron: "* * * * *"}}
---
name: scattered
image: busybox
schedule: [{{cron: "@daily"}}, {{cron: "@daily", timezone: Asia/Tokyo}}]
---
name: rated
image: busybox
schedule: {{rate: 15 minutes}}
---
name: bounded
image: busybox
schedule: {{cron: "@daily", start: 2026-06-01T00:00}}
---
name: needy
image: busybox
command: [echo, "${{{{ params.day }}}}"]
params: {{day: {{}}}}
schedule: {{cron: "@daily"}}
---
name: never
image: busybox
"""
#: Times that have passed.
OCTOBER = ["--from", "2026-10-01", "--to"]


@contextmanager
def _project(directory: Path) -> Iterator[Console]:
    (directory / "jobs").mkdir()
    (directory / "jobs" / "all.yaml").write_text(JOBS, encoding="utf-8")
    (directory / "jobrunner.yaml").write_text("project: filling\ndefault_stage: local\n", encoding="utf-8")
    with console_in(directory) as console:
        yield console


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Console]:
    """A console in a project of scheduled jobs, where no endpoint runs."""
    with _project(tmp_path) as console:
        yield console


@pytest.fixture(scope="module")
def filling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console in such a project while `jobrunner local` serves it."""
    with _project(tmp_path_factory.mktemp("filling")) as console:
        server = console.start("local")
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"export ")
        yield console
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=LIMIT_SECONDS)


def hours(first: str, count: int) -> list[str]:
    """So many hours of UTC, as a job sees them."""
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return [f"{begin + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}" for number in range(count)]


def ran(console: Console, job: str) -> list[str]:
    """The times for which the job has run, in the order in which it began."""
    file = console.directory / f"ran.{job}"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    assert {"backfill"} >= {line.split()[1] for line in lines}
    return [line.split()[0] for line in lines]


# -- a run for each time ---------------------------------------------------------------------------------------


def test_a_week_of_hours(filling: Console) -> None:
    """168 runs, each once and told its own time; the same again starts none, and gives the same."""
    words = ["backfill", "hourly", "--from", "2026-11-01", "--to", "2026-11-08", "--parallel", "20", "--output", "json"]
    week = hours("2026-11-01T00:00", 168)
    first = filling.run(*words)
    *events, summary = first.json
    ends = {event["label"]: event["run_id"] for event in events if event["event"] == "finished"}
    assert (week, week) == (sorted(ends), sorted(ran(filling, "hourly")))
    assert 168 == len(set(ends.values()))
    assert {"event": "summary", "job": "hourly", "total": 168, "succeeded": 168}.items() <= summary.items()
    assert "hourly: 168 times from 2026-11-01 00:00:00Z to 2026-11-07 23:00:00Z: 168 to start\n" in first.err

    again = filling.run(*words)
    assert ends == {event["label"]: event["run_id"] for event in again.json[:-1]}
    assert (168, summary) == (len(ran(filling, "hourly")), again.json[-1])
    assert ": 168 over already\n" in again.err


def test_one_after_another_unless_told_otherwise(filling: Console) -> None:
    """Oldest first; a line for each on stdout, with its time."""
    result = filling.run("backfill", "steady", *OCTOBER, "2026-10-01T03:00")
    expected = hours("2026-10-01T00:00", 3)
    assert [("succeeded", "0", time) for time in expected] == [tuple(line.split("\t")[1:]) for line in result.lines]
    assert expected == ran(filling, "steady")
    starting = [line.split()[2] for line in result.err.splitlines() if ": starting (" in line]
    assert [f"{time}:" for time in expected] == starting
    assert "starting (2 of 3 done)" in result.err
    assert "again" not in result.err


def test_the_zone_of_the_schedule_and_its_clocks(filling: Console) -> None:
    """A paused job as well; a local time is of that zone, what is skipped has no run, what comes twice has one."""
    spring = filling.run("backfill", "odd", "--from", "2026-03-28", "--to", "2026-03-31")
    autumn = filling.run("backfill", "odd", "--from", "2026-10-25T00:30", "--to", "2026-10-27T01:30+00:00")
    expected = ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    assert expected == ran(filling, "odd")
    for result in (spring, autumn):
        assert "odd is paused: its schedules do not fire, and a backfill runs it all the same\n" in result.err


def test_a_day_on_which_both_day_fields_agree_is_one_run(filling: Console) -> None:
    """`0 12 1 * MON` is two schedules at AWS."""
    filling.run("backfill", "either", "--from", "2026-06-01", "--to", "2026-06-09")
    assert ["2026-06-01T12:00:00Z", "2026-06-08T12:00:00Z"] == ran(filling, "either")


# -- again -----------------------------------------------------------------------------------------------------


def test_killed_and_repeated(filling: Console) -> None:
    """SIGKILL in the middle; what ran goes on without the command, and the same command runs the rest, all once."""
    words = ["backfill", "steady", "--from", "2026-09-01", "--to", "2026-09-01T16:00", "--parallel", "4"]
    expected = hours("2026-09-01T00:00", 16)
    before = len(ran(filling, "steady"))
    process = filling.start(*words)
    wait_until(lambda: len(ran(filling, "steady")) >= before + 5, "five that have begun")
    process.kill()
    process.communicate()
    result = filling.run(*words)
    assert expected == sorted(ran(filling, "steady")[before:])
    assert 16 == sum("\tsucceeded\t0\t" in line for line in result.lines)


def test_two_commands_at_once_run_each_once(filling: Console) -> None:
    """They share the work's runs, and both tell of all."""
    words = ["backfill", "steady", "--from", "2026-08-01", "--to", "2026-08-01T10:00", "--parallel", "5"]
    before = len(ran(filling, "steady"))
    both = [filling.start(*words) for _ in range(2)]
    outputs = [process.communicate(timeout=LIMIT_SECONDS)[0].decode() for process in both]
    assert [0, 0] == [process.returncode for process in both]
    assert hours("2026-08-01T00:00", 10) == sorted(ran(filling, "steady")[before:])
    first, second = (sorted(output.splitlines()) for output in outputs)
    assert (10, first) == (len(first), second)


def test_what_has_failed_is_run_again_when_asked_for(filling: Console) -> None:
    """1 until then; what to type is said, and what would be done is shown."""
    words = ["backfill", "fragile", *OCTOBER, "2026-10-01T03:00"]
    first, again = filling.run(*words, code=1), filling.run(*words, code=1)
    assert (first.lines, 3) == (again.lines, len(ran(filling, "fragile")))
    typed = "backfill fragile --from 2026-10-01T00:00:00Z --to 2026-10-01T03:00:00Z --failed"
    assert f"  again     jobrunner {typed}\n" in first.err
    assert ": 3 over already, 1 of them failed\n" in again.err

    plan = filling.run(*words, "--failed", "--dry-run", "--output", "json").json
    assert [("succeeded", "keep"), ("failed", "start"), ("succeeded", "keep")] == [
        (line["state"], line["action"]) for line in plan
    ]
    (filling.directory / "repaired").touch()
    repaired = filling.run(*typed.split())
    assert [line["run_id"] for line in plan] == [line.split("\t")[0] for line in repaired.lines]
    assert {time: 1 + (number == 1) for number, time in enumerate(hours("2026-10-01T00:00", 3))} == Counter(
        ran(filling, "fragile")
    )


def test_the_first_failure_may_stop_the_rest(filling: Console) -> None:
    """So that nothing is built on it; what was not begun is said."""
    result = filling.run("backfill", "brittle", *OCTOBER, "2026-10-01T05:00", "--fail-fast", code=1)
    assert ["succeeded", "failed"] == [line.split("\t")[1] for line in result.lines]
    assert hours("2026-10-01T00:00", 2) == ran(filling, "brittle")
    assert "  runs      3 not started, 1 succeeded, 1 failed\n" in result.err
    assert "2026-10-01T05:00:00Z --fail-fast --failed\n" in result.err


def test_ctrl_c_stops_what_runs_and_the_same_goes_on(filling: Console) -> None:
    """130, and what was stopped is run again by the same command."""
    words = ["backfill", "waiting", *OCTOBER, "2026-10-01T03:00", "--parallel", "2"]
    process = filling.start(*words, "--output", "json")
    wait_until(lambda: len(ran(filling, "waiting")) == 2, "two that run")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert 130 == process.returncode
    ends = [event for event in map(json.loads, out.splitlines()) if event["event"] == "finished"]
    assert ["interrupted", "interrupted"] == [event["verdict"] for event in ends]
    typed = "backfill waiting --from 2026-10-01T00:00:00Z --to 2026-10-01T03:00:00Z --parallel 2"
    assert f"  again     jobrunner {typed}\n" in err.decode()

    (filling.directory / "go").touch()
    assert 3 == sum("\tsucceeded\t" in line for line in filling.run(*typed.split()).lines)
    first, second, third = hours("2026-10-01T00:00", 3)
    assert {first: 2, second: 2, third: 1} == Counter(ran(filling, "waiting"))


# -- without running -------------------------------------------------------------------------------------------


def test_a_dry_run_lists_the_times(offline: Console) -> None:
    """As `next` does, with the run and what is known of it; no endpoint is started for that."""
    words = ["backfill", "odd", "--from", "2027-03-27", "--to", "2027-03-30", "--dry-run"]
    text = offline.run(*words)
    lines = offline.run(*words, "--output", "json").json
    ids = [line.pop("run_id") for line in lines]
    note = "2027-03-28 01:30 does not exist: skipped"
    common = {"state": None, "action": "start"}
    assert [
        {"utc": "2027-03-27T01:30:00Z", "local": "2027-03-27T01:30:00+00:00", "note": None, **common},
        {"utc": "2027-03-29T00:30:00Z", "local": "2027-03-29T01:30:00+01:00", "note": note, **common},
    ] == lines
    assert [
        "LOCAL                         UTC                    RUN                STATE   ACTION   NOTE",
        f"Sat 2027-03-27 01:30:00 GMT   2027-03-27 01:30:00Z   {ids[0]}   -       start",
        f"Mon 2027-03-29 01:30:00 BST   2027-03-29 00:30:00Z   {ids[1]}   -       start    {note}",
    ] == text.lines
    assert "warning: 2 times are still to come: the schedules start a run of their own then\n" in text.err
    assert "local endpoint" not in text.err
    assert [] == ran(offline, "odd")


def test_a_dry_run_up_to_now(offline: Console) -> None:
    """What is not said to end, ends now."""
    begin = datetime.now(UTC)
    since = (begin - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = offline.run("backfill", "steady", "--from", since, "--dry-run", "--output", "json").json
    last = datetime.fromisoformat(lines[-1]["utc"])
    assert begin - timedelta(hours=1) < last <= datetime.now(UTC)
    assert len(lines) in {5, 6}


def test_an_interval_without_times(offline: Console) -> None:
    """Is said, and is no failure; a program gets a summary of nothing."""
    words = ["backfill", "bounded", "--from", "2026-01-01", "--to", "2026-02-01"]
    said = "bounded does not fire from 2026-01-01 00:00:00Z until 2026-02-01 00:00:00Z"
    for more in ([], ["--dry-run"]):
        result = offline.run(*words, *more)
        assert ("", f"jobrunner: {said}; the start and end of its schedules count here too\n") == (
            result.text,
            result.err,
        )
    assert {"event": "summary", "total": 0, "succeeded": 0, "failed": 0}.items() <= offline.run(
        *words, "--output", "json"
    ).json[0].items()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["never", "--from", "2026-01-01"], 65, "never has no schedule, so there are no times to run it for\n  at: "),
        (["rated", "--from", "2026-01-01"], 65, "has a rate without a start"),
        (["needy", "--from", "2026-01-01"], 65, "a schedule gives no value for day"),
        (["hourli", "--from", "2026-01-01"], 65, "hourly"),
        (["minutely", *OCTOBER, "2026-10-05"], 65, "hint: Split it: end the first part at 2026-10-04T11:20:00Z"),
        (["hourly"], 2, "Missing option '--from'"),
        (["hourly", "--from", "monday"], 2, "'monday' is neither a day nor a time of ISO 8601; for instance --from 2"),
        (["hourly", "--from", "2026-11-02", "--to", "2026-11-01"], 2, "is not before --to, 2026-11-01 00:00:00Z"),
        (["hourly", "--from", "2026-11-01", "--to", "2026-11-01"], 2, "a day is its beginning: to include it, write"),
        (["hourly", "--from", "2026-03-29T01:30"], 2, "does not exist in Europe/London: the clocks skip it"),
        (["hourly", "--from", "2026-10-25T01:30"], 2, "write 2026-10-25T01:30:00+01:00 or 2026-10-25T01:30:00+00:00"),
        (["scattered", "--from", "2026-11-01"], 2, "the schedules are in Asia/Tokyo and UTC; write for instance 2026"),
        (["hourly", "--from", "2026-11-01", "--parallel", "0"], 2, "0 is not in the range"),
    ],
)  # fmt: skip
def test_mistakes(offline: Console, words: list[str], code: int, said: str) -> None:
    """65 for what is wrong in the job, 2 for what cannot be read; with what to write instead. Nothing is started."""
    result = offline.run("backfill", *words, code=code)
    assert "" == result.text
    assert said in result.err
    assert "local endpoint" not in result.err


# -- on a terminal ---------------------------------------------------------------------------------------------


@contextmanager
def _asked(console: Console, *words: str) -> Iterator[Terminal]:
    terminal = console.terminal("backfill", "hourly", *words)
    try:
        yield terminal
    finally:
        terminal.close()


def test_a_person_is_asked_before_many_runs(filling: Console) -> None:
    """No is the default, and starts nothing; who is gone at the question has started nothing either."""
    words = ["--from", "2026-07-01", "--to", "2026-07-31", "--parallel", "10"]
    before = ran(filling, "hourly")
    with _asked(filling, *words) as terminal:
        terminal.wait_for("Start 720 runs, 10 at a time? [y/N]:")
        terminal._child.sendline()
        assert 130 == terminal.end()
        assert "jobrunner: nothing was started" == terminal.lines[-1]
    with _asked(filling, *words) as terminal:
        terminal.wait_for("Start 720 runs, 10 at a time? [y/N]:")
        terminal.press_ctrl_c()
        assert 130 == terminal.end()
    assert before == ran(filling, "hourly")


@pytest.mark.parametrize(
    ("day", "more", "answer"),
    [("2026-07-01", [], "y"), ("2026-07-04", ["--yes"], None)],
)
def test_the_table_on_a_terminal(filling: Console, day: str, more: list[str], answer: str | None) -> None:
    """After a yes, or at once with --yes: how many are where, and a summary in its place."""
    words = ["--from", day, "--to", f"{day}T17:00Z", "--parallel", "20", *more]
    if answer is not None:
        words[3] = "2026-07-03T02:00Z"  # over fifty
    with _asked(filling, *words) as terminal:
        if answer is not None:
            terminal.wait_for("Start 51 runs, 20 at a time? [y/N]:")
            terminal._child.sendline(answer)
        terminal.wait_for(". queued")
        assert 0 == terminal.end()
        lines = terminal.lines
    assert not [line for line in lines if ". queued" in line]
    assert "jobrunner: hourly: all succeeded" in lines
