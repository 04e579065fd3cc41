"""Faults as documents: YAML or JSON, one or a list; every problem of it at its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.wording import did_you_mean, kind_of, listed, quoted
from jobrunner.document.check import check, problems
from jobrunner.document.files import read_text, shown
from jobrunner.document.parse import parse
from jobrunner.document.tree import Node, Place, from_values, is_mapping, without
from jobrunner.errors import Problem, SpecError
from jobrunner.local.faults.calls import DroppedConnection, ErrorAnswer, NoAnswer, SlowAnswer
from jobrunner.local.faults.knowledge import Forgotten, Missing
from jobrunner.local.faults.lateness import DoubledEvents, LateEvents, LateLogs
from jobrunner.local.faults.misfortunes import HostTerminated, NoExitCode, OutOfMemory, SpotInterruption, TaskRetirement
from jobrunner.local.faults.placement import RunTaskFailure
from jobrunner.local.faults.start_up import SlowStart, SlowStop, TaskFailedToStart
from jobrunner.local.faults.values import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The key that says which fault it is.
_KEY: Final = "fault"

#: Every fault that can be ordered, by the name that documents call it.
KINDS: Final[Mapping[str, type[Fault]]] = {
    kind.__name__: kind
    for kind in (
        ErrorAnswer,
        SlowAnswer,
        NoAnswer,
        DroppedConnection,
        RunTaskFailure,
        TaskFailedToStart,
        SlowStart,
        SlowStop,
        SpotInterruption,
        TaskRetirement,
        HostTerminated,
        OutOfMemory,
        NoExitCode,
        Missing,
        Forgotten,
        LateLogs,
        LateEvents,
        DoubledEvents,
    )
}


def load_faults(path: Path) -> tuple[Fault, ...]:
    """The faults of a file, in its order.

    Raises:
        SpecError: It cannot be read, or something in it is wrong; with all problems and their places.
    """
    return read_faults(read_text(path), file=shown(path))


def read_faults(text: str, *, file: str) -> tuple[Fault, ...]:
    """The faults of a text, in its order.

    Args:
        text: YAML or JSON: a fault, or a list of faults.
        file: What the messages call it.

    Raises:
        SpecError: With all problems and their places.
    """
    nodes, wrong = _parsed(text, file)
    if not nodes and not wrong:
        wrong = [Problem(f"it is empty; write a fault, or a list of faults: {{{_KEY}: …}}", file=file)]
    faults = []
    for node in nodes:
        for entry in node.value if isinstance(node.value, list) else [node]:
            fault, found = _read(entry)
            wrong += found
            if fault is not None:
                faults.append(fault)
    if wrong:
        raise SpecError(sorted(wrong, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return tuple(faults)


def write_fault(fault: Fault) -> dict[str, Any]:
    """A fault as JSON that reads back as the same; keys with their defaults are left out, except `times`."""
    written = {**fault.model_dump(mode="json", exclude_defaults=True), "times": fault.times}
    own = {key: value for key, value in written.items() if key not in Fault.model_fields}
    return {_KEY: type(fault).__name__, **own, **written}


def _parsed(text: str, file: str) -> tuple[list[Node], list[Problem]]:
    """The documents of the text. What is JSON but no YAML, with tabs or surrogate pairs, has no lines."""
    nodes, wrong = parse(text, file=file)
    if not wrong:
        return nodes, []
    try:
        return [from_values(json.loads(text, object_pairs_hook=_unique), Place(file))], []
    except (ValueError, RecursionError):
        return nodes, wrong


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _read(node: Node) -> tuple[Fault | None, list[Problem]]:
    if not is_mapping(node):
        return None, [node.place.problem(f"a fault is a mapping (key: value), not {kind_of(node.value)}")]
    named = node.value.get(_KEY)
    if named is None or named.value is None:
        return None, [node.place.problem(f"{_KEY} is missing; allowed: {', '.join(KINDS)}")]
    kind = KINDS.get(named.value) if isinstance(named.value, str) else None
    if kind is None:
        hint = did_you_mean(named.value, KINDS) if isinstance(named.value, str) else ""
        message = f"{quoted(named.value)} is no fault{hint or f'; allowed: {listed(KINDS)}'}"
        return None, [named.place.problem(message)]
    rest = without(node, (_KEY,))
    fault, found = check(kind, rest)
    return fault, list(problems(found, rest))
