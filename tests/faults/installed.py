"""The installed `jobrunner`, as processes of several machines, on the endpoint of the laboratory."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cases import CASES
from e2e.console import LIMIT_SECONDS, Console, Result
from laboratory import Trial, until
from ways import Seen, View

from jobrunner.core.outcome import Outcome
from jobrunner.local.registry import register
from jobrunner.store import open_runs

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from fault_case import Case
    from laboratory import Laboratory

_CHOSEN: Final = {
    "run-task-answer-lost",
    "describe-refused",
    "capacity-never",
    "spot-interrupted-politely",
    "out-of-memory-0",
    "timeout-stubbornly",
    "log-late",
}
#: Those that are tried with the installed command as well.
INSTALLED: Final = tuple(case for case in CASES if case.name in _CHOSEN)


def try_out_installed(laboratory: Laboratory, case: Case) -> Seen:
    """As `ways.try_out`, with a process for each look: `run`, beside it `logs -f`, later `attach` and `logs`."""
    with closing(Trial(laboratory, case, "command")) as trial, closing(_Machine(trial, "laptop")) as laptop:
        running = laptop.start("run", trial.spec.name, "--key", trial.key, "-e", trial.mark, "--output", "json")
        read = _followed(laptop, trial) if case.bills and case.error is None else {}
        first = view_of(running)
        until(trial.over, f"the end of {case}")
        later = {"attach": laptop.attach(trial)}
        with closing(_Machine(trial, "server")) as server:
            elsewhere = {"attach": server.attach(trial)}
            if case.elsewhere:
                read["logs elsewhere"] = tuple(server.console.run("logs", trial.run_id).lines)
        return Seen(first=first, later=later, elsewhere=elsewhere, truth=trial.truth(), read=read)


def _followed(laptop: _Machine, trial: Trial) -> dict[str, tuple[str, ...]]:
    """What `logs -f` prints, from the moment at which the task is known."""
    runs = open_runs(laptop.console.state_dir)
    with closing(runs):
        until(lambda: (record := runs.get(trial.run_id)) and record.task_arn, f"the task of {trial.case}")
    return {"logs -f": tuple(laptop.console.run("logs", "-f", trial.run_id).lines)}


class _Machine:
    """A machine with a state directory of its own, on which `jobrunner` is installed."""

    def __init__(self, trial: Trial, name: str) -> None:
        laboratory, case = trial.laboratory, trial.case
        state: Path = laboratory.directory / "installed" / trial.spec.name / name
        register(state, laboratory.endpoint.info)
        environment = {
            "AWS_ENDPOINT_URL": laboratory.endpoint.url,
            # What other cases have ordered at the endpoint is not to make this one patient.
            "JOBRUNNER_LOG_SETTLE": f"{case.log_settle:g}",
            "JOBRUNNER_TASK_SETTLE": f"{case.task_settle:g}",
        }
        self.console = Console(directory=laboratory.project.directory, state_dir=state, env=environment)
        jobs = laboratory.project.directory / "jobs"
        (jobs / f"{trial.spec.name}.yaml").write_text(json.dumps(case.job), encoding="utf-8")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        return self.console.start(*words)

    def attach(self, trial: Trial) -> View:
        """Run `attach` to its end."""
        return view_of(self.start("attach", trial.run_id, "--output", "json"))

    def close(self) -> None:
        """End what still runs."""
        self.console.close()


def view_of(process: subprocess.Popen[bytes]) -> View:
    """What a command with `--output json` says, once it has ended."""
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    result = Result(code=process.returncode, out=out, err=err.decode())
    events = result.json
    finished = [event for event in events if event["event"] == "finished"]
    return View(
        code=result.code,
        lines=tuple(event["message"] for event in events if event["event"] == "log"),
        outcome=Outcome.from_json(finished[-1]) if finished else None,
        error=result.err,
    )
