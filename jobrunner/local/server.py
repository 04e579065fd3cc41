"""HTTP/1.1 on 127.0.0.1: keep-alive, a thread per connection, one write per answer.

The hot operations are answered before a WSGI environment exists, because building one costs more than they do;
everything else goes through werkzeug to moto.
"""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, cast

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler

from jobrunner.local.wire import DropConnectionError, Reply, Request, scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Everything listens here and nowhere else: the endpoint runs commands for whoever reaches it.
HOST = "127.0.0.1"

_MAX_LINE: Final = 65_536

#: Headers that the server sets itself.
_OURS: Final = frozenset(("content-length", "content-type", "connection", "transfer-encoding"))


class Front(Protocol):
    """What the server asks for answers."""

    region: str

    def answer(self, request: Request, behind: Callable[[], Reply]) -> Reply | None:
        """The reply; `behind` gives that of the WSGI application. May raise DropConnectionError."""

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application behind."""


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body of moto's answers leave in two writes; with Nagle's algorithm the second waits for
    # the delayed acknowledgement of the first, 40 ms.
    disable_nagle_algorithm = True
    rbufsize = _MAX_LINE

    server: Server
    _body: bytes

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(_MAX_LINE + 1)
        if not self.raw_requestline:
            self.close_connection = True
        elif len(self.raw_requestline) > _MAX_LINE:
            self.requestline, self.request_version, self.command = "", "", ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self.parse_request():
            self._dispatch()

    def _dispatch(self) -> None:
        try:
            self._body = self._read_body()
        except OSError:  # chunks that are none
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            reply = self.server.front.answer(self._request(), self._application)
        except DropConnectionError:
            reply = None
        if reply is None:
            self.close_connection = True
            with suppress(OSError):  # the client may have gone before
                self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(reply)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return DechunkedInput(cast("IO[bytes]", self.rfile)).readall() or b""
        length = self.headers.get("Content-Length", "0")
        return self.rfile.read(int(length)) if length.isdecimal() else b""

    def _application(self) -> Reply:
        """The answer of the WSGI application, whole: werkzeug's own way to it closes every connection."""
        environ = self.make_environ() | {"wsgi.input": io.BytesIO(self._body)}
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
            started.append((status, headers))
            return parts.append

        parts: list[bytes] = []
        answered = self.server.front.wsgi(environ, start_response)
        try:
            parts.extend(answered)
        finally:
            close = getattr(answered, "close", None)
            if close is not None:
                close()
        status, headers = started[-1]
        kept = tuple((name, value) for name, value in headers if name.lower() not in _OURS)
        content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
        return Reply(body=b"".join(parts), status=int(status.split()[0]), content_type=content_type, headers=kept)

    def _request(self) -> Request:
        headers = self.headers
        region, service = scope(headers.get("Authorization", ""), self.server.front.region)
        return Request(
            method=self.command,
            path=self.path,
            target=headers.get("X-Amz-Target", ""),
            region=region,
            service=service,
            body=self._body,
        )

    def _send(self, reply: Reply) -> None:
        lines = [
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers),
            "Connection: close" if self.close_connection else "Connection: keep-alive",
        ]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + reply.body)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name for it
        """Say nothing: an access log of a poller is noise, and the answers say what went wrong."""


class Server(ThreadedWSGIServer):
    """The listening socket; `serve_forever()` runs until `shutdown()`."""

    daemon_threads = True
    block_on_close = False  # idle keep-alive connections would hold the end up
    request_queue_size = 1_024

    def __init__(self, front: Front, port: int) -> None:
        self.front = front
        # Our own socket: werkzeug's answer to a port that is taken is to end the process.
        with socket.create_server((HOST, port), backlog=self.request_queue_size) as listening:
            super().__init__(HOST, port, front.wsgi, handler=_Handler, fd=listening.fileno())

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"http://{HOST}:{self.port}"
