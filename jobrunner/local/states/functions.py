"""The functions that Step Functions adds to JSONata.

Source: Step Functions developer guide, "JSONata functions provided by Step Functions". It does not say what arguments
without a meaning give, a step of 0 for instance: here it is nothing, so that the field fails, as public notes of what
AWS does have it (floci-io/floci). So is the longest range.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import TYPE_CHECKING, Any, Final

from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from jobrunner.local.states import values

if TYPE_CHECKING:
    from collections.abc import Callable

_HASHES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_LONGEST_RANGE: Final = 360_145


def _partition(array: Any = None, size: Any = None) -> Any:
    """An array in pieces of `size`; the last one may be shorter."""
    step = _whole(size)
    if array is None or not step or step < 0:
        return None
    items = array if isinstance(array, list) else [array]
    return [items[at : at + step] for at in range(0, len(items), step)] or None


def _range(start: Any = None, end: Any = None, step: Any = None) -> Any:
    """The numbers from `start` to `end`, and `end` too if a step ends there."""
    first, last, delta = _whole(start), _whole(end), _whole(step)
    if first is None or last is None or not delta:
        return None
    numbers = range(first, last + (1 if delta > 0 else -1), delta)
    if len(numbers) > _LONGEST_RANGE:
        raise ValueError("Expression evaluation memory limit exceeded")
    if len(numbers) <= 1:
        return numbers[0] if numbers else None
    return list(numbers)


def _hash(text: Any = None, algorithm: Any = None) -> Any:
    """The digest of a text, in hexadecimal."""
    if text is None or algorithm is None:
        return None
    if algorithm not in _HASHES:
        raise ValueError(f"$hash knows {', '.join(_HASHES)}, not {algorithm}")
    data = text if isinstance(text, str) else values.written(text)
    return hashlib.new(_HASHES[algorithm], data.encode(), usedforsecurity=False).hexdigest()


def _random(seed: Any = None) -> float:
    """A number from 0 to 1, the same for the same seed."""
    return random.Random(_whole(seed)).random()  # noqa: S311 - it is no secret


def _uuid() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


def _parse(text: Any = None) -> Any:
    """The value of a JSON text."""
    if text is None:
        return None
    found = values.parsed(text)
    return Utils.NULL_VALUE if found is None else found


def _whole(value: Any) -> int | None:
    """A number without what follows the point."""
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


class _Function(Jsonata.JFunction):  # type: ignore[misc]  # jsonata-python has no types
    """A Python function as JSONata calls it, from `$map` too, which asks how many arguments it takes."""

    def __init__(self, name: str, function: Callable[..., Any], takes: int) -> None:
        super().__init__(None, f"<{'x' * takes}:x>")
        self.function_name = name
        self._called = function
        self._takes = takes

    def call(self, _input: Any, args: Any) -> Any:
        given = list(args) if isinstance(args, list) else []
        if len(given) > self._takes:
            raise ValueError(f"${self.function_name} takes {self._takes} arguments, not {len(given)}")
        return self._called(*given)

    def get_number_of_args(self) -> int:
        return self._takes

    def validate(self, args: Any, _context: Any) -> Any:
        """Each function sees to its own arguments."""
        return args


FUNCTIONS: Final[dict[str, Any]] = {
    name: _Function(name, function, takes)
    for name, function, takes in (
        ("partition", _partition, 2),
        ("range", _range, 3),
        ("hash", _hash, 2),
        ("random", _random, 1),
        ("uuid", _uuid, 0),
        ("parse", _parse, 1),
    )
}
