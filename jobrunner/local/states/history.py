"""What an execution tells of itself: events with their ids, each with the one that it follows.

Source: API reference, HistoryEvent. The first state follows nothing, as AWS writes it, and each branch of a Parallel
or a Map follows its own events.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states.errors import RUNTIME, StateError

if TYPE_CHECKING:
    from collections.abc import Callable

#: "A Standard Workflow execution has 25,000 events at most; it fails when it reaches them" (quotas).
MOST_EVENTS: Final = 25_000
_DATA: Final = frozenset(("input", "inputDetails", "output", "outputDetails"))
_WHOLE: Final = {"truncated": False}


class HistoryFullError(StateError):
    """There is room for the event that ends the execution, and for no other."""

    def __init__(self) -> None:
        super().__init__(RUNTIME, f"The execution reached the maximum number of history events ({MOST_EVENTS}).")


class History:
    """The events of one execution. Safe from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._closed = False

    def add(self, kind: str, previous: int, **details: Any) -> int:
        """Write an event; its id. What happens after the last one is not written.

        Raises:
            HistoryFullError: There is no room for it.
        """
        with self._lock:
            if len(self._events) >= MOST_EVENTS - 1:
                raise HistoryFullError
            return self._written(kind, previous, details)

    def end(self, kind: str, previous: int, **details: Any) -> None:
        """Write the last event."""
        with self._lock:
            self._written(kind, previous, details)
            self._closed = True

    def _written(self, kind: str, previous: int, details: dict[str, Any]) -> int:
        if self._closed:
            return previous
        number = len(self._events) + 1
        self._events.append(
            {"timestamp": self._clock(), "type": kind, "id": number, "previousEventId": previous, **details}
        )
        return number

    @property
    def last(self) -> int:
        """The id of the newest event."""
        return len(self._events)

    def events(self, *, newest_first: bool, data: bool) -> list[dict[str, Any]]:
        """All events, with what came in and went out, or without."""
        with self._lock:
            found = list(self._events)
        if newest_first:
            found.reverse()
        return found if data else [bare(event) for event in found]


def bare(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what came in and went out."""
    return {
        name: {key: item for key, item in value.items() if key not in _DATA} if isinstance(value, dict) else value
        for name, value in event.items()
    }


class Trail:
    """The events of one branch, each of which follows the one before it."""

    def __init__(self, history: History, previous: int = 0) -> None:
        self._history = history
        self.previous = previous

    def add(self, kind: str, **details: Any) -> int:
        """Write the next event; its id."""
        self.previous = self._history.add(kind, self.previous, **details)
        return self.previous

    def branch(self) -> Trail:
        """A trail of its own from here on."""
        return Trail(self._history, self.previous)


def entered(name: str, text: str) -> dict[str, Any]:
    """The details of a state that was entered."""
    return {"stateEnteredEventDetails": {"name": name, "input": text, "inputDetails": _WHOLE}}


def exited(name: str, text: str, assigned: dict[str, str]) -> dict[str, Any]:
    """The details of a state that was left, with the variables that it has assigned, as JSON."""
    details: dict[str, Any] = {"name": name, "output": text, "outputDetails": _WHOLE}
    if assigned:
        details |= {"assignedVariables": assigned, "assignedVariablesDetails": _WHOLE}
    return {"stateExitedEventDetails": details}


def put_in(text: str, role: str) -> dict[str, Any]:
    """The details of an execution that has started."""
    return {"executionStartedEventDetails": {"input": text, "inputDetails": _WHOLE, "roleArn": role}}


def put_out(name: str, text: str, **more: str) -> dict[str, Any]:
    """The details of something that has succeeded, under their name."""
    return {name: {**more, "output": text, "outputDetails": _WHOLE}}
