"""Endpoints in processes of their own: found, owned, lingering, and leaving nothing behind, however they end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from endpoint_jobs import Jobs, container, until

from jobrunner.errors import LocalEndpointError
from jobrunner.local import EndpointInfo, discover, endpoints, start_owned

if TYPE_CHECKING:
    from collections.abc import Iterator

linux = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


def marked(marker: str) -> list[int]:
    """The processes whose command line has a marker."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker in path.read_text():
                found.append(int(path.parent.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def meta(info: EndpointInfo, name: str) -> Any:
    """What an endpoint says about itself."""
    address = urlsplit(info.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("GET", f"/_jobrunner/{name}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@pytest.fixture
def foreground(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], EndpointInfo]]:
    """`python -m jobrunner.local` as somebody types it."""
    command = [sys.executable, "-m", "jobrunner.local", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:")
        info = discover(tmp_path)
        assert info is not None
        try:
            yield process, info
        finally:
            process.kill()


def deep_task(info: EndpointInfo, marker: str) -> str:
    """A running task with processes of all kinds: in its group, out of it, orphaned, deaf to SIGTERM."""
    from jobrunner.local import connection_for

    jobs = Jobs(connection_for(info))
    text = f"""
    trap '' TERM
    sleep 600.{marker} &
    setsid sleep 601.{marker} &
    (setsid sh -c 'trap "" TERM; sleep 602.{marker}; true' &)
    env -i setsid sleep 603.{marker} &
    echo up; sleep 604.{marker}
    """
    arn = jobs.start(container("sh", "-c", text, stopTimeout=60))
    until(lambda: jobs.lines(arn))
    until(lambda: len(marked(f".{marker}")) >= 5)
    return arn


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_endpoint_ends(
    foreground: tuple[subprocess.Popen[str], EndpointInfo], number: signal.Signals, tmp_path: Path
) -> None:
    """No process of a task survives its endpoint, not even those that left the process group."""
    process, info = foreground
    marker = f"{os.getpid()}{number.value}"
    deep_task(info, marker)
    process.send_signal(number)
    assert (0 if number != signal.SIGKILL else -9) == process.wait(30)
    until(lambda: not marked(f".{marker}"))
    assert None is discover(tmp_path)
    assert [] == list((tmp_path / "endpoints").iterdir())


@linux
def test_the_end_of_the_supervisor_is_noticed(foreground: tuple[subprocess.Popen[str], EndpointInfo]) -> None:
    """When the process that owns the containers is killed, its tasks end without an exit code, and new ones run."""
    from jobrunner.local import connection_for

    _, info = foreground
    marker = f"{os.getpid()}7"
    arn = deep_task(info, marker)
    os.kill(meta(info, "endpoint")["supervisor_pid"], signal.SIGKILL)
    jobs = Jobs(connection_for(info))
    task = jobs.reach(arn, "STOPPED")
    assert (None, "STOPPED") == (task["containers"][0].get("exitCode"), task["lastStatus"])
    assert "lost the process" in task["containers"][0]["reason"]
    until(lambda: not marked(f".{marker}"))
    assert 5 == jobs.run(container("sh", "-c", "exit 5"))["containers"][0]["exitCode"]


@linux
def test_nothing_is_left_when_a_task_ends(tmp_path: Path) -> None:
    """The end of the first process is the end of the container: daemons that it made end too."""
    marker = f"{os.getpid()}8"
    with start_owned(tmp_path, tmp_path) as owned:
        jobs = Jobs(owned.connection)
        jobs.run(container("sh", "-c", f"(setsid sleep 605.{marker} &); env -i setsid sleep 606.{marker} & exit 0"))
        assert [] == marked(f".{marker}")


def test_meta(foreground: tuple[subprocess.Popen[str], EndpointInfo]) -> None:
    """An endpoint says who it is, and that it is well."""
    process, info = foreground
    document = meta(info, "endpoint")
    assert (info.id, process.pid, "jobrunner", 0) == tuple(
        document[name] for name in ("id", "pid", "cluster", "tasks_running")
    )
    assert {"status": "ok"} == meta(info, "health")


def test_only_on_loopback(foreground: tuple[subprocess.Popen[str], EndpointInfo]) -> None:
    """It listens on 127.0.0.1 and nowhere else."""
    assert "127.0.0.1" == urlsplit(foreground[1].url).hostname


def test_registry_file_is_private(foreground: tuple[subprocess.Popen[str], EndpointInfo], tmp_path: Path) -> None:
    """Only its user may read how to reach an endpoint that runs commands."""
    (path,) = (tmp_path / "endpoints").iterdir()
    assert (f"{foreground[1].id}.json", 0o600) == (path.name, path.stat().st_mode & 0o777)


def test_stale_entries_are_removed(foreground: tuple[subprocess.Popen[str], EndpointInfo], tmp_path: Path) -> None:
    """Entries of dead processes, of another endpoint's address, and rubbish are no endpoints."""
    process, info = foreground
    directory = tmp_path / "endpoints"
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    for name, changes in {
        "dead": {"pid": dead.pid},
        "other": {"id": "other"},
        "closed": {"url": "http://127.0.0.1:1"},
    }.items():
        (directory / f"{name}.json").write_text(json.dumps({**info.document(), "started_at": time.time(), **changes}))
    (directory / "rubbish.json").write_text("{")
    (directory / "empty.json").write_text("{}")
    assert [info] == endpoints(tmp_path)
    assert [f"{info.id}.json"] == [path.name for path in directory.iterdir()]
    assert process.poll() is None


def test_owned_is_found_only_by_who_asks(tmp_path: Path) -> None:
    """An endpoint that somebody owns is not offered for new runs, but its runs can be looked at."""
    with start_owned(tmp_path, tmp_path) as owned:
        assert (None, owned.info, owned.info) == (
            discover(tmp_path),
            discover(tmp_path, owned=True),
            discover(tmp_path, endpoint_id=owned.info.id),
        )
        assert owned.info == EndpointInfo.parse({**owned.info.document(), "more": 1})
    assert [] == endpoints(tmp_path)


OWNER = """
import sys, time
from pathlib import Path
from jobrunner.local import start_owned
owned = start_owned(Path(sys.argv[1]), Path(sys.argv[1]))
print(owned.info.pid, flush=True)
if sys.argv[2] == "linger":
    owned.linger(float(sys.argv[3]))
else:
    time.sleep(600)
"""


@linux
def test_killed_owner_takes_its_endpoint_along(tmp_path: Path) -> None:
    """An owner that dies by SIGKILL leaves neither the endpoint nor its tasks."""
    marker = f"{os.getpid()}9"
    command = [sys.executable, "-c", OWNER, str(tmp_path), "wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        info = discover(tmp_path, owned=True)
        assert info is not None
        deep_task(info, marker)
        owner.kill()
    until(lambda: not alive(pid) and not marked(f".{marker}"))
    assert [] == list((tmp_path / "endpoints").iterdir())


@linux
def test_linger(tmp_path: Path) -> None:
    """An endpoint that was told to linger outlives its owner until its tasks are over and nobody asks."""
    from jobrunner.local import connection_for

    command = [sys.executable, "-c", OWNER, str(tmp_path), "linger", "1.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
    info = until(lambda: discover(tmp_path))
    jobs = Jobs(connection_for(info))
    arn = jobs.start(container("sh", "-c", "sleep 2.5; echo done; exit 4"))
    time.sleep(2)  # longer than it lingers, but a task runs
    assert 4 == jobs.reach(arn, "STOPPED")["containers"][0]["exitCode"]
    until(lambda: not alive(pid))
    assert [] == list((tmp_path / "endpoints").iterdir())


@linux
def test_ctrl_c_reaches_the_owner_only(tmp_path: Path) -> None:
    """The owned endpoint is in a session of its own."""
    with start_owned(tmp_path, tmp_path) as owned:
        assert os.getsid(owned.info.pid) == owned.info.pid != os.getsid(0)


def test_cannot_start(tmp_path: Path) -> None:
    """A failed start says what the endpoint said, and leaves nothing."""
    with start_owned(tmp_path, tmp_path) as first:
        port = urlsplit(first.info.url).port or 0
        with pytest.raises(LocalEndpointError, match=f"cannot listen on port {port}"):
            start_owned(tmp_path, tmp_path, port=port)
    with pytest.raises(LocalEndpointError, match="is not a directory"):
        start_owned(tmp_path, tmp_path / "none")
    assert [] == endpoints(tmp_path)


def test_a_users_files_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `json.py` in the directory where a command is typed is the user's, and no part of the endpoint."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)

    with start_owned(tmp_path / "state", tmp_path) as owned:
        assert owned.info == discover(tmp_path / "state", owned=True)


def test_a_directory_to_register_in_that_cannot_be_used(tmp_path: Path) -> None:
    """One sentence and what to do, no traceback, and no endpoint that nobody finds."""
    (tmp_path / "file").write_text("no directory")

    done = subprocess.run(
        [sys.executable, "-m", "jobrunner.local", "--state-dir", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert f"the local endpoint cannot register in {tmp_path / 'file'}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_import_is_light() -> None:
    """Finding or starting an endpoint imports neither moto nor a web server."""
    code = "import sys, jobrunner.local; print(sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set() == {"moto", "werkzeug", "flask", "boto3", "botocore", "asyncio"} & set(eval(loaded))  # noqa: S307 - our own list
