"""The audit trail: every call that changes something is noted once, also when it fails, with who made it."""

from __future__ import annotations

import getpass
import inspect
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from deliveries import RUN_ID, TIME, deliver, first_schedule
from shelljobs import shell, until
from workshop import NIGHTLY

from jobrunner import AwsRefusedError, AwsThrottledError, JobrunnerError
from jobrunner.core import local_stage, naming, ports
from jobrunner.core.notice import Undelivered
from jobrunner.core.ports import PlacementFailure
from jobrunner.core.schedule_request import SCHEDULED_TIME
from jobrunner.ops.noting import noted
from jobrunner.testing import MemoryAudit, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workshop import Workshop

    from jobrunner import JobRunner, JobSpec
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]
    Doing = Callable[["Stage"], None]

#: What only asks.
READS = {
    "Tasks": {"describe", "find"},
    "Definitions": {"describe", "revisions"},
    "Schedules": {"group", "names", "get", "written"},
    "Executions": {"describe"},
    "Identity": {"account"},
    "PriceList": {"fargate"},
    "Logs": {"read", "tail", "kept_since"},
    "EventLog": {"read"},
}
#: What changes nothing but this machine's own files, or nothing at all. `prices refresh` is one of these: it asks AWS
#: for its price list and keeps it here.
OWN = {"Runs", "History", "Told", "Wake", "Clock", "Audit"}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
NOTIFY = {"sns": TOPIC, "webhook": "https://hc-ping.com/s3cret"}
SCHEDULED = NIGHTLY.replace("busybox", "busybox:2")


@dataclass(kw_only=True)
class Stage:
    """What a scenario plays on."""

    workshop: Workshop
    runner: JobRunner
    aws: FakeAws


def job(**fields: Any) -> JobSpec:
    """A job."""
    return shell("true", **fields)


# -- one scenario for each method of a port that changes something ---------------------------------------------


def run(stage: Stage) -> None:
    """Start a run and follow it."""
    stage.runner.run(job())


def stop(stage: Stage) -> None:
    """Stop a run from elsewhere."""
    stage.aws.default = TaskScript(runs=1e6)
    stage.runner.stop(stage.runner.start(job()).run_id)


def timed(stage: Stage) -> None:
    """Follow a run that has a timeout."""
    stage.runner.run(job(timeout="1h"))


def apply(stage: Stage) -> None:
    """Make the schedules."""
    list(stage.runner.apply(stage.runner.plan(prune=True)))


def change(stage: Stage) -> None:
    """Change a schedule."""
    stage.workshop.apply()
    stage.workshop.write(nightly=SCHEDULED)
    stage.runner = stage.workshop.runner()
    apply(stage)


def pause(stage: Stage) -> None:
    """Pause a job."""
    stage.workshop.apply()
    stage.runner.pause("nightly")


def destroy(stage: Stage) -> None:
    """Delete all of it."""
    stage.workshop.apply()
    list(stage.runner.destroy())


def stop_scheduled(stage: Stage) -> None:
    """Stop a scheduled run between two attempts."""
    runner, aws = stage.runner, stage.aws
    spec = job(schedule={"rate": "1h"}, retries={"attempts": 3, "backoff": "10m", "on": [75]})
    scope = naming.schedule_scope(project=runner.settings.project, stage=runner.settings.stage, job="job")
    text = first_schedule(runner, spec)["Target"]["Input"].replace(SCHEDULED_TIME, TIME)
    aws.executions.start(local_stage.STATE_MACHINE, naming.execution_name(scope, TIME), text)
    aws.script(TaskScript(exit_codes={"main": 75}))
    deliver(runner, spec)
    aws.clock.sleep(60)
    runner.stop(RUN_ID)


def tell(stage: Stage) -> None:
    """Follow a run whose failure somebody is told of."""
    stage.aws.script(TaskScript(exit_codes={"main": 1}))
    stage.runner.run(job(notify=NOTIFY))


#: Port and method → what does it, and what is noted.
WRITES: dict[tuple[str, str], tuple[Doing, str]] = {
    ("Tasks", "run"): (run, "run_started"),
    ("Tasks", "stop"): (stop, "run_stopped"),
    ("Definitions", "register"): (run, "task_definition_registered"),
    ("Logs", "ensure_group"): (run, "log_group_created"),
    ("Deadlines", "set"): (timed, "deadline_set"),
    ("Deadlines", "clear"): (timed, "deadline_cleared"),
    ("Schedules", "make_group"): (apply, "schedule_group_created"),
    ("Schedules", "create"): (apply, "schedule_created"),
    ("Schedules", "update"): (change, "schedule_updated"),
    ("Schedules", "delete"): (destroy, "schedule_deleted"),
    ("Schedules", "delete_group"): (destroy, "schedule_group_deleted"),
    ("Executions", "stop"): (stop_scheduled, "execution_stopped"),
    ("Topics", "publish"): (tell, "notification_sent"),
    ("Webhooks", "post"): (tell, "notification_sent"),
}
#: The fakes' attribute for each port.
_FAKES = {name: name.lower() for name, _ in WRITES}


