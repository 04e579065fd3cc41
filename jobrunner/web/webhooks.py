"""Webhooks: a POST request with a text.

Only the answer's status counts. What goes wrong is said without the URL, which is a secret: no text of an exception
that may quote it is passed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.core.notice import Undelivered

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

    from jobrunner.core.notice import Ping

#: For the connection, and for each silence afterwards.
TIMEOUT_SECONDS: Final = 5.0
_SERVER_ERROR: Final = 500
_REDIRECT: Final = 300
#: "Request Timeout" and "Too Many Requests" (RFC 9110, RFC 6585).
_PASSING: Final = frozenset({408, 429})


class HttpWebhooks:
    """`ports.Webhooks` on HTTP. Proxies are those of the environment.

    Args:
        timeout: Seconds for the connection, and for each silence afterwards.
    """

    def __init__(self, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        self._opener: OpenerDirector | None = None

    def post(self, ping: Ping) -> Undelivered | None:
        """Send a ping, once; see `ports.Webhooks.post`."""
        from http.client import HTTPException  # noqa: PLC0415  few jobs have a webhook
        from urllib.error import HTTPError, URLError  # noqa: PLC0415  as above
        from urllib.request import Request  # noqa: PLC0415  as above

        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "jobrunner"}
        try:
            # The spec takes http:// and https:// only.
            request = Request(ping.url, data=ping.body.encode(errors="replace"), headers=headers, method="POST")  # noqa: S310
            with self._open().open(request, timeout=self._timeout):
                return None
        except HTTPError as error:
            with error:
                return _answered(error.code, error.headers.get("Location") is not None)
        except URLError as error:
            return Undelivered(why=_silent(error.reason), passing=True)
        except (OSError, HTTPException) as error:
            return Undelivered(why=_silent(error), passing=True)
        except ValueError:  # a host that is no name, for instance
            return Undelivered(why="its URL cannot be used", passing=False)

    def _open(self) -> OpenerDirector:
        if self._opener is None:
            from urllib.request import HTTPRedirectHandler, build_opener  # noqa: PLC0415  as in post

            class NoRedirect(HTTPRedirectHandler):
                """Follows nothing: urllib would make a GET of a POST, and take the secret to another host."""

                def redirect_request(self, *_: object) -> None:
                    return None

            self._opener = build_opener(NoRedirect)
        return self._opener


def _answered(status: int, moved: bool) -> Undelivered:  # noqa: FBT001  of this module only
    if _REDIRECT <= status < 400 and moved:  # noqa: PLR2004  the end of the class 3xx
        return Undelivered(why=f"it answered {status}: it has moved, and redirects are not followed", passing=False)
    return Undelivered(why=f"it answered {status}", passing=status >= _SERVER_ERROR or status in _PASSING)


def _silent(error: object) -> str:
    """Say why there was no answer; of what is not the system's own error, no more than its kind."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    said = getattr(error, "strerror", None)
    kind = type(error).__name__
    return f"it cannot be reached: {said}" if isinstance(said, str) and said else f"it cannot be reached: {kind}"
