"""An HTTP server that gives the answers that a test orders, and gateways that talk to it."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from jobrunner.aws import Gateways, open_gateways
from jobrunner.core.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/x-amz-json-1.1"


@dataclass
class Canned:
    """What the server answers, in order, and what it was asked: `(operation, body)`."""

    url: str = ""
    answers: deque[tuple[int, str, bytes]] = field(default_factory=deque)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    #: No answer leaves while this is not set.
    open: threading.Event = field(default_factory=threading.Event)

    def answer(self, document: Any, *, status: int = 200) -> None:
        """Order an answer of JSON."""
        self.raw(json.dumps(document).encode(), status=status)

    def error(self, code: str, message: str = "", *, status: int = 400, **more: Any) -> None:
        """Order an error as AWS gives it."""
        self.answer({"__type": code, "message": message, **more}, status=status)

    def raw(self, body: bytes, *, status: int = 200, kind: str = JSON) -> None:
        """Order an answer of whatever kind."""
        self.answers.append((status, kind, body))


@pytest.fixture
def canned() -> Iterator[Canned]:
    """A server on 127.0.0.1."""
    state = Canned()
    state.open.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
            state.headers.append(dict(self.headers))
            state.asked.append((operation, json.loads(body) if operation else body))
            state.open.wait(30)
            status, kind, answer = state.answers.popleft() if state.answers else (500, JSON, b"{}")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connection(canned: Canned) -> Connection:
    """A connection to that server."""
    return Connection(region="us-east-1", endpoint_url=canned.url, access_key_id="id", secret_access_key="secret")


@pytest.fixture
def gateways(connection: Connection) -> Iterator[Gateways]:
    """The gateways on it."""
    opened = open_gateways(connection)
    yield opened
    opened.clients.close()