def methods() -> Iterator[tuple[str, str]]:
    """Every method of every port."""
    for name, found in inspect.getmembers(ports, inspect.isclass):
        if getattr(found, "_is_protocol", False) and found.__module__ == ports.__name__:
            yield from (
                (name, method) for method in vars(found) if callable(getattr(found, method)) and method[0] != "_"
            )


def notes(runner: JobRunner, action: str) -> list[dict[str, Any]]:
    """What was noted of an action."""
    audit = runner._ports.audit
    assert isinstance(audit, MemoryAudit)
    return [fields for one, fields in audit.records if one == action]


def of_port(entries: list[dict[str, Any]], port: str) -> list[dict[str, Any]]:
    """Of what was told, what that port told at the end of a run."""
    if port == "Topics":
        return [one for one in entries if one["to"] == TOPIC]
    return [one for one in entries if one["event"] == "end" and one["to"] != TOPIC] if port == "Webhooks" else entries


@pytest.fixture
def stage(workshop: Workshop, aws: FakeAws) -> Stage:
    """A project with a scheduled job, on the AWS in memory."""
    workshop.write(nightly=NIGHTLY)
    return Stage(workshop=workshop, runner=workshop.runner(), aws=aws)


def test_every_method_of_a_port_is_known_here() -> None:
    """A new one is a question: does it change something? Then it needs a scenario, and a note."""
    known = {(port, method) for port, names in READS.items() for method in names} | set(WRITES)
    assert known == {(port, method) for port, method in methods() if port not in OWN}


@pytest.mark.parametrize(("port", "method"), WRITES)
def test_what_changes_something_is_noted_once(stage: Stage, port: str, method: str) -> None:
    """About what, and no error."""
    doing, action = WRITES[port, method]
    doing(stage)
    [note] = of_port(notes(stage.runner, action), port)
    assert "error" not in note
    assert {"run_id", "job", "group", "log_group"} & set(note)


@pytest.mark.parametrize(("port", "method"), WRITES)
def test_what_fails_is_noted_as_well(stage: Stage, port: str, method: str) -> None:
    """With AWS's words: it may have had its effect all the same."""
    doing, action = WRITES[port, method]
    if doing in {change, pause, destroy}:
        stage.workshop.apply()
    if port == "Webhooks":
        no = Undelivered(why="no", passing=False)
        stage.aws.webhooks.refuse(no, no)
    else:
        getattr(stage.aws, _FAKES[port]).fail(method, AwsRefusedError("no", where=f"{port}:{method}"))
    with suppress(JobrunnerError):
        doing(stage)
    [note] = of_port(notes(stage.runner, action), port)
    assert "no" == note["error"]


def test_a_schedule_that_is_paused_and_resumed(stage: Stage) -> None:
    """UpdateSchedule again, under the name of what it is for; a second time it is not called, and not noted."""
    pause(stage)
    stage.runner.pause("nightly")
    stage.runner.resume("nightly")
    group = stage.workshop.group
    expected = [{"schedule": "nightly", "group": group, "job": "nightly"}]
    assert [expected, expected] == [notes(stage.runner, one) for one in ("schedule_paused", "schedule_resumed")]
    stage.aws.schedules.fail("update", AwsRefusedError("no"))
    with suppress(AwsRefusedError):
        stage.runner.pause("nightly")
    assert {**expected[0], "error": "no"} == notes(stage.runner, "schedule_paused")[-1]


def test_a_placement_failure_is_an_error(stage: Stage) -> None:
    """It comes with HTTP 200, and is no start."""
    stage.aws.tasks.refuse(PlacementFailure(reason="Capacity is unavailable at this time", detail="now"))
    run(stage)
    first, second = notes(stage.runner, "run_started")
    assert (None, "Capacity is unavailable at this time: now") == (first["task_arn"], first["error"])
    assert second["task_arn"] is not None
    assert "error" not in second


