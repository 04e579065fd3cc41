"""Names that link a run to what AWS knows of it.

A run is found again from any machine, with no store, by names that survive at AWS: `clientToken` makes RunTask
idempotent, `startedBy` is a filter of ListTasks, and the environment overrides of a task outlive its tags,
which ECS deletes when the task stops (StopTask, API reference).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from jobrunner.errors import SpecError

#: The job's own container in every task definition that jobrunner writes.
MAIN_CONTAINER = "main"

#: Crockford's alphabet in lower case: no i, l, o, u, so an id read aloud is typed right.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RUN_ID_LENGTH = 16
_RUN_ID = re.compile(f"[{_ALPHABET}]{{{RUN_ID_LENGTH}}}")
_STARTED_BY = "jobrunner/"
_STARTED_BY_SCHEDULE = "jobrunner-schedule/"
#: What the task groups of jobrunner's tasks begin with, and those of no others.
TASK_GROUP_PREFIX = "jobrunner--"
_SCHEDULED_RUN_ID = re.compile(
    r"(?P<job>[A-Za-z0-9][A-Za-z0-9_-]{0,63})@(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)"
)
TIMEOUT_PREFIX = "jobrunner-timeout-"
#: Names of schedules and of schedule groups (CreateSchedule, API reference).
SCHEDULE_NAME_LIMIT = 64
_DIGEST = 8
#: The families of all task definitions that jobrunner registers begin so.
FAMILY_PREFIX = "jobrunner"
_FAMILY_LIMIT = 255
_REF_PARTS = 3
_REF_SCHEME = "jobrunner"


def run_id_from(entropy: bytes) -> str:
    """Write the first 80 bits of `entropy` as a run id of 16 characters.

    Args:
        entropy: At least 10 bytes, random or a digest.
    """
    number = int.from_bytes(entropy[:10], "big")
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(75, -5, -5)]
    return "".join(digits)


def keyed_run_id(*, project: str, stage: str | None, job: str, key: str) -> str:
    """Give the run id that belongs to a key: the same on every machine, so that a key starts one run."""
    scope = "\0".join(("jobrunner-key", project, stage or "", job, key))
    return run_id_from(hashlib.sha256(scope.encode()).digest())


def is_run_id(text: str) -> bool:
    """Tell whether `text` has the form of a complete run id, of a scheduled run or of another."""
    return _RUN_ID.fullmatch(text) is not None or _SCHEDULED_RUN_ID.fullmatch(text) is not None


def scheduled_run_id(job: str, time: str) -> str:
    """Give the run id of what a job's schedules start at one scheduled time: `nightly-etl@2026-11-24T02:30:00Z`.

    Whatever delivers that time, a second schedule of the job or EventBridge Scheduler once more, it is this run.

    Args:
        job: The job's name.
        time: The scheduled time as EventBridge Scheduler writes it, or the keyword that it replaces with it.
    """
    return f"{job}@{time}"


def scheduled_of(run_id: str) -> tuple[str, str] | None:
    """Give job and scheduled time of a scheduled run's id; None for the id of another run."""
    match = _SCHEDULED_RUN_ID.fullmatch(run_id)
    return None if match is None else (match["job"], match["time"])


def schedule_scope(*, project: str, stage: str | None, job: str) -> str:
    """Give the 16 characters that stand for a job's schedules where their names are too long or not allowed."""
    scope = "\0".join(("jobrunner-schedule", project, stage or "", job))
    return run_id_from(hashlib.sha256(scope.encode()).digest())


def schedule_token(scope: str, time: str) -> str:
    """Give what the client tokens of a scheduled run begin with; see `client_token`."""
    return f"{scope}-{time}"


def execution_name(scope: str, time: str, number: int = 1) -> str:
    """Give the name of the execution that looks after a scheduled run; a colon is not allowed in it (StartExecution).

    Args:
        scope: Of the job's schedules.
        time: The scheduled time.
        number: Which execution of the run, from 1: one that lasts for weeks goes on in another.
    """
    name = schedule_token(scope, time).replace(":", ".")
    return name if number == 1 else f"{name}.{number}"


def started_by_schedule(scope: str) -> str:
    """Give the `startedBy` of everything that a job's schedules start; 35 characters.

    Without the scheduled time, because `startedBy` takes no colon: the overrides of a task tell which run it is of.
    """
    return f"{_STARTED_BY_SCHEDULE}{scope}"


def task_group(*, project: str, stage: str | None) -> str:
    """Give the `group` of all tasks of a project and stage, whatever started them: `jobrunner--PROJECT--STAGE`.

    It is in the events of a task, where a rule can look for it, and takes up to 255 characters ("Task groups", Amazon
    ECS Developer Guide). Without a colon, because what stands before one is a namespace to ECS: of `service:` RunTask
    says "Invalid namespace for group", and nothing says which it takes. The hyphens are doubled, and there without a
    stage too, because single ones are in names: project `a-b` is not project `a` with stage `b`.
    """
    return f"{TASK_GROUP_PREFIX}{project}--{stage or ''}"


def is_task_group(group: str | None) -> bool:
    """Tell whether a group is one that jobrunner gives to tasks; older ones have that of their family."""
    return (group or "").startswith(TASK_GROUP_PREFIX)


def is_started_by_schedule(started_by: str | None) -> bool:
    """Tell whether a schedule of a job of jobrunner's has started a task."""
    return (started_by or "").startswith(_STARTED_BY_SCHEDULE)


