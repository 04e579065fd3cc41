"""Log batches as text or as JSON lines: one string for a whole batch, because a log may have a million lines."""

from __future__ import annotations

from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING

from jobrunner.cli.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobrunner.core.events import LogBatch

_THOUSAND = 1000


class LogText:
    """Writes the lines of one run, with what stands before each.

    Args:
        containers: The names of all containers of the task. With more than one, each line carries its own,
            aligned as docker compose does: `collector | …`.
        timestamps: Whether each event begins with its time, RFC 3339 in UTC with milliseconds.
        terminal: Whether the lines go to a terminal; then, and only then, control sequences are made harmless.
        colour: Whether names may be coloured.
    """

    def __init__(
        self, containers: Sequence[str], *, timestamps: bool = False, terminal: bool = False, colour: bool = False
    ) -> None:
        self._timestamps = timestamps
        self._terminal = terminal
        self._prefixes = _prefixes(containers, colour=colour) if len(containers) > 1 else {}
        self._stamps = Stamps()

    def text(self, batch: LogBatch) -> str:
        """Give the lines of a batch, each with its line feed; an event of several lines has a prefix on each."""
        messages = batch.messages
        if self._terminal:
            messages = [harmless(message.removesuffix("\r")) for message in messages]
        prefix = self._prefixes.get(batch.container, "")
        if not prefix and not self._timestamps:
            return "\n".join(messages) + "\n"
        if self._timestamps:
            stamp = self._stamps.text
            starts = [f"{prefix}{stamp(at)} " for at in batch.timestamps]
        else:
            starts = [prefix] * len(messages)
        return "".join(
            f"{start}{_continued(message, prefix)}\n" for start, message in zip(starts, messages, strict=True)
        )


def _continued(message: str, prefix: str) -> str:
    return message.replace("\n", "\n" + prefix) if prefix and "\n" in message else message


#: Cyan, yellow, green, magenta, blue: the order in which docker compose colours names.
_COLOURS = (36, 33, 32, 35, 34)


def _prefixes(containers: Sequence[str], *, colour: bool) -> dict[str, str]:
    width = max(map(len, containers))
    prefixes = {name: f"{name:<{width}} | " for name in containers}
    if not colour:
        return prefixes
    return {
        name: f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{prefix}\x1b[0m"
        for number, (name, prefix) in enumerate(prefixes.items())
    }


class Stamps:
    """CloudWatch's milliseconds as `2026-11-23T02:30:00.123Z`, remembering the second: lines come in bursts."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, milliseconds: int) -> str:
        """Give the time in UTC."""
        second, rest = divmod(milliseconds, _THOUSAND)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._text}{rest:03d}Z"


class LogJson:
    """Writes log events as the JSON lines of product.md, as `LogLine.to_json` gives them."""

    def __init__(self) -> None:
        self._stamps = Stamps()

    def text(self, batch: LogBatch) -> str:
        """Give one JSON object to a line."""
        start = f'{{"event":"log","container":{quoted(batch.container)},"timestamp":"'
        stamp = self._stamps.text
        return "".join(
            f'{start}{stamp(at)}","message":{quoted(message)}}}\n'
            for at, message in zip(batch.timestamps, batch.messages, strict=True)
        )
