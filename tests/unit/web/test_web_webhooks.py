"""Pings over HTTP, to a server that answers as a test orders; what goes wrong is said without the URL."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from jobrunner.core.notice import Ping, Undelivered
from jobrunner.web.webhooks import HttpWebhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s3cret"


class Hook:
    """A server on 127.0.0.1.

    Attributes:
        status: What it answers; 0 for nothing at all.
        location: Where to, with that answer.
        got: `(method, path, content type, body)` of each request.
    """

    def __init__(self) -> None:
        self.status = 200
        self.location: str | None = None
        self.got: list[tuple[str, str, str, str]] = []
        self.url = ""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """It runs until the test ends; no proxy of this machine is in its way."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.got.append((self.command, self.path, self.headers["Content-Type"], body))
            if state.status:
                self.send_response(state.status)
                if state.location:
                    self.send_header("Location", state.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_GET = do_POST  # noqa: N815  http.server's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/{SECRET}/start?rid=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def post(url: str, body: str = "b", timeout: float = 5.0) -> Undelivered | None:
    """Send a ping."""
    return HttpWebhooks(timeout).post(Ping(url=url, body=body))


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_ping_arrives(hook: Hook, status: int) -> None:
    """As a POST request of text in UTF-8; any answer of success will do."""
    hook.status = status
    assert None is post(hook.url, "said: é\n")
    assert [("POST", f"/{SECRET}/start?rid=1", "text/plain; charset=utf-8", "said: é\n")] == hook.got


@pytest.mark.parametrize(
    ("status", "passing"),
    [(400, False), (401, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
)
def test_an_answer_of_failure(hook: Hook, status: int, passing: bool) -> None:  # noqa: FBT001  a parameter
    """Another try makes sense where the server says so, or has failed itself."""
    hook.status = status
    assert Undelivered(why=f"it answered {status}", passing=passing) == post(hook.url)
    assert 1 == len(hook.got)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(hook: Hook, status: int) -> None:
    """It would lose the body, or take the secret to another host."""
    hook.status, hook.location = status, hook.url
    said = f"it answered {status}: it has moved, and redirects are not followed"
    assert Undelivered(why=said, passing=False) == post(hook.url)
    assert 1 == len(hook.got)


def test_an_answer_that_is_no_http(hook: Hook) -> None:
    """A connection that is closed without a word may be another time's."""
    hook.status = 0
    trouble = post(hook.url)
    assert Undelivered(why="it cannot be reached: RemoteDisconnected", passing=True) == trouble


@contextmanager
def _listening() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for as long as a try may take."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _listening() as port:
        trouble = post(f"http://127.0.0.1:{port}/{SECRET}", timeout=0.2)
    assert Undelivered(why="it did not answer in time", passing=True) == trouble


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own words say it, and no URL."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    trouble = post(f"http://127.0.0.1:1/{SECRET}")
    assert Undelivered(why="it cannot be reached: Connection refused", passing=True) == trouble


@pytest.mark.parametrize("url", [f"http://127.0.0.1:x/{SECRET}", f"http://127.0.0.1:1/{SECRET}\x7f", f"{SECRET}"])
def test_a_url_that_is_none(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """No text of an exception is passed on: urllib's quote what is wrong."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    trouble = post(url)
    assert trouble is not None
    assert SECRET not in trouble.why