def schedule_group(*, project: str, stage: str | None) -> str:
    """Give the name of the schedule group of a project and stage."""
    return _cut("-".join(part for part in ("jobrunner", project, stage) if part))


def schedule_key(name: str | None, number: int) -> str | None:
    """Give what stands for an entry under `schedule:` in the names of its schedules; None for the first, unnamed one.

    Args:
        name: The entry's own name, if it has one.
        number: Which entry it is, from 1.
    """
    return name or (None if number == 1 else str(number))


def schedule_name(job: str, *, entry: str | None, expression: int = 1) -> str:
    """Give the name of one of a job's schedules.

    Args:
        job: The job's name.
        entry: The entry's `schedule_key`.
        expression: Which of the entry's AWS expressions, from 1.
    """
    number = str(expression) if expression > 1 else None
    suffix = ".".join(part for part in ("", entry or ("1" if number else None), number) if part is not None)
    return f"{_cut(job, SCHEDULE_NAME_LIMIT - len(suffix))}{suffix}"


def _cut(name: str, limit: int = SCHEDULE_NAME_LIMIT) -> str:
    """Give a name that is too long a digest for its end, so that two such names stay two."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: limit - _DIGEST - 1]}-{digest}"


def client_token(run_id: str, attempt: int, launch: int = 1) -> str:
    """Give the `clientToken` of one launch of a run (at most 64 ASCII characters; RunTask).

    Args:
        run_id: Of the run; of a scheduled one its `schedule_token`.
        attempt: From 1.
        launch: From 1.

    Attempt and launch are part of it because ECS answers a repeated token with the first answer, also when
    that was a failure to place the task.
    """
    return f"{run_id}-{attempt}" if launch == 1 else f"{run_id}-{attempt}.{launch}"


def timeout_schedule(token: str) -> str:
    """Give the name of the schedule that stops the task of a launch at its timeout.

    Args:
        token: The launch's `client_token`: another launch is another task, with a deadline of its own. The name
            has at most 64 letters, digits, `.`, `-` and `_` (CreateSchedule).
    """
    return f"{TIMEOUT_PREFIX}{token}"


def started_by(run_id: str) -> str:
    """Give the `startedBy` of all attempts of a run; 26 characters, under the 36 that every caller keeps."""
    return f"{_STARTED_BY}{run_id}"


def run_id_of(started_by: str | None) -> str | None:
    """Read the run id back from a task's `startedBy`; None when jobrunner did not start it."""
    if not started_by or not started_by.startswith(_STARTED_BY):
        return None
    run_id = started_by.removeprefix(_STARTED_BY)
    return run_id if is_run_id(run_id) else None


def family(*, project: str, stage: str | None, job: str) -> str:
    """Give the task definition family of a job: one per project, stage and job."""
    name = "-".join(part for part in (FAMILY_PREFIX, project, stage, job) if part)
    if len(name) > _FAMILY_LIMIT:
        raise SpecError(f"the task definition family {name!r} has over {_FAMILY_LIMIT} characters")
    return name


def task_id(task_arn: str) -> str:
    """Give the last part of a task ARN, which names the task's log streams."""
    return task_arn.rsplit("/", 1)[-1]


def cluster_of(task_arn: str) -> str | None:
    """Give the cluster that a task ARN names; the old short form has none."""
    parts = task_arn.split(":task/", 1)[-1].split("/")
    return parts[0] if len(parts) > 1 else None


def is_task_arn(text: str) -> bool:
    """Tell whether `text` is the ARN of an ECS task, in any partition."""
    return text.startswith("arn:") and ":ecs:" in text and ":task/" in text


def is_ref(text: str) -> bool:
    """Tell whether `text` means to be a `RunRef`."""
    return text.startswith(f"{_REF_SCHEME}://")


@dataclass(frozen=True, kw_only=True)
class RunRef:
    """The printable identity of a run: all that an orchestrator stores to find it again.

    `str(ref)` and `RunRef.parse(text)` are inverse:
    `jobrunner://eu-west-1/my-cluster/4r9k2m8p3w7x5t1q/0f3c…` (region, cluster, run id, task id once known).

    Attributes:
        run_id: 16 characters, or `JOB@TIME` of a run that a schedule has started.
        region: The region of the cluster.
        cluster: The cluster's short name.
        task_id: The last part of the task's ARN; None while no task is known.
    """

    run_id: str
    region: str
    cluster: str
    task_id: str | None = None

    def __str__(self) -> str:
        parts = [self.cluster, self.run_id, *([self.task_id] if self.task_id else [])]
        return f"{_REF_SCHEME}://{self.region}/" + "/".join(quote(part, safe="") for part in parts)

    @classmethod
    def parse(cls, text: str) -> RunRef:
        """Read what `str()` wrote.

        Raises:
            SpecError: The text is not such a reference.
        """
        split = urlsplit(text)
        cluster, run_id, *task = [*(unquote(part) for part in split.path.split("/")[1:]), "", ""][:4]
        known = split.scheme == _REF_SCHEME and split.netloc and cluster and is_run_id(run_id)
        if not known or split.path.count("/") > _REF_PARTS:
            raise SpecError(f"{text!r} is not a run reference", hint="It looks like jobrunner://REGION/CLUSTER/RUN-ID.")
        return cls(region=split.netloc, cluster=cluster, run_id=run_id, task_id=task[0] or None)
