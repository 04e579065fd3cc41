"""The end of a run as a person reads it: verdict, times, bill, log; of a failure also cause, evidence, what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless
from jobrunner.core.durations import format_duration
from jobrunner.core.outcome import Verdict
from jobrunner.core.sizes import FARGATE_SIZES, show_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome

_BOLD_GREEN, _BOLD_RED, _RESET = "\x1b[1;32m", "\x1b[1;31m", "\x1b[0m"
_LONGEST_LINE: Final = 200


def headline(outcome: Outcome, *, colour: bool = False) -> str:
    """Give `etl succeeded`, `etl timed out`; the words are coloured where they may be."""
    said = outcome.verdict.replace("_", " ")
    said = {Verdict.OUT_OF_MEMORY: "ran out of memory", Verdict.LOST: "was lost"}.get(outcome.verdict, said)
    if outcome.verdict in {Verdict.STOPPED, Verdict.INTERRUPTED}:
        said = f"was {said}"
    if colour:
        said = f"{_BOLD_GREEN if outcome.succeeded else _BOLD_RED}{said}{_RESET}"
    return f"{harmless(outcome.job)} {said}"


def ending(
    outcome: Outcome,
    *,
    local: bool,
    task: TaskSnapshot | None = None,
    last_lines: Sequence[str] = (),
    next_command: str | None = None,
) -> Iterator[tuple[str, str]]:
    """Give the rows under the headline.

    Args:
        outcome: The end.
        local: Whether it ran on the local endpoint, where nothing costs anything.
        task: What ECS last said of the task, for the evidence.
        last_lines: The last lines of the job's own container, for the evidence.
        next_command: What to type now; see `next_step`.
    """
    if not outcome.succeeded:
        yield "cause", harmless(_cause(outcome))
        evidence = [*_testimony(task, known=outcome.detail), *_said(last_lines)]
        if evidence:
            yield "evidence", harmless("\n".join(evidence))
    yield "exit code", "none" if outcome.exit_code is None else str(outcome.exit_code)
    yield "duration", _duration(outcome)
    yield "billed", words.billed(outcome.billed_seconds)
    yield "cost", words.cost(outcome.cost_usd, local=local, seconds=outcome.billed_seconds)
    yield "log", _log(outcome)
    yield "run", outcome.run_id
    if next_command is not None and not outcome.succeeded:
        yield "next", next_command


def _cause(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.FAILED and outcome.detail == f"exit code {outcome.exit_code}":
        return f"the job's program ended with exit code {outcome.exit_code}"
    return outcome.detail


def _testimony(task: TaskSnapshot | None, *, known: str) -> Iterator[str]:
    """Give ECS's own words on the end, without those that are known as the cause."""
    if task is None or not task.stopped:
        return
    said = ": ".join(filter(None, (task.stop_code, _news(task.stopped_reason, known))))
    if said:
        yield f"ECS: {said}"
    if len(task.containers) > 1 or any(container.reason for container in task.containers):
        for container in task.containers:
            code = "no exit code" if container.exit_code is None else f"exit code {container.exit_code}"
            yield ", ".join(filter(None, (f"container {container.name}: {code}", _news(container.reason, known))))


def _news(text: str | None, known: str) -> str | None:
    """Give the text unless it says what is known; a reason that jobrunner gave to StopTask has a beginning of ours."""
    return None if text is None or text.removeprefix("jobrunner: ") in known else text


def _said(last_lines: Sequence[str]) -> Iterator[str]:
    written = [line.strip() for line in last_lines if line.strip()]
    if written:
        line = written[-1]
        yield f"last line: {line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + '…'}"


def _duration(outcome: Outcome) -> str:
    begin, started, end = outcome.created_at, outcome.started_at, outcome.stopped_at
    if begin is None or end is None:
        return "unknown"
    total = words.duration((end - begin).total_seconds())
    if started is None:
        return f"{total}, none of it running"
    waiting, running = (started - begin).total_seconds(), (end - started).total_seconds()
    return f"{total} (start-up {words.duration(waiting)}, then {words.duration(running)})"


def _log(outcome: Outcome) -> str:
    lines = words.counted(outcome.logs.events, "line")
    if outcome.logs.complete:
        return f"complete, {lines}"
    return harmless(f"not complete, {lines}: {outcome.logs.reason or 'no reason is known'}")


def next_step(
    outcome: Outcome,
    command: Callable[..., str],
    *,
    log_readable: bool,
    task: TaskSnapshot | None,
    timeout: int | None,
) -> str:
    """Give the command that a person most likely types after this failure.

    Args:
        outcome: The end.
        command: Makes a command line with the options of this call.
        log_readable: Whether the log can still be read: not when the local endpoint ends with this command.
        task: What ECS last said, for the size that was too small.
        timeout: The run's, in seconds.
    """
    run, job, verdict = outcome.run_id, outcome.job, outcome.verdict
    if verdict is Verdict.NEVER_STARTED or outcome.exit_code in {126, 127}:
        return command("show", job)
    if verdict is Verdict.TIMED_OUT:
        return command("run", job, "--timeout", format_duration(2 * timeout) if timeout else "0")
    if verdict is Verdict.OUT_OF_MEMORY:
        return command("run", job, "--memory", _larger_memory(task))
    if outcome.reason == "spot_interruption":
        return command("run", job, "--capacity", "on-demand")
    if verdict in {Verdict.INTERRUPTED, Verdict.STOPPED}:
        return command("run", job)
    return command("logs", run) if log_readable else command("status", run)


def _larger_memory(task: TaskSnapshot | None) -> str:
    if task is None or task.memory is None:
        return "MORE"
    sizes = FARGATE_SIZES.get(task.cpu or 0, ())
    larger = next((size for size in sizes if size > task.memory), task.memory * 2)
    return show_memory(larger)
