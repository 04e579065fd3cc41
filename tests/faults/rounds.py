"""One round of the property that a key starts its job exactly once, whatever is killed when: its plan and its course.

All that chance decides is in the plan, which follows from a seed and a number; what the clock decides is not.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from e2e.console import Console
from fault_case import Case, job
from installed import view_of
from laboratory import LIMIT_SECONDS, Trial, until
from ways import View, look

from jobrunner.local.faults import (
    HIDDEN_THROTTLES,
    DroppedConnection,
    ErrorAnswer,
    Fault,
    NoAnswer,
    RunTaskFailure,
    SlowAnswer,
)
from jobrunner.local.registry import register
from jobrunner.store import open_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

    from laboratory import Laboratory

    from jobrunner.core.record import RunRecord

#: What may be wrong beside the kill; mostly nothing is.
_FAULTS: Final[tuple[Fault | None, ...]] = (
    *(None,) * 8,
    DroppedConnection(operation="RunTask", when="after"),
    DroppedConnection(operation="RunTask"),
    NoAnswer(operation="RunTask", when="after", seconds=0.5),
    SlowAnswer(operation="RunTask", seconds=0.5),
    SlowAnswer(operation="RunTask", seconds=0.5, when="before"),
    ErrorAnswer(operation="RunTask", times=2),
    ErrorAnswer(operation="RunTask", code=HIDDEN_THROTTLES[0][0], message=HIDDEN_THROTTLES[0][1]),
    ErrorAnswer(operation="DescribeTasks", times=2),
    RunTaskFailure(cause="capacity"),
)
_EXIT_CODES: Final = (0, 0, 0, 1, 3, 42, 137)
_AGAIN: Final = 75
#: Moments of a kill: after the start of the process, after the run was stored, after the first line of the log.
_MOMENTS: Final = {"start": 1.5, "stored": 0.12, "line": 0.5}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What chance has decided for a round.

    Attributes:
        number: Of the round.
        exit_code: With which the job ends.
        attempts: How often it runs until then; before the last time it ends with a code that its retries name.
        pause: Seconds in the middle of each attempt.
        fault: What else is wrong, if anything.
        moment: After what the kill comes.
        delay: And how many seconds after that.
        rival: Whether another machine runs the same key at the same time: `lives`, `dies` as well, or None.
        rival_first: By how many seconds the rival is first; negative if it is second.
        elsewhere: Whether the same key is repeated on another machine than the one of the kill.
        commands: Whether those who come later are commands; otherwise they use the library.
    """

    number: int
    exit_code: int
    attempts: int
    pause: float
    fault: Fault | None
    moment: str
    delay: float
    rival: str | None
    rival_first: float
    elsewhere: bool
    commands: bool

    @classmethod
    def draw(cls, seed: int, number: int) -> Plan:
        """The plan of a round."""
        chance = random.Random(f"{seed}/{number}")  # noqa: S311 - nobody is to be surprised by it
        moment = chance.choice(tuple(_MOMENTS))
        return cls(
            number=number,
            exit_code=chance.choice(_EXIT_CODES),
            attempts=chance.choice((1, 1, 1, 2)),
            pause=round(chance.uniform(0, 0.4), 3),
            fault=chance.choice(_FAULTS),
            moment=moment,
            delay=round(chance.uniform(0, _MOMENTS[moment]), 3),
            rival=chance.choice((None, None, None, "lives", "dies")),
            rival_first=round(chance.uniform(-0.1, 0.1), 3),
            elsewhere=chance.random() < 0.5,
            commands=chance.random() < 0.25,
        )

    @property
    def case(self) -> Case:
        """The job, and what is wrong."""
        script = (
            f"say begin; sleep {self.pause}; say end; "
            f"[ $JOBRUNNER_ATTEMPT -ge {self.attempts} ] || exit {_AGAIN}; exit {self.exit_code}"
        )
        retries = {"attempts": 2, "backoff": "0s", "on": [_AGAIN]}
        return Case(
            name=f"round-{self.number}",
            happens="",
            faults=() if self.fault is None else (self.fault,),
            job=job(script, retries=retries),
            lines=tuple(f"{attempt}.{word}" for attempt in range(1, self.attempts + 1) for word in ("begin", "end")),
        )


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a round has come to.

    Attributes:
        left: What the kill left behind: in words, to be counted.
        attached: What `attach` says after the kill; None if there was no run to attach to.
        tasks_then: How many tasks there were after that.
        again: What the same key says.
        rival: What the rival says, if it lived.
        lines: All lines of all tasks.
        attempts: The attempt of each task, in order.
        running: Tasks that go on.
        processes: Of the job.
    """

    left: str
    attached: View | None
    tasks_then: int
    again: View
    rival: View | None
    lines: tuple[str, ...]
    attempts: tuple[str, ...]
    running: tuple[str, ...]
    processes: tuple[int, ...]


class Round:
    """Plays one plan.

    Args:
        laboratory: Where.
        plan: What.
    """

    def __init__(self, laboratory: Laboratory, plan: Plan) -> None:
        self.plan = plan
        self._trial = Trial(laboratory, plan.case, uuid.uuid4().hex[:8])
        jobs = laboratory.project.directory / "jobs"
        (jobs / f"{self._trial.spec.name}.yaml").write_text(json.dumps(plan.case.job), encoding="utf-8")

    def play(self) -> Finding:
        """Kill, attach, repeat the key, and look what there is."""
        trial, plan = self._trial, self.plan
        with closing(trial), ExitStack() as stack:
            laptop, server = (stack.enter_context(closing(self._console(name))) for name in ("laptop", "server"))
            rival = self._fight(laptop, server)
            left = self._left(laptop)
            attached = None if left == "nothing" else self._attach(laptop)
            tasks_then = len(trial.tasks())
            again = self._again(server if plan.elsewhere else laptop)
            until(trial.over, f"the end of {plan}")
            truth = trial.truth()
            return Finding(
                left=left,
                attached=attached,
                tasks_then=tasks_then,
                again=again,
                rival=rival,
                lines=truth.lines,
                attempts=tuple(map(_attempt, trial.tasks())),
                running=truth.running,
                processes=truth.processes,
            )

    # -- the kill ----------------------------------------------------------------------------------------------

    def _fight(self, laptop: Console, server: Console) -> View | None:
        """Start who is to be killed, and the rival; kill; give what the rival says, if it lives."""
        plan = self.plan
        if plan.rival is None:
            self._kill(self._start(laptop), laptop)
            return None
        first, second = (server, laptop) if plan.rival_first > 0 else (laptop, server)
        processes = {id(first): self._start(first)}
        time.sleep(abs(plan.rival_first))  # who is first is part of the plan
        processes[id(second)] = self._start(second)
        victim, rival = processes[id(laptop)], processes[id(server)]
        if plan.rival == "dies":
            killers = [threading.Thread(target=self._kill, args=pair) for pair in ((victim, laptop), (rival, server))]
            for killer in killers:
                killer.start()
            for killer in killers:
                killer.join()
            return None
        self._kill(victim, laptop)
        return view_of(rival)

    def _start(self, console: Console) -> Popen[bytes]:
        trial = self._trial
        return console.start("run", trial.spec.name, "--key", trial.key, "-e", trial.mark, "--output", "json")

    def _kill(self, process: Popen[bytes], console: Console) -> None:
        """SIGKILL at the moment of the plan, unless the process has ended by itself by then."""
        if self.plan.moment == "stored":
            self._wait(process, lambda: self._record(console) is not None)
        elif self.plan.moment == "line":
            assert process.stdout is not None
            for line in process.stdout:
                if b'"event":"log"' in line:
                    break
        time.sleep(self.plan.delay)  # the moment of the kill: its spread is the test
        process.kill()
        process.communicate()

    def _wait(self, process: Popen[bytes], condition: Any) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while process.poll() is None and not condition():
            assert time.monotonic() < deadline, f"{self.plan} was never stored"
            time.sleep(0.002)

    def _record(self, console: Console) -> RunRecord | None:
        with closing(open_runs(console.state_dir)) as runs:
            return runs.get(self._trial.run_id)

    def _left(self, console: Console) -> str:
        record, tasks = self._record(console), self._trial.tasks()
        if record is None:
            return "nothing"
        if record.outcome is not None:
            return "a run that is over"
        if record.task_arn is None:
            return _without_task(record, len(tasks))
        return "a task that is over" if self._trial.over() else "a task that runs"

    # -- those who come later ----------------------------------------------------------------------------------

    def _attach(self, console: Console) -> View:
        if self.plan.commands:
            return view_of(console.start("attach", self._trial.run_id, "--output", "json"))
        with self._library(console) as runner:
            return look(lambda: runner.attach(self._trial.run_id).stream())

    def _again(self, console: Console) -> View:
        if self.plan.commands:
            return view_of(self._start(console))
        trial = self._trial
        with self._library(console) as runner:
            return look(lambda: runner.begin(trial.spec, **trial.options).stream())

    def _library(self, console: Console) -> Any:
        return self._trial.laboratory.runner(console.state_dir, self._trial.case, computer=0)

    def _console(self, name: str) -> Console:
        laboratory = self._trial.laboratory
        state: Path = laboratory.directory / "rounds" / self._trial.spec.name / name
        register(state, laboratory.endpoint.info)
        environment = {
            "AWS_ENDPOINT_URL": laboratory.endpoint.url,
            "JOBRUNNER_LOG_SETTLE": "0",
            "JOBRUNNER_TASK_SETTLE": "0",
        }
        return Console(directory=laboratory.project.directory, state_dir=state, env=environment)


def _without_task(record: RunRecord, tasks: int) -> str:
    """What is left of a run whose current launch has no task in the record."""
    if not record.sent:
        return "a launch that is planned"
    known = len(record.earlier)
    return "a launch whose answer nobody has stored" if tasks > known else "a launch that ECS does not have"


def _attempt(task: dict[str, Any]) -> str:
    return next(_variables(task, "JOBRUNNER_ATTEMPT"))


def _variables(task: dict[str, Any], name: str) -> Iterator[str]:
    for container in task["overrides"]["containerOverrides"]:
        yield from (one["value"] for one in container.get("environment", ()) if one["name"] == name)
