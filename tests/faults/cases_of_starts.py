"""Tasks that are not placed, and tasks that do not start."""

from __future__ import annotations

from typing import Final

from fault_case import FAILS, MINUTE, Case, works

from jobrunner import Verdict
from jobrunner.local.faults import ALWAYS, RunTaskFailure, SlowStart, SlowStop, TaskFailedToStart

_ON_INFRASTRUCTURE: Final = {"attempts": 2, "backoff": "0s", "on": ["infrastructure"]}
_NEVER: Final = {"verdict": Verdict.NEVER_STARTED, "exit_code": None, "code": 125, "lines": ()}

PLACEMENT: Final = (
    Case(
        name="capacity-once",
        happens="AWS has no capacity at first, and has some two seconds later.",
        faults=(RunTaskFailure(cause="capacity"),),
    ),
    Case(
        name="capacity-never",
        happens="AWS has no capacity for as long as the job's `start_timeout` of 3 s allows.",
        faults=(RunTaskFailure(cause="capacity", times=ALWAYS),),
        job=works(start_timeout="3s"),
        reason="capacity",
        bills=(),
        elsewhere=False,
        **_NEVER,
    ),
    Case(
        name="vcpu-limit-once",
        happens="The account's limit of vCPUs is reached, and other tasks end two seconds later.",
        faults=(RunTaskFailure(cause="vcpu-limit"),),
    ),
    Case(
        name="vcpu-limit-typographic-once",
        happens="The same, and AWS writes it with a typographic apostrophe.",
        faults=(RunTaskFailure(cause="vcpu-limit-typographic"),),
    ),
    Case(
        name="eni-once",
        happens="There is no network interface for the task (RESOURCE:ENI), and two seconds later there is.",
        faults=(RunTaskFailure(cause="eni"),),
    ),
    Case(
        name="attribute",
        happens="The cluster can never place the task (ATTRIBUTE).",
        faults=(RunTaskFailure(reason="ATTRIBUTE", times=ALWAYS),),
        reason="placement",
        bills=(),
        elsewhere=False,
        **_NEVER,
    ),
    Case(
        name="no-spot-capacity",
        happens="There is no Spot capacity, and the job is `spot-then-on-demand`.",
        faults=(RunTaskFailure(cause="capacity", capacity_provider="FARGATE_SPOT", times=ALWAYS),),
        job=works(capacity="spot-then-on-demand"),
    ),
)


def _fails_to_start(name: str, happens: str, cause: str, reason: str, bill: int = 0) -> Case:
    faults = (TaskFailedToStart(cause=cause),)
    return Case(name=name, happens=happens, faults=faults, reason=reason, bills=(bill,), **_NEVER)


START: Final = (
    _fails_to_start("image-not-found", "The image does not exist.", "image-not-found", "image_not_found", MINUTE),
    _fails_to_start(
        "image-denied", "The image may not be pulled.", "image-access-denied", "image_access_denied", MINUTE
    ),
    _fails_to_start(
        "image-rate-limit", "The registry limits the pulls.", "image-rate-limit", "registry_throttled", MINUTE
    ),
    _fails_to_start(
        "image-timeout", "The registry cannot be reached.", "image-timeout", "registry_unreachable", MINUTE
    ),
    _fails_to_start(
        "image-platform", "The image is for another processor.", "image-platform", "image_platform", MINUTE
    ),
    _fails_to_start("eni-timeout", "The network interface is not ready in time.", "eni-timeout", "network_interface"),
    _fails_to_start("eni-no-address", "The subnet has no address left.", "eni-no-address", "network_interface"),
    _fails_to_start("log-group-missing", "The log group does not exist.", "log-group-missing", "log_group_missing"),
    _fails_to_start("secret-denied", "A secret may not be read.", "secret-access-denied", "secret_access_denied"),
    _fails_to_start(
        "cannot-start", "The container cannot be started.", "cannot-start-container", "cannot_start_container", MINUTE
    ),
    Case(
        name="image-rate-limit-retried",
        happens="The registry limits the pulls once, and the job has retries for `infrastructure`.",
        faults=(TaskFailedToStart(cause="image-rate-limit", times=1),),
        job=works(retries=_ON_INFRASTRUCTURE),
        bills=(MINUTE, MINUTE),
        needs_starter=True,
    ),
    Case(
        name="eni-timeout-retried",
        happens="The network interface is not ready once, and the job has retries for `infrastructure`.",
        faults=(TaskFailedToStart(cause="eni-timeout", times=1),),
        job=works(retries=_ON_INFRASTRUCTURE),
        bills=(0, MINUTE),
        needs_starter=True,
    ),
    Case(
        name="slow-start",
        happens="The start takes a second longer than usual, and the job's `start_timeout` allows it.",
        faults=(SlowStart(at="PENDING", seconds=1),),
        job=works(start_timeout="1m"),
    ),
    Case(
        name="never-starts-pulling",
        happens="The image pull never ends; the job's `start_timeout` does.",
        faults=(SlowStart(at="PENDING"),),
        job=works(start_timeout="2s"),
        reason="start_timeout",
        needs_starter=True,
        **_NEVER,
    ),
    Case(
        name="never-starts-provisioning",
        happens="The network interface never comes; the job's `start_timeout` does.",
        faults=(SlowStart(at="PROVISIONING"),),
        job=works(start_timeout="2s"),
        reason="start_timeout",
        bills=(0,),
        needs_starter=True,
        **_NEVER,
    ),
    Case(
        name="slow-stop",
        happens="The task takes a second longer to stop than usual.",
        faults=(SlowStop(seconds=1),),
        **FAILS,
    ),
)
