"""An execution of the state machine that looks after a scheduled run, and what it tells of the run.

The other side of `core.state_machine`: what that one is given and ends with is read here. ECS forgets a task an hour
after its end; Step Functions keeps an execution for 90 days ("Quotas", Step Functions developer guide).

Whoever may start executions may write anything into them: what cannot be read is not known, and never a success.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import naming
from jobrunner.core.judgement import Judgement
from jobrunner.core.outcome import Verdict
from jobrunner.core.retry import Policy
from jobrunner.core.stops import STOP, stopped_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: The error with which jobrunner stops an execution; its cause is what StopTask is told as reason.
STOPPED_ERROR: Final = "jobrunner.stopped"

RUNNING: Final = "RUNNING"
SUCCEEDED: Final = "SUCCEEDED"
ABORTED: Final = "ABORTED"


@dataclass(frozen=True, kw_only=True)
class ExecutionEnd:
    """How a run has ended, as far as its execution tells.

    Attributes:
        judgement: Its end.
        attempt: The last attempt; None when the execution does not say, as one that was stopped or broke.
        task_arn: Of the last launch; None when that made no task, or when the execution does not say.
        skipped: Whether the run never began, because another one was under way.
    """

    judgement: Judgement
    attempt: int | None = None
    task_arn: str | None = None
    skipped: bool = False


@dataclass(frozen=True, kw_only=True)
class Execution:
    """An execution as Step Functions describes it.

    Attributes:
        machine: The ARN of its state machine.
        name: Its name.
        status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        started_at: Timezone-aware.
        input: The text that it was started with; "" when Step Functions does not show it.
        output: The text that it succeeded with.
        error: The error that ended it.
        cause: What belongs to the error.
    """

    machine: str
    name: str
    status: str
    started_at: datetime
    input: str = ""
    output: str | None = None
    error: str | None = None
    cause: str | None = None

    @property
    def running(self) -> bool:
        """Whether it looks after the run still."""
        return self.status == RUNNING

    @property
    def continued(self) -> bool:
        """Whether the run has gone on in another execution, of the next number."""
        return self.status == SUCCEEDED and "continued" in _read(self.output)

    @property
    def given(self) -> Mapping[str, Any]:
        """What it was started with; empty when that cannot be read."""
        return _read(self.input)

    @property
    def policy(self) -> Policy | None:
        """What it does about failures; None when that cannot be read."""
        try:
            return Policy.from_json(_read(self.input)["policy"])
        except (KeyError, TypeError):
            return None

    @property
    def request(self) -> Mapping[str, Any]:
        """The RunTask request of attempt 1, in PascalCase; empty when it cannot be read."""
        request = _read(self.input).get("request")
        return request if isinstance(request, dict) else {}

    @property
    def container(self) -> str:
        """The job's own container."""
        return _text(_read(self.input).get("container")) or naming.MAIN_CONTAINER

    @property
    def end(self) -> ExecutionEnd | None:
        """How the run has ended; None while this execution, or the one that it goes on in, runs."""
        if self.running or self.continued:
            return None
        if self.status == SUCCEEDED:
            return self._success()
        if self.status == ABORTED:
            return ExecutionEnd(judgement=self._stop())
        return self._failure()

    def _success(self) -> ExecutionEnd:
        output = _read(self.output)
        if output.get("verdict") == Verdict.SUCCEEDED and _text(output.get("task_arn")):
            judgement = Judgement(verdict=Verdict.SUCCEEDED, reason="exit", exit_code=0, detail="exit code 0")
            return ExecutionEnd(
                judgement=judgement, attempt=_whole(output.get("attempt")), task_arn=_text(output.get("task_arn"))
            )
        if "skipped" in output:
            return ExecutionEnd(judgement=_skip(output), skipped=True)
        return ExecutionEnd(judgement=self._unknown())

    def _stop(self) -> Judgement:
        if self.error == STOPPED_ERROR:
            return stopped_by(self.cause or STOP)
        said = ": ".join(filter(None, (self.error, self.cause)))
        detail = f"the execution of the state machine was stopped from outside: {said or 'no reason given'}"
        return Judgement(verdict=Verdict.STOPPED, reason="user", exit_code=None, detail=detail)

    def _failure(self) -> ExecutionEnd:
        cause = _read(self.cause)
        verdict = _text(cause.get("verdict"))
        if not (self.error or "").startswith("jobrunner.") or verdict not in set(Verdict) - {Verdict.SUCCEEDED}:
            return ExecutionEnd(judgement=self._unknown())
        judgement = Judgement(
            verdict=Verdict(verdict),
            reason=_text(cause.get("reason")) or "unknown",
            exit_code=_whole(cause.get("exit_code")),
            detail=_text(cause.get("detail")) or "no cause given",
        )
        return ExecutionEnd(
            judgement=judgement, attempt=_whole(cause.get("attempt")), task_arn=_text(cause.get("task_arn"))
        )

    def _unknown(self) -> Judgement:
        """Judge an execution that ended without a word of the run: nobody looks after it any more."""
        said = ": ".join(filter(None, (self.error, self.cause, self.output)))
        detail = f"the state machine has ended as {self.status} and does not say how the run did: {said or 'no word'}"
        return Judgement(verdict=Verdict.LOST, reason="state_machine", exit_code=None, detail=detail)


def _skip(output: Mapping[str, Any]) -> Judgement:
    running = output.get("running")
    others = [one for one in running if isinstance(one, dict)] if isinstance(running, list) else []
    named = filter(None, (_text(one.get("run_id")) or _text(one.get("task_arn")) for one in others))
    detail = f"was skipped: another run was under way: {', '.join(named) or 'it is not known which'}"
    return Judgement(verdict=Verdict.NEVER_STARTED, reason="skipped", exit_code=None, detail=detail)


def _read(text: str | None) -> Mapping[str, Any]:
    """Read a JSON object; an empty one when the text is none."""
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
