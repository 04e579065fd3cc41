"""What is moto's, for a call that comes from inside of this process."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from jobrunner.local.server import HOST
from jobrunner.local.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobrunner.local.wire import Request


def ask(wsgi: Callable[..., Iterable[bytes]], request: Request) -> Reply:
    """The reply of a WSGI application."""
    path, _, query = request.path.partition("?")
    scope = f"AKIA/20260101/{request.region}/{request.service}/aws4_request"
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "RAW_URI": request.path,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": f"{request.service}.{request.region}.amazonaws.com",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "CONTENT_TYPE": "application/x-amz-json-1.1" if request.target else "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    } | ({"HTTP_X_AMZ_TARGET": request.target} if request.target else {})
    return _collected(wsgi, environ)


def _collected(wsgi: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Reply:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
        started.append((status, headers))
        return written.append

    body = b"".join(wsgi(environ, start))
    status, headers = started[-1]
    kinds = [value for name, value in headers if name.lower() == "content-type"]
    return Reply(
        body=b"".join(written) + body,
        status=int(status.split()[0]),
        content_type=kinds[0] if kinds else "application/json",
        headers=tuple((name, value) for name, value in headers if name.lower() != "content-type"),
    )