def test_a_throttled_call_is_noted_when_it_is_made(stage: Stage) -> None:
    """It has changed nothing, and whoever follows the run makes it again."""
    stage.aws.tasks.fail("run", AwsThrottledError("slow down"))
    run(stage)
    [note] = notes(stage.runner, "run_started")
    assert "error" not in note


@pytest.mark.parametrize(
    ("error", "repeated", "expected"),
    [
        (AwsRefusedError("no"), False, [("done", {"a": 1, "b": 2, "error": "no"})]),
        (AwsRefusedError("no"), True, [("done", {"a": 1, "b": 2, "error": "no"})]),
        (AwsThrottledError("slow down"), False, [("done", {"a": 1, "b": 2, "error": "slow down"})]),
        (AwsThrottledError("slow down"), True, []),
        (KeyboardInterrupt(), False, [("done", {"a": 1, "b": 2, "error": "KeyboardInterrupt"})]),
    ],
)
def test_a_note_of_a_call_that_raises(error: BaseException, repeated: bool, expected: list[Any]) -> None:  # noqa: FBT001
    """It is raised on; a call that was interrupted may have arrived."""
    audit = MemoryAudit()

    def called() -> None:
        with noted(audit, "done", repeated=repeated, a=1) as note:
            note.add(b=2)
            raise error

    with pytest.raises(type(error)):
        called()
    assert expected == audit.records


def test_a_call_that_has_changed_nothing_is_not_noted() -> None:
    """As it says itself: it was there, or gone, already."""
    audit = MemoryAudit()
    for changed in (False, True):
        with noted(audit, "done", a=changed) as note:
            note.only_if(changed)
    assert [("done", {"a": True})] == audit.records


# -- who -------------------------------------------------------------------------------------------------------


def _run(runner: JobRunner) -> None:
    runner.run(job())


def _stop(runner: JobRunner) -> None:
    run = runner.start(shell("exec sleep 60", stop_timeout="2s"))
    runner.stop(run.run_id)
    run.wait()


def _apply(runner: JobRunner) -> None:
    list(runner.apply(runner.plan()))


def _destroy(runner: JobRunner) -> None:
    _apply(runner)
    list(runner.destroy())


def _pause(runner: JobRunner) -> None:
    _apply(runner)
    runner.pause("nightly")
    runner.resume("nightly")


def _backfill(runner: JobRunner) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    runner.backfill("nightly", start, start.replace(day=3)).wait()


@pytest.mark.parametrize(
    ("doing", "expected"),
    [
        (_run, {"task_definition_registered", "run_started", "run_finished"}),
        (_stop, {"task_definition_registered", "run_started", "run_stopped", "run_finished"}),
        (_apply, {"task_definition_registered", "schedule_group_created", "schedule_created"}),
        (_pause, {"schedule_paused", "schedule_resumed"}),
        (_destroy, {"schedule_deleted", "schedule_group_deleted"}),
        (_backfill, {"run_started", "run_finished"}),
    ],
)
def test_every_note_says_who(
    machine: Machine,
    endpoint: Endpoint,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    doing: Callable[[JobRunner], None],
    expected: set[str],
) -> None:
    """Whom AWS takes the caller for, the person and the machine, and the job of the CI system, whatever was done."""
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "shop/jobs")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    (project / "jobs" / "nightly.yaml").write_text(f"{NIGHTLY}command: ['true']\n")
    runner = machine(audit_log_group=f"/audit/{project.parent.name}")
    doing(runner)
    runner.close()

    # `close` waits for some seconds, and whatever is left is written all the same while the process lives.
    def complete() -> list[dict[str, Any]]:
        found = _written(endpoint, str(runner.settings.audit_log_group))
        return found if expected <= {one["action"] for one in found} else []

    written = until(complete, f"{expected} in the audit trail")
    who = {(one["caller"], one["user"], one["ci_job"]) for one in written}
    caller = _client(endpoint, "sts").get_caller_identity()["Arn"]
    user = f"{getpass.getuser()}@{socket.gethostname()}"
    assert {(caller, user, "https://github.com/shop/jobs/actions/runs/7")} == who


def _written(endpoint: Endpoint, group: str) -> list[dict[str, Any]]:
    logs = _client(endpoint, "logs")
    try:
        return [json.loads(one["message"]) for one in logs.filter_log_events(logGroupName=group)["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
    finally:
        logs.close()


def _client(endpoint: Endpoint, service: str) -> Any:
    connection = endpoint.connection
    return boto3.client(
        service,
        region_name=connection.region,
        endpoint_url=connection.endpoint_url,
        aws_access_key_id=connection.access_key_id,
        aws_secret_access_key=connection.secret_access_key,
    )
