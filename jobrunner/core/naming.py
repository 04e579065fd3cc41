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
_TIMEOUT = "jobrunner-timeout-"
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
    """Tell whether `text` has the form of a complete run id."""
    return _RUN_ID.fullmatch(text) is not None


def client_token(run_id: str, attempt: int, launch: int = 1) -> str:
    """Give the `clientToken` of one launch of a run (at most 64 ASCII characters; RunTask).

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
    return f"{_TIMEOUT}{token}"


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
    name = "-".join(part for part in ("jobrunner", project, stage, job) if part)
    if len(name) > _FAMILY_LIMIT:
        raise SpecError(f"the task definition family {name!r} has over {_FAMILY_LIMIT} characters")
    return name


def task_id(task_arn: str) -> str:
    """Give the last part of a task ARN, which names the task's log streams."""
    return task_arn.rsplit("/", 1)[-1]


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
        run_id: 16 characters.
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
