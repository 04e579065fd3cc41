"""Runs of a year, as ECS tells of them: a store of a million, and the events of some thousands."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.history import Source
from jobrunner.core.history_events import TaskEvent, notes_of
from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot
from jobrunner.store import load_prices, open_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT: Final = "bench"
STAGE: Final = "prod"
REGION: Final = "eu-west-1"
SOURCE: Final = Source(project=PROJECT, stage=STAGE, region=REGION)
YEAR: Final = timedelta(days=365)
JOBS: Final = 40
#: Events of one run: how far it has come.
STATES: Final = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEPROVISIONING", "STOPPED")
_PAGE: Final = 5_000
_ACCOUNT: Final = "arn:aws:ecs:eu-west-1:123456789012"


def tasks(runs: int, *, until: datetime) -> Iterator[TaskSnapshot]:
    """Give the stopped tasks of so many runs, evenly over the year before; one in twenty failed."""
    chance = random.Random(7)  # noqa: S311  always the same runs
    for number in range(runs):
        created = until - YEAR + YEAR * number / runs
        pull = created + timedelta(seconds=8 + chance.random())
        started = pull + timedelta(seconds=5 + chance.random())
        stopped = started + timedelta(seconds=chance.randint(5, 500) + chance.random())
        run_id, job = f"{chance.getrandbits(64):016x}", f"job-{number % JOBS:02}"
        box = ContainerSnapshot(name="main", last_status="STOPPED", exit_code=0 if number % 20 else 1)
        yield TaskSnapshot(
            task_arn=f"{_ACCOUNT}:task/batch/{chance.getrandbits(128):032x}",
            last_status="STOPPED",
            desired_status="STOPPED",
            created_at=created,
            pull_started_at=pull,
            pull_stopped_at=started,
            started_at=started,
            stopping_at=stopped,
            execution_stopped_at=stopped,
            stopped_at=stopped,
            stop_code="EssentialContainerExited",
            stopped_reason="Essential container in task exited",
            containers=(box,),
            task_definition_arn=f"{_ACCOUNT}:task-definition/jobrunner-{PROJECT}-{STAGE}-{job}:3",
            started_by=f"jobrunner/{run_id}",
            cpu=1024,
            memory=2048,
            ephemeral_storage=20,
            architecture="x86_64",
            operating_system="LINUX",
            launch_type="FARGATE",
            group=f"jobrunner--{PROJECT}--{STAGE}",
            main="main",
            environment={
                "JOBRUNNER_JOB": job,
                "JOBRUNNER_RUN_ID": run_id,
                "JOBRUNNER_ATTEMPT": "1",
                "JOBRUNNER_TRIGGER": "manual",
            },
        )


def fill(state_dir: Path, runs: int, *, until: datetime) -> None:
    """Make the store of so many runs as a sync does, page by page."""
    prices, page = load_prices(), []
    history = open_history(state_dir)
    for task in tasks(runs, until=until):
        at = task.stopped_at or until
        page.append(notes_of(TaskEvent(task=task, version=6, at=at), source=SOURCE, prices=prices))
        if len(page) == _PAGE:
            history.add(SOURCE, [note for note in page if note is not None])
            page.clear()
    history.add(SOURCE, [note for note in page if note is not None])
    history.close()


def write_events(path: Path, events: int, *, until: datetime) -> int:
    """Write the messages of so many events into a file, as EventBridge writes them; give how many runs they are of.

    Each line is the log's time in milliseconds and the message. One in ten comes twice.
    """
    lines: list[tuple[int, str]] = []
    runs = 0
    for task in tasks(events // len(STATES) + 1, until=until):
        runs += 1
        for version, state in enumerate(STATES, start=1):
            at = (task.created_at or until) + timedelta(seconds=10 * version)
            body = _message(task, state, version, at)
            lines += [(int(at.timestamp() * 1000), body)] * (2 if len(lines) % 10 == 0 else 1)
            if len(lines) >= events:
                break
        if len(lines) >= events:
            break
    lines.sort()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:events]))
    return runs


def _message(task: TaskSnapshot, state: str, version: int, at: datetime) -> str:
    ended = state == "STOPPED"
    seen = task if ended else replace(task, last_status=state, stop_code=None, stopped_reason=None, **_NOT_YET)
    plain = {_camel(name): value for name, value in asdict(replace(seen, containers=(), environment={})).items()}
    detail = {name: _text(value) for name, value in plain.items() if value is not None and name not in _INVENTED}
    variables = [{"name": name, "value": value} for name, value in task.environment.items()]
    boxes = [
        {"name": one.name, "lastStatus": state, **({"exitCode": one.exit_code} if ended else {})}
        for one in task.containers
    ]
    detail |= {
        "clusterArn": f"{_ACCOUNT}:cluster/batch",
        "containers": boxes,
        "overrides": {"containerOverrides": [{"name": "main", "environment": variables}]},
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "cpu": str(task.cpu),
        "memory": str(task.memory),
        "version": version,
        "updatedAt": _text(at),
    }
    message = {
        "version": "0",
        "id": f"{version:08}-0000-4000-8000-000000000000",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": "123456789012",
        "time": _text(at),
        "region": REGION,
        "resources": [task.task_arn],
        "detail": detail,
    }
    return json.dumps(message)


_NOT_YET: Final[dict[str, Any]] = dict.fromkeys(("stopping_at", "execution_stopped_at", "stopped_at"))
#: Fields of ours that an event has in another shape.
_INVENTED: Final = {"containers", "environment", "main", "architecture", "operatingSystem", "ephemeralStorage"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _text(value: object) -> object:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
