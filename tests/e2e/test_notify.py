"""Telling somebody, as users of the command line see it: a web service that listens, one that is down, a topic."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from console import console_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console

SECRET = "5bf66975-d4c7"


class Hooks:
    """A web service on 127.0.0.1; what it was told, without the query, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.rids: set[str] = set()
        self.status = 200
        self.url = ""


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """It runs until the test ends."""
    state = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            path, _, rid = self.path.partition("?")
            state.got.append((path.removeprefix(f"/{SECRET}"), body))
            state.rids.add(rid)
            self.send_response(state.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def shell(tmp_path: Path, hooks: Hooks) -> Iterator[Console]:
    """A console in a project whose job tells the web service."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobrunner.yaml").write_text("project: told\ndefault_stage: local\n")
    (tmp_path / "jobs" / "job.yaml").write_text(
        "image: busybox\ncommand: [sh, -c, 'echo said before; exit ${{ params.code }}']\nparams: {code: 0}\n"
        f"schedule: {{rate: 1h}}\nnotify: {{webhook: '{hooks.url}'}}\n"
    )
    with console_in(tmp_path) as console:
        yield console


def test_run_tells_how_it_goes(shell: Console, hooks: Hooks) -> None:
    """Start and end, both before the command has ended; with the end of the log, and with the exit code."""
    shell.run("run", "job")
    shell.run("run", "job", "-p", "code=3", code=3)
    assert ["/start", "", "/start", "/3"] == [path for path, _ in hooks.got]
    assert 2 == len(hooks.rids)
    assert hooks.got[1][1].startswith("job succeeded: exit code 0\nrun ")
    assert hooks.got[3][1].endswith("\n\nsaid before")


def test_many_runs_and_a_backfill_tell_each(shell: Console, hooks: Hooks) -> None:
    """As single runs do."""
    shell.run("run", "job", "--count", "3")
    assert [3, 3] == [[path for path, _ in hooks.got].count(signal) for signal in ("/start", "")]
    assert 3 == len(hooks.rids)


def test_who_attaches_tells_the_end(shell: Console, hooks: Hooks) -> None:
    """Of a run that was left to itself; its job's file says whom."""
    run_id = shell.run("run", "job", "--detach", "-p", "code=3").text.strip()
    assert ["/start"] == [path for path, _ in hooks.got]
    shell.run("attach", run_id, code=3)
    shell.run("attach", run_id, code=3)
    assert ["/start", "/3"] == [path for path, _ in hooks.got]
    assert 1 == len(hooks.rids)


def test_a_service_that_refuses_changes_no_verdict(shell: Console, hooks: Hooks) -> None:
    """It is said on stderr after the end, and the exit code is the job's; the URL is nowhere."""
    hooks.status = 404
    result = shell.run("run", "job", "-p", "code=3", code=3)
    [warning] = [line for line in result.err.splitlines() if "was not told" in line]
    host = hooks.url.rpartition("/")[0]
    assert warning.startswith(f"jobrunner: warning: {host}/… was not told of the start of ")
    assert warning.endswith(": it answered 404, and 1 more")
    assert SECRET not in str(result)


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_webhook_alone_is_warned_of(shell: Console, command: str) -> None:
    """A schedule starts its runs with no process of ours, which a topic hears of and a webhook does not."""
    result = shell.run(command)
    said = "notify.webhook of job is for runs that somebody follows; scheduled runs tell of failures through sns"
    assert 1 == result.err.count(f"jobrunner: warning: {said}\n")
    assert SECRET not in str(result)


@pytest.mark.parametrize("command", [("show", "job"), ("settings",), ("plan", "--verbose"), ("validate",)])
@pytest.mark.parametrize("output", ["text", "json"])
def test_no_command_shows_the_url(shell: Console, command: tuple[str, ...], output: str) -> None:
    """Whoever knows it can report in the job's name."""
    assert SECRET not in str(shell.run(*command, "--output", output))


def test_a_url_that_is_wrong_is_not_repeated(shell: Console, hooks: Hooks) -> None:
    """The message says where it stands, and what one looks like."""
    text = (shell.directory / "jobs" / "job.yaml").read_text().replace("http://", "ftp://")
    (shell.directory / "jobs" / "job.yaml").write_text(text)
    result = shell.run("validate", code=65)
    assert ": webhook must be a URL, https://HOST/… or http://HOST/…, without a user" in result.text
    assert (False, []) == (SECRET in str(result), hooks.got)
