"""What AWS refuses of `Retry` and `Catch`.

Source: Step Functions developer guide, "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states.errors import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.states.diagnostics import Diagnostics

_RETRY: Final = (
    "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment",
)  # fmt: skip
_CATCH: Final = ("ErrorEquals", "Next", "Output", "Assign", "Comment")
_LONGEST: Final = 99_999_999
_LONGEST_DELAY: Final = 31_622_399  # "less than 31622400"
#: The names that begin with `States.`: no other may.
_RESERVED: Final = frozenset((
    ALL, "States.BranchFailed", "States.DataLimitExceeded", "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout", "States.Http.Socket", "States.IntrinsicFailure", "States.ItemReaderFailed",
    "States.NoChoiceMatched", "States.ParameterPathFailure", "States.Permissions", "States.QueryEvaluationError",
    "States.ResultPathMatchFailure", "States.ResultWriterFailed", "States.Runtime", "States.TaskFailed",
    "States.Timeout",
))  # fmt: skip


def check_retry(found: Diagnostics, at: str, retriers: Any) -> None:
    """Check the retriers of a state."""
    for place, retrier in _rules(found, at, retriers):
        found.fields(place, retrier, _RETRY, ("ErrorEquals",))
        if "IntervalSeconds" in retrier:
            found.whole(f"{place}/IntervalSeconds", retrier["IntervalSeconds"], 1, _LONGEST)
        if "MaxAttempts" in retrier:
            found.whole(f"{place}/MaxAttempts", retrier["MaxAttempts"], 0, _LONGEST)
        if "MaxDelaySeconds" in retrier:
            found.whole(f"{place}/MaxDelaySeconds", retrier["MaxDelaySeconds"], 1, _LONGEST_DELAY)
            _check_delay(found, place, retrier)
        rate = retrier.get("BackoffRate", 1)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate < 1:
            found.add(f"{place}/BackoffRate", "Value should be a number that is 1 or more")
        if retrier.get("JitterStrategy", "NONE") not in {"FULL", "NONE"}:
            found.add(f"{place}/JitterStrategy", "Value should be one of the following: [FULL, NONE]")


def _check_delay(found: Diagnostics, at: str, retrier: dict[str, Any]) -> None:
    interval, longest = retrier.get("IntervalSeconds", 1), retrier["MaxDelaySeconds"]
    if isinstance(interval, int) and isinstance(longest, int) and longest <= interval:
        found.add(f"{at}/MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds")


def check_catch(found: Diagnostics, at: str, catchers: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Check the catchers of a state; each of them, with its place."""
    for place, catcher in _rules(found, at, catchers):
        found.fields(place, catcher, _CATCH, ("ErrorEquals", "Next"))
        yield place, catcher


def _rules(found: Diagnostics, at: str, rules: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not found.kind(at, rules, list, "Array"):
        return
    for number, rule in enumerate(rules):
        place = f"{at}[{number}]"
        if found.kind(place, rule, dict, "Object"):
            _check_errors(found, f"{place}/ErrorEquals", rule.get("ErrorEquals"), last=number == len(rules) - 1)
            yield place, rule


def _check_errors(found: Diagnostics, at: str, names: Any, *, last: bool) -> None:
    if names is None:
        return  # said as a field that is required
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        found.add(at, "Value should be a non-empty array of strings")
        return
    if ALL in names and (len(names) > 1 or not last):
        found.add(at, f"{ALL} must appear alone, and in the last element")
    for name in names:
        if name.startswith("States.") and name not in _RESERVED:
            found.add(at, f"'{name}' is no error of Step Functions, and names that begin with 'States.' are reserved")
