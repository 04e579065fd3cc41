"""The end of a run as a person reads it: verdict, times, bill, log; of a failure also cause, evidence, what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless, harmless_line
from jobrunner.core.durations import format_duration
from jobrunner.core.outcome import Verdict
from jobrunner.core.sizes import FARGATE_SIZES, show_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobrunner.core.events import Retrying
    from jobrunner.core.lifecycle import TaskSnapshot
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.verdict import Judgement

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
    if outcome.earlier:
        yield "attempts", "\n".join(map(attempt, (*outcome.earlier, outcome.alone())))
    yield "exit code", "none" if outcome.exit_code is None else str(outcome.exit_code)
    yield "duration", _duration(outcome)
    yield "billed", _billed(outcome)
    yield "cost", words.cost(outcome.cost_usd, local=local, seconds=outcome.billed_seconds)
    yield "log", _log(outcome)
    yield "run", outcome.run_id
    if next_command is not None and not outcome.succeeded:
        yield "next", next_command


def attempt(outcome: Outcome) -> str:
    """Give one attempt of several in a line: how it ended, on what, and what it cost by itself."""
    on = f" on {outcome.capacity}" if outcome.capacity else ""
    seconds = "bill unknown" if outcome.billed_seconds is None else f"{outcome.billed_seconds} s"
    cost = "" if outcome.cost_usd is None else f", about ${outcome.cost_usd:f}"
    said = harmless_line(outcome.detail)
    return f"{outcome.attempt}{on}: {outcome.verdict.replace('_', ' ')}, {said}; {seconds}{cost}"


def short(judgement: Judgement) -> str:
    """Give a verdict in a few words: `failed, exit code 3`."""
    return f"{judgement.verdict.replace('_', ' ')}, {harmless_line(judgement.detail)}"


def retrying(event: Retrying) -> str:
    """Say what has ended, and what comes next."""
    ended = event.ended
    what = f"attempt {ended.attempt} {ended.verdict.replace('_', ' ')}: {harmless_line(ended.detail)}"
    when = f"in {words.duration(event.wait)}" if event.wait else "now"
    capacity = f" on {event.capacity}" if event.capacity != ended.capacity else ""
    again = "again" if event.attempt == ended.attempt else f"attempt {event.attempt}"
    return f"{what}; {again}{capacity} {when}"


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


def _billed(outcome: Outcome) -> str:
    """Give the bill; of a run that did not wait for it, where it will be."""
    # Of an attempt that only the state machine remembers, no times are known, and no bill is to come.
    known = (one for one in (*outcome.earlier, outcome) if one.task_arn is not None and one.created_at is not None)
    left = (one.stopped_at is None for one in known)
    if outcome.billed_seconds is None and outcome.verdict is not Verdict.LOST and any(left):
        return "not known yet: ECS had not stopped the task; `jobrunner status` has it later"
    return words.billed(outcome.billed_seconds)


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
    typed: tuple[str, ...]
    if verdict in {Verdict.NEVER_STARTED, Verdict.LOST}:
        typed = ("explain", run)
    elif outcome.exit_code in {126, 127}:
        typed = ("show", job)
    elif verdict is Verdict.TIMED_OUT:
        typed = ("run", job, "--timeout", format_duration(2 * timeout) if timeout else "0")
    elif verdict is Verdict.OUT_OF_MEMORY:
        typed = ("run", job, "--memory", _larger_memory(task))
    elif outcome.reason == "spot_interruption":
        typed = ("run", job, "--capacity", "on-demand")
    elif verdict in {Verdict.INTERRUPTED, Verdict.STOPPED}:
        typed = ("run", job)
    else:
        typed = ("logs" if log_readable else "status", run)
    return command(*typed)


def _larger_memory(task: TaskSnapshot | None) -> str:
    if task is None or task.memory is None:
        return "MORE"
    sizes = FARGATE_SIZES.get(task.cpu or 0, ())
    larger = next((size for size in sizes if size > task.memory), task.memory * 2)
    return show_memory(larger)
