"""An error in the protocol of whoever asked.

Source of the shapes: what botocore's parsers of these protocols read (botocore/parsers.py).
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from jobrunner.local.wire import ApiError, Reply, error_reply

_XML: Final = "text/xml"
_REQUEST_ID: Final = "00000000-0000-0000-0000-000000000000"
#: Up to this many bytes a text of CBOR has a head of one byte.
_SHORT_TEXT: Final = 24


def error_in(protocol: str, error: ApiError, service: str) -> Reply:
    """The reply that says the error in a protocol."""
    if protocol == "cbor":
        return _cbor(error)
    if protocol in {"query", "ec2", "rest-xml"}:
        return _xml(protocol, error, service)
    return error_reply(error)


def _xml(protocol: str, error: ApiError, service: str) -> Reply:
    inside = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{inside}</Error></Errors><RequestID>{_REQUEST_ID}</RequestID></Response>"
    elif service == "s3":
        text = f"<Error>{inside}<RequestId>{_REQUEST_ID}</RequestId></Error>"
    else:
        side = "Receiver" if error.status >= 500 else "Sender"  # noqa: PLR2004 - HTTP's own border
        text = (
            f"<ErrorResponse><Error><Type>{side}</Type>{inside}</Error><RequestId>{_REQUEST_ID}</RequestId>"
            "</ErrorResponse>"
        )
    return Reply(body=text.encode(), status=error.status, content_type=_XML)


def _cbor(error: ApiError) -> Reply:
    body = b"\xa2" + b"".join(map(_text, ("__type", error.code, "message", error.message)))
    headers = (("smithy-protocol", "rpc-v2-cbor"),)
    return Reply(body=body, status=error.status, content_type="application/cbor", headers=headers)


def _text(text: str) -> bytes:
    """A text string of CBOR (RFC 8949, major type 3)."""
    data = text.encode()
    if len(data) < _SHORT_TEXT:
        return bytes((0x60 | len(data),)) + data
    return b"\x7a" + len(data).to_bytes(4, "big") + data
