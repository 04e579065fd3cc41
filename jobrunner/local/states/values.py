"""JSON as Step Functions handles it: numbers, texts, sizes and moments."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from jobrunner.local.states.errors import DATA_LIMIT, StateError

#: "Maximum input or output size: 256 KiB of data as a UTF-8 encoded string" (quotas).
MAX_BYTES: Final = 262_144
_LONG: Final = 2**63
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def parsed(text: str) -> Any:
    """The value of a JSON text.

    JSONata has JavaScript's numbers: 1.0 is 1, and what no 64 bits hold is a double.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(text, parse_float=_double, parse_int=_long, parse_constant=_refuse)


def _double(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _LONG else number


def _long(text: str) -> float:
    number = int(text)
    return number if -_LONG <= number < _LONG else float(number)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def written(value: Any) -> str:
    """Compact JSON, as inputs and outputs are stored and counted."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def limited(value: Any, what: str) -> str:
    """The JSON text of a value that passes from one state to another.

    Raises:
        StateError: It is larger than 256 KiB.
    """
    text = written(value)
    if len(text) * 4 > MAX_BYTES and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise StateError(
            DATA_LIMIT,
            f"{what} with a size exceeding the maximum number of bytes service limit.",
            by_interpreter=True,
        )
    return text


def stamp(moment: float) -> str:
    """A moment as the context object writes it: `2026-11-24T02:30:00.123Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def moment(text: object) -> float | None:
    """Seconds since 1970 of a Timestamp, or None: RFC 3339 with a capital T, and Z or an offset."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
