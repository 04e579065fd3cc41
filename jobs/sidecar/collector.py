"""The sidecar: collects measurements over HTTP and sums them up, until SIGTERM.

    GET  /health    {"run_id": …}
    POST /measure   {"name": …, "value": …}
    GET  /summary   {name: {"count": …, "mean": …, "max": …}}

`collector.py check` is its health check: exit 0 when this run's collector answers, 1 when not.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from rendezvous import HOST, candidates, find, run_id

if TYPE_CHECKING:
    from collections.abc import Callable


class Measurements:
    """What was measured so far; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, name: str, value: float) -> None:
        """Remember one value."""
        with self._lock:
            self._values[name].append(value)

    def summary(self) -> dict[str, dict[str, float]]:
        """Count, mean and maximum of each name."""
        with self._lock:
            return {
                name: {"count": len(values), "mean": sum(values) / len(values), "max": max(values)}
                for name, values in self._values.items()
            }


class Collector(ThreadingHTTPServer):
    """The server, with what its requests share."""

    # Requests are answered at once; none may hold up the exit after SIGTERM.
    daemon_threads = True
    # SO_REUSEADDR lets a retry take over a port whose last connections are still closing.
    allow_reuse_address = True

    def __init__(self, port: int, run: str) -> None:
        super().__init__((HOST, port), Request)
        self.run = run
        self.measurements = Measurements()


class Request(BaseHTTPRequestHandler):
    """One request."""

    server: Collector

    def do_GET(self) -> None:
        """Answer /health and /summary."""
        routes: dict[str, Callable[[], object]] = {
            "/health": lambda: {"run_id": self.server.run},
            "/summary": self.server.measurements.summary,
        }
        if self.path in routes:
            self._answer(HTTPStatus.OK, routes[self.path]())
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"no {self.path} here"})

    def do_POST(self) -> None:
        """Take a measurement, whatever the path."""
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.measurements.add(str(body["name"]), float(body["value"]))
        except (KeyError, TypeError, ValueError):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": 'expected {"name": TEXT, "value": NUMBER}'})
        else:
            self._answer(HTTPStatus.CREATED, {})

    def log_message(self, *_: object) -> None:
        """Not a line for every request: the summary at the end is what a reader of the log wants."""

    def _answer(self, status: HTTPStatus, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def listen(run: str) -> Collector:
    """The collector on the first candidate port that is free."""
    for port in candidates(run):
        try:
            return Collector(port, run)
        except OSError as error:
            print(f"collector: port {port}: {error.strerror}; trying the next", flush=True)
    raise SystemExit("collector: no port is free")


def serve() -> int:
    collector = listen(run_id())
    # `shutdown` waits for the serving loop, which this thread runs, so it must be called by another one.
    stop = threading.Thread(target=collector.shutdown)
    signal.signal(signal.SIGTERM, lambda *_: None if stop.ident else stop.start())
    print(f"collector: listening on {HOST}:{collector.server_port}", flush=True)
    with collector:
        collector.serve_forever(poll_interval=0.05)
    for name, figures in collector.measurements.summary().items():
        print(f"collector: {name}: {figures['count']} measurements, mean {figures['mean']:.1f}", flush=True)
    print("collector: stopped")
    return 0


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] != ["check"] else int(find(run_id()) is None))
