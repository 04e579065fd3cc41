"""A failure of the tool as people and programs read it: what, where, what to do."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

from jobrunner.cli import exits
from jobrunner.cli.terminal import OutputLostError
from jobrunner.errors import BudgetError, JobrunnerError, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobrunner.cli.invocation import Invocation
    from jobrunner.errors import Problem

DEBUG = "JOBRUNNER_DEBUG"


def report(error: JobrunnerError | OutputLostError, invocation: Invocation) -> int:
    """Write the error to stderr and, with `--output json`, as the last JSON line to stdout; give the exit code."""
    if isinstance(error, OutputLostError):
        return _report_lost(error, invocation)
    if os.environ.get(DEBUG):
        invocation.terminal.say("".join(traceback.format_exception(error)).rstrip())
    for line in error_lines(error):
        invocation.terminal.say(line)
    problems = {"problems": problems_json(error.problems)} if isinstance(error, SpecError) and error.problems else {}
    budgets = {"budgets": [one.to_json() for one in error.exceeded]} if isinstance(error, BudgetError) else {}
    _json(invocation, error.what, where=error.where, hint=error.hint, **problems, **budgets)
    return exits.of_error(error)


def error_lines(error: JobrunnerError) -> list[str]:
    """Give the message: problems of documents each on a line of its own, as compilers print them."""
    if isinstance(error, SpecError) and len(error.problems) == 1 and error.problems[0].line is None:
        lines = [f"error: {error.problems[0]}"]
    elif isinstance(error, SpecError) and error.problems:
        count = len(error.problems)
        lines = [*map(str, error.problems), f"error: {count} problem{'s' * (count != 1)}; nothing was sent to AWS"]
    else:
        lines = [f"error: {error.what}"]
    if isinstance(error, BudgetError):
        first, *more = error.what.splitlines()  # one for each budget
        lines = [f"error: {first}", *(f"  and: {line}" for line in more)]
    lines += [f"  at: {error.where}"] if error.where else []
    return lines + ([f"  hint: {error.hint}"] if error.hint else [])


def problems_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Give the problems as JSON objects; line and column are null for a problem of a whole file."""
    return [{"file": one.file, "line": one.line, "column": one.column, "message": one.message} for one in problems]


def _report_lost(error: OutputLostError, invocation: Invocation) -> int:
    """Say why stdout cannot be written; of a reader that has gone, nothing."""
    if error.broken_pipe:
        return exits.BROKEN_PIPE
    invocation.terminal.say(f"error: {error}")
    return exits.UNWRITABLE


def report_bug(error: Exception, invocation: Invocation) -> int:
    """Say that this should not have happened; the traceback only for whoever asks."""
    what = traceback.format_exception_only(error)[-1].strip()
    if os.environ.get(DEBUG):
        invocation.terminal.say("".join(traceback.format_exception(error)).rstrip())
    invocation.terminal.say(f"error: this is a bug in jobrunner: {what}")
    hint = f"{DEBUG}=1 shows where"
    invocation.terminal.say(f"  hint: {hint}; a task that was started runs on, see `jobrunner ps`")
    _json(invocation, f"this is a bug in jobrunner: {what}", hint=hint)
    return exits.BUG


def _json(invocation: Invocation, message: str, **more: Any) -> None:
    if invocation.json:
        present = {key: value for key, value in more.items() if value is not None}
        invocation.write_json({"event": "error", "message": message, **present})
