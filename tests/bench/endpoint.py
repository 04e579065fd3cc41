"""A local endpoint in a process of its own, which counts the calls that it gets.

Those to EventBridge Scheduler, which have no header that names them, are counted by method and kind.

It stands where `jobrunner local` would, registered in the state directory of its user, and ends with its stdin.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobrunner.local.wire import Reply, Request

_COUNTS: Final = "/_bench/calls"
_END_SECONDS: Final = 30.0


class Counts:
    """Counts the AWS operations; gives the counts, and begins anew, when `/_bench/calls` is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply | None:
        """Look at a request; answer only what is meant for it."""
        from jobrunner.local.wire import json_reply

        with self._lock:
            if request.path == _COUNTS:
                counts, self._counts = self._counts, Counter()
                return json_reply(counts)
            name = request.operation or _rest_operation(request)
            if name:
                self._counts[name] += 1
        return None


def _rest_operation(request: Request) -> str:
    """Give `GET schedules/NAME` of a call to EventBridge Scheduler; "" of another service."""
    if request.service != "scheduler":
        return ""
    kind, _, name = request.path.partition("?")[0].strip("/").partition("/")
    return f"{request.method} {kind}{'/NAME' if name else ''}"


class RunningEndpoint:
    """The endpoint as the bench sees it."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self.url = str(info["url"])
        self.variables: Mapping[str, str] = info["variables"]

    def calls(self) -> Mapping[str, int]:
        """Give the calls by operation since the last time."""
        with urllib.request.urlopen(self.url + _COUNTS) as answer:  # noqa: S310 - our own endpoint
            counts: dict[str, int] = json.load(answer)
        return counts

    def ecs(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation of ECS; it is counted as every call is."""
        target = {"X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}"}
        request = urllib.request.Request(self.url, json.dumps(parameters).encode(), target)  # noqa: S310 - as above
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            document: dict[str, Any] = json.load(answer)
        return document


@contextmanager
def running(project: Path, environment: Mapping[str, str]) -> Iterator[RunningEndpoint]:
    """Start an endpoint for a project, and end it with the block.

    Raises:
        RuntimeError: It did not start; what it said stands on stderr.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, str(project)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,  # Ctrl-C is for the bench, which then ends it
    )
    assert process.stdin
    assert process.stdout
    try:
        told = process.stdout.readline()
        if not told:
            raise RuntimeError("the local endpoint did not start")
        yield RunningEndpoint(json.loads(told))
    finally:
        process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main(project: Path) -> None:
    """Serve the project until stdin ends."""
    from jobrunner.document import load_project
    from jobrunner.local import serve
    from jobrunner.local.environment import client_environment
    from jobrunner.local.foreground import allow_many_files
    from jobrunner.local.registry import register

    allow_many_files()
    with serve(workdir=project, interceptors=[Counts()]) as endpoint:
        entry = register(load_project(project).settings.state_dir, endpoint.info)
        variables = client_environment(endpoint.url, endpoint.region)
        sys.stdout.write(json.dumps({"url": endpoint.url, "variables": variables}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        entry.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
