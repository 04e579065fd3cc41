"""Each fault, seen by `run`, `attach` and `logs`: right verdict, exit code and bill, the whole log, nothing left."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest
from cases import CASES
from expected import UNKNOWN, elsewhere_of, first_of, in_order, later_of, told, truth_of
from installed import INSTALLED, try_out_installed
from ways import WAYS, Seen, View, try_out

from jobrunner.local import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fault_case import Case
    from laboratory import Laboratory

#: Trials spend most of their time waiting, for an AWS that wants to be left alone for a while.
_AT_ONCE: Final = 20
_PAIRS: Final = [(case, way) for case in CASES for way in WAYS]
_COMMANDS: Final = [(case, "command") for case in INSTALLED]

Trials = Mapping[tuple[str, str], Future[Seen]]


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest, laboratory: Laboratory) -> Iterator[Trials]:
    """The trials of all tests that were chosen, many at a time: each has a job and faults of its own."""
    items = [item for item in request.session.items if item.path == request.path]
    chosen = [item.callspec.params for item in items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(_AT_ONCE)
    yield {
        (one["case"].name, one["way"]): pool.submit(_try_out, laboratory, one["case"], one["way"])
        for one in chosen
        if "way" in one
    }
    pool.shutdown(cancel_futures=True)


def _try_out(laboratory: Laboratory, case: Case, way: str) -> Seen:
    return try_out_installed(laboratory, case) if way == "command" else try_out(laboratory, case, way)


def _same(case: Case, view: View) -> None:
    """What is read is never doubled and never out of order; why a log is not complete is said."""
    assert in_order(view.lines, case.lines), view.lines
    if view.outcome is not None and case.log_reason is not None:
        assert case.log_reason in (view.outcome.logs.reason or "")


@pytest.mark.parametrize(("case", "way"), [*_PAIRS, *_COMMANDS], ids=str)
def test_fault(trials: Trials, case: Case, way: str) -> None:
    """Everybody is told the same truth, while it happens and later, here and on another machine."""
    seen = trials[case.name, way].result()

    assert truth_of(case, seen.truth.strikes) == seen.truth
    _same(case, seen.first)
    # `logs -f` ends with the attempt that it follows: the next one is for who follows the run.
    if not (case.retried and way == "logs"):
        assert first_of(case, way) == told(seen.first, words=case.error)
    for view in seen.later.values():
        _same(case, view)
        assert later_of(case) == told(view)
    for view in seen.elsewhere.values():
        _same(case, view)
        assert elsewhere_of(case) == told(view, words=UNKNOWN)
    for who, lines in seen.read.items():
        assert (who, case.lines) == (who, lines)


def test_every_fault_is_a_case() -> None:
    """No kind of fault, no cause, no moment and no hidden throttle is left out."""
    ordered = [fault for case in CASES for fault in case.faults]
    kinds = {type(fault).__name__ for fault in ordered}
    assert set(faults.KINDS) == kinds
    said = {(fault.code, fault.message) for fault in ordered if isinstance(fault, faults.ErrorAnswer)}
    assert set(faults.HIDDEN_THROTTLES) <= said


@pytest.mark.parametrize("kind", [faults.RunTaskFailure, faults.TaskFailedToStart], ids=lambda kind: kind.__name__)
def test_every_cause_is_a_case(kind: type[faults.Fault]) -> None:
    """Every well-known reason why a task is not placed, or does not start."""
    causes = kind.model_json_schema()["properties"]["cause"]["anyOf"][0]["enum"]
    tried = {getattr(fault, "cause", None) for case in CASES for fault in case.faults if isinstance(fault, kind)}
    assert set() == set(causes) - tried


def test_names_are_unique() -> None:
    """A trial's job has the name of its case."""
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
