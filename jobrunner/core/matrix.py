r"""A matrix of runs: values of several parameters of a job, one run for each combination.

Written as words: `region=eu,us` and `day=2026-01-01..2026-01-07`. A range counts whole numbers or days from its first
end to its last, both included; a third part is the step (`0..9000..1000`), as in the braces of bash. What is read
otherwise is literal after a backslash: `\,`, `\..` and `\\`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final

from jobrunner.core.frozen import FrozenDict
from jobrunner.core.params import NAME_PATTERN
from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

#: How many runs one command may start: each is a task that somebody pays for.
MAX_POINTS: Final = 5_000

EXAMPLES: Final = "region=eu,us or day=2026-01-01..2026-01-07"

_TOKEN = re.compile(r"\\(?P<escaped>.?)|(?P<comma>,)|(?P<dots>\.\.)|(?P<plain>[^\\,.]+|\.)", re.DOTALL)
_ESCAPED: Final = ("\\", ",", ".")
#: Longer numbers are no counters, and costly to convert.
_INTEGER = re.compile(r"-?([0-9]{1,15})")
_STEP = re.compile(r"0*[1-9][0-9]{0,14}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Values of parameters; `len()` is the number of their combinations.

    Attributes:
        values: Parameter → its values, in the order in which they were written.

    Raises:
        ValueError: A name cannot be a parameter's; a value is empty, begins or ends with a space, or is there twice;
            there is no parameter at all; there are more than `MAX_POINTS` combinations.
    """

    values: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"a matrix has at least one parameter; write for instance {EXAMPLES}")
        for name, values in self.values.items():
            _check_name(name)
            _check_values(name, values)
        _check_size({name: len(values) for name, values in self.values.items()})
        frozen = FrozenDict({name: tuple(values) for name, values in self.values.items()})
        object.__setattr__(self, "values", frozen)

    def __len__(self) -> int:
        return prod(map(len, self.values.values()))

    def points(self) -> Iterator[Mapping[str, str]]:
        """Give every combination as parameter → value; the last parameter changes fastest."""
        for combination in product(*self.values.values()):
            yield FrozenDict(zip(self.values, combination, strict=True))


def label(point: Mapping[str, str]) -> str:
    """Give a combination for a person, `region=eu day=2026-01-01`; a long or strange value is cut and quoted."""
    return " ".join(f"{name}={_shown(value)}" for name, value in point.items())


def _shown(value: str) -> str:
    said = quoted(value)
    return value if said[1:-1] == value and " " not in value else said


def parse_matrix(words: Iterable[str]) -> Matrix:
    """Read words such as `region=eu,us` and `day=2026-01-01..2026-01-07`, one for each parameter.

    Raises:
        ValueError: A word or a range is something else; a parameter is there twice; or as `Matrix`.
    """
    ranges: dict[str, list[_Range]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{quoted(word)} is not NAME=VALUE,VALUE; write for instance {EXAMPLES}")
        _check_name(name)
        if name in ranges:
            raise ValueError(f"{name} is there twice; write all of its values in one word, {name}=a,b")
        ranges[name] = [_range(parts) for parts in _items(text)]
    # Before the ranges are written out: one may have more values than there is memory.
    _check_size({name: sum(len(part) for part in several) for name, several in ranges.items()})
    return Matrix(values={name: [value for part in several for value in part] for name, several in ranges.items()})


def _items(text: str) -> list[list[str]]:
    """Give what stands between commas, each divided at `..`, with nothing escaped any more."""
    items = [[""]]
    for token in _TOKEN.finditer(text):
        if token["comma"]:
            items.append([""])
        elif token["dots"]:
            items[-1].append("")
        elif token["plain"]:
            items[-1][-1] += token["plain"]
        elif token["escaped"] in _ESCAPED:
            items[-1][-1] += token["escaped"]
        else:
            raise ValueError(f"in {quoted(text)} a backslash stands before neither , nor .. nor \\; double it")
    return items


@dataclass(frozen=True)
class _Range:
    """The values of a range, not written out; a single value is a range of one."""

    numbers: range
    show: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        return map(self.show, self.numbers)


def _range(parts: Sequence[str]) -> _Range:
    if len(parts) == 1:
        return _Range(range(1), lambda _: parts[0])
    text = "..".join(parts)
    first, last, *steps = parts
    step = _step(text, steps)
    if _INTEGER.fullmatch(first) and _INTEGER.fullmatch(last):
        return _Range(_ascending(text, int(first), int(last), step), _padded(text, first, last))
    if _DAY.fullmatch(first) and _DAY.fullmatch(last):
        days = _ascending(text, _day(first), _day(last), step)
        return _Range(days, lambda number: date.fromordinal(number).isoformat())
    raise ValueError(
        f"{quoted(text)} is a range of neither whole numbers nor days; write \\.. (in quotes, for a shell) "
        "for dots that are part of a value"
    )


def _step(text: str, steps: Sequence[str]) -> int:
    if not steps:
        return 1
    if len(steps) > 1 or _STEP.fullmatch(steps[0]) is None:
        raise ValueError(f"{quoted(text)} is not FIRST..LAST or FIRST..LAST..STEP, with a whole number from 1 as step")
    return int(steps[0])


def _ascending(text: str, first: int, last: int, step: int) -> range:
    if first > last:
        raise ValueError(f"the range {quoted(text)} counts down; write its smaller end first")
    return range(first, last + 1, step)


def _padded(text: str, first: str, last: str) -> Callable[[int], str]:
    """Give what writes the numbers of a range: with as many digits as both ends, if one of them begins with 0."""
    digits = [end.removeprefix("-") for end in (first, last)]
    if not any(end.startswith("0") and len(end) > 1 for end in digits):
        return str
    width = len(digits[0])
    if width != len(digits[1]):
        raise ValueError(f"the ends of {quoted(text)} have different numbers of digits, and one begins with 0")
    return lambda number: f"{'-' * (number < 0)}{abs(number):0{width}}"


def _day(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a day of the calendar") from None


def _check_name(name: str) -> None:
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise ValueError(f"{quoted(name)} cannot be the name of a parameter; write for instance {EXAMPLES}")


def _check_values(name: str, values: Sequence[str]) -> None:
    if isinstance(values, str):
        raise ValueError(f"{name} has a text where its values are listed: {quoted(values)}")  # noqa: TRY004  as all else that is wrong here
    if not values or "" in values:
        raise ValueError(f"{name} has an empty value; write for instance {name}=a,b")
    for value, times in Counter(values).items():
        if value != value.strip():
            raise ValueError(f"{quoted(value)}, a value of {name}, begins or ends with a space")
        if times > 1:
            raise ValueError(f"{name} has the value {quoted(value)} more than once")


def _check_size(sizes: Mapping[str, int]) -> None:
    points = prod(sizes.values())
    if points > MAX_POINTS:
        counted = " x ".join(f"{size:,} of {name}" for name, size in sizes.items())
        raise ValueError(f"{points:,} combinations ({counted}) are too many: at most {MAX_POINTS:,} runs at once")
