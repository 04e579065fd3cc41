"""The sidecar job: the job finds the collector of its own run, and only that."""

from __future__ import annotations

import json
import signal
import threading
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest
from job_scripts import LIMIT_SECONDS, Run, Start

if TYPE_CHECKING:
    import subprocess

#: As in the job: no proxy between 127.0.0.1 and itself.
direct = build_opener(ProxyHandler({}))


class OtherRun(BaseHTTPRequestHandler):
    """What the collector of another run answers."""

    def do_GET(self) -> None:
        """Healthy, but not ours."""
        body = json.dumps({"run_id": "another"}).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a test prints no access log."""


def new_run() -> str:
    """A run id of this test alone: the ports on this machine depend on it."""
    return uuid.uuid4().hex


def listening(collector: subprocess.Popen[str]) -> int:
    """The port that a started collector listens on."""
    assert collector.stdout is not None
    lines = iter(collector.stdout)
    return int(next(line for line in lines if line.startswith("collector: listening")).rpartition(":")[2])


def stopped(collector: subprocess.Popen[str]) -> list[str]:
    """The last lines of a collector that was told to stop and did, with exit code 0."""
    collector.send_signal(signal.SIGTERM)
    out, err = collector.communicate(timeout=LIMIT_SECONDS)
    assert (0, "") == (collector.returncode, err)
    return out.splitlines()


def test_job_and_collector(start: Start, run: Run) -> None:
    """The health check turns good when the collector listens; the job's figures arrive there."""
    me = new_run()
    assert 1 == run("sidecar/collector.py", "check", JOBRUNNER_RUN_ID=me).returncode
    collector = start("sidecar/collector.py", JOBRUNNER_RUN_ID=me)
    port = listening(collector)
    assert 0 == run("sidecar/collector.py", "check", JOBRUNNER_RUN_ID=me).returncode
    job = run("sidecar/main.py", JOBRUNNER_RUN_ID=me)
    assert (0, "") == (job.returncode, job.stderr)
    assert f"main: hashing 20 blocks, reporting to http://127.0.0.1:{port}\n" in job.stdout
    summary, end = stopped(collector)
    assert "collector: hash_ms: 20 measurements, mean" in summary
    assert "collector: stopped" == end


def test_two_runs_at_once(start: Start, run: Run) -> None:
    """Each of two simultaneous runs talks to its own collector."""
    runs = [new_run(), new_run()]
    collectors = [start("sidecar/collector.py", JOBRUNNER_RUN_ID=me) for me in runs]
    ports = [listening(collector) for collector in collectors]
    assert 2 == len(set(ports))
    job = run("sidecar/main.py", JOBRUNNER_RUN_ID=runs[1])
    assert f"127.0.0.1:{ports[1]}\n" in job.stdout
    assert [1, 2] == [len(stopped(collector)) for collector in collectors]


@pytest.mark.parametrize("stranger", [BaseHTTPRequestHandler, OtherRun])
def test_a_taken_port_is_passed_over(start: Start, run: Run, stranger: type[BaseHTTPRequestHandler]) -> None:
    """When a stranger, or another run, has the first port, collector and job meet at the next."""
    me = new_run()
    first = start("sidecar/collector.py", JOBRUNNER_RUN_ID=me)
    port = listening(first)
    stopped(first)
    with ThreadingHTTPServer(("127.0.0.1", port), stranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            collector = start("sidecar/collector.py", JOBRUNNER_RUN_ID=me)
            next_port = listening(collector)
            assert port != next_port
            assert f"127.0.0.1:{next_port}\n" in run("sidecar/main.py", JOBRUNNER_RUN_ID=me).stdout
        finally:
            server.shutdown()
            thread.join()


def test_without_a_collector(run: Run) -> None:
    """A job whose collector is not there fails and says so."""
    result = run("sidecar/main.py", JOBRUNNER_RUN_ID=new_run())
    assert (1, "main: the collector does not answer\n") == (result.returncode, result.stderr)


def test_without_a_run(run: Run) -> None:
    """Outside a run there is nothing to find the collector by, and the message says how to start one."""
    result = run("sidecar/main.py")
    assert (1, 1) == (result.returncode, result.stderr.count("\n"))
    assert "JOBRUNNER_RUN_ID is not set" in result.stderr


@pytest.mark.parametrize("body", [b"", b"[]", b'{"name": "x"}', b'{"name": "x", "value": "much"}'])
def test_a_bad_measurement_is_refused(start: Start, body: bytes) -> None:
    """The collector answers 400 and goes on."""
    port = listening(start("sidecar/collector.py", JOBRUNNER_RUN_ID=new_run()))
    with pytest.raises(HTTPError) as refused:
        direct.open(f"http://127.0.0.1:{port}/measure", data=body, timeout=LIMIT_SECONDS)
    refused.value.close()
    assert 400 == refused.value.code
    with direct.open(f"http://127.0.0.1:{port}/summary", timeout=LIMIT_SECONDS) as response:
        assert {} == json.load(response)
