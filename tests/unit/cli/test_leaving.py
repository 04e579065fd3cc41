"""What is said and done when a signal leaves a run whose stop has been asked for."""

from __future__ import annotations

import json
import os
import signal
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from jobrunner.cli import follow
from jobrunner.cli.interrupts import Interrupts, Left
from jobrunner.cli.invocation import Invocation
from jobrunner.errors import AwsRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.ops.handle import Run


class HeldUpRun:
    """A run whose stream never moves on: its call is not answered.

    Args:
        task_arn: None if ECS has not given a task yet.
        answer: What StopTask does.
    """

    run_id = "0123456789abcdef"
    leavable = True

    def __init__(self, task_arn: str | None = "arn", answer: Callable[[], None] = lambda: None) -> None:
        self.record = SimpleNamespace(task_arn=task_arn)
        self.stopping = False
        self.told: list[str] = []
        self._answer = answer

    def leaving(self) -> None:
        """As `Run.leaving`."""

    def stop(self, reason: str) -> None:
        """As `Run.stop`."""

    def stop_now(self, reason: str) -> None:
        """As `Run.stop_now`."""
        self.told.append(reason)
        self._answer()
        self.stopping = True


def _leave(run: HeldUpRun, *, output: str = "text", watched: bool = True, stopping: bool = True) -> int:
    invocation = Invocation(output=output)
    with Interrupts(invocation.terminal, "stop" if stopping else "detach") as interrupts:
        if watched:
            interrupts.watch(run)
        try:
            with interrupts.may_leave():
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("two signals did not leave")
        except Left as left:
            return follow.leave(invocation, cast("Run", run), left, interrupts)


def test_ecs_is_told_beside_a_stream_that_is_held_up(capfd: pytest.CaptureFixture[str]) -> None:
    """The stream may wait for AWS for a minute; whoever leaves does not."""
    run = HeldUpRun()
    assert 143 == _leave(run)
    assert ["jobrunner: interrupted before it was left"] == run.told
    assert "left run 0123456789abcdef, which is being stopped\n" in capfd.readouterr().err


def test_a_run_that_is_being_stopped_is_not_told_again(capfd: pytest.CaptureFixture[str]) -> None:
    """Nor is one that is to go on."""
    stopped, going = HeldUpRun(), HeldUpRun()
    stopped.stopping = True
    assert [143, 143, [], []] == [_leave(stopped), _leave(going, stopping=False), stopped.told, going.told]
    assert ["which is being stopped", "which goes on"] == [
        line.split(", ")[1] for line in capfd.readouterr().err.splitlines() if "left run" in line
    ]


def test_a_stop_that_ecs_refuses_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    """The run may go on, and nobody believes otherwise."""

    def refuse() -> None:
        raise AwsRefusedError("no", where="ecs:StopTask")

    assert 143 == _leave(HeldUpRun(answer=refuse))
    assert "which may go on\n" in capfd.readouterr().err


def test_a_task_that_comes_while_it_is_left_is_stopped(capfd: pytest.CaptureFixture[str]) -> None:
    """RunTask's answer was under way."""
    run = HeldUpRun(task_arn=None)
    timer = threading.Timer(0.1, lambda: setattr(run.record, "task_arn", "arn"))
    timer.start()
    assert 143 == _leave(run)
    timer.join()
    assert (1, True) == (len(run.told), "which is being stopped\n" in capfd.readouterr().err)


def test_nobody_waits_for_a_run_that_nobody_follows(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no task, and will get none from here."""
    monkeypatch.setattr(follow, "_LEAVE_SECONDS", 1e9)
    assert 143 == _leave(HeldUpRun(task_arn=None), watched=False)
    assert "which may go on\n" in capfd.readouterr().err


@pytest.mark.parametrize("insisting", [False, True])
def test_an_aws_that_does_not_answer_holds_nobody_up(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, insisting: bool
) -> None:
    """After some seconds, or at another signal, the command leaves, and says that the run may go on."""
    monkeypatch.setattr(follow, "_LEAVE_SECONDS", 1e9 if insisting else 0.1)
    answered = threading.Event()

    def hang() -> None:
        if insisting:
            os.kill(os.getpid(), signal.SIGTERM)
        answered.wait()

    assert 143 == _leave(run := HeldUpRun(answer=hang), output="json")
    out, err = capfd.readouterr()
    assert not run.stopping
    assert "which may go on\n" in err
    assert "left run 0123456789abcdef, which may go on" == json.loads(out)["message"]
    answered.set()
