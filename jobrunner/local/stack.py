"""The stacks of the built-in local stage, deployed from `deploy/` by moto's CloudFormation as a user would.

The role, queue and state machine of `jobrunner.yaml` are those that the schedules of all projects of the stage name
(`core.local_stage`), and come from the template alone. Its group is of a project `local`; other projects have groups of
their own. `history.yaml` is for all projects of the stage, on an endpoint that is there to stay.
"""

from __future__ import annotations

import importlib
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.wire import Request

#: Of the stacks.
NAME: Final = "jobrunner"
HISTORY: Final = "jobrunner-history"
_PARAMETERS: Final = {
    "Project": "local",
    "Stage": "",
    "Cluster": local_stage.CLUSTER,
    "ExecutionRoleArn": local_stage.EXECUTION_ROLE,
    "TaskRoleArn": local_stage.TASK_ROLE,
}
_GROUP: Final = local_stage.STATE_MACHINE.rpartition(":")[2]
_OF_HISTORY: Final = {"Project": "*", "Stage": "", "Cluster": local_stage.CLUSTER}
#: How a request to Scheduler names the queue or the machine, and not the role, which the timeout of a run names too.
_IN_TARGET: Final = f":{_GROUP}".encode()
_IN_BODY: Final = f'"{_GROUP}"'.encode()

_lock: Final = threading.Lock()


def concerns(request: Request) -> bool:
    """Whether a request to EventBridge Scheduler is about something of the stack: its group, its queue, its machine."""
    path, _, query = request.path.partition("?")
    listed = any(pair.partition("=")[2] == _GROUP for pair in query.split("&"))
    named = path in {"/schedule-groups", f"/schedule-groups/{_GROUP}"} or listed
    return named or _IN_TARGET in request.body or _IN_BODY in request.body


@cache
def prepare() -> Any:
    """CloudFormation's backends by account and region, made able to deploy our template. Takes half a second."""
    models = importlib.import_module("moto.cloudformation.models")
    importlib.import_module("jobrunner.local.states.cloudformation").prepare()
    importlib.import_module("jobrunner.local.stack_moto").patch()
    importlib.import_module("jobrunner.local.stack_resources").register()
    return models.cloudformation_backends


def deploy(region: str) -> None:
    """Create the stack, unless another endpoint of this process has."""
    with _lock:
        backend = prepare()[local_stage.ACCOUNT_ID][region]
        if not any(stack.name == NAME for stack in backend.stacks.values()):
            _give_way()
            _create(backend, NAME, "jobrunner.yaml", _PARAMETERS)


def deploy_history(region: str) -> None:
    """Create the stack of history, unless another endpoint of this process has."""
    with _lock:
        backend = prepare()[local_stage.ACCOUNT_ID][region]
        if not any(stack.name == HISTORY for stack in backend.stacks.values()):
            _create(backend, HISTORY, "history.yaml", _OF_HISTORY)


def _create(backend: Any, name: str, file: str, parameters: Mapping[str, str]) -> None:
    template = importlib.import_module("importlib.resources").files("jobrunner") / "deploy" / file
    backend.create_stack(name=name, template=template.read_text(encoding="utf-8"), parameters=dict(parameters))


def _give_way() -> None:
    """Forget the roles of the stack in another region, if an endpoint of this process is there: IAM is global."""
    roles = importlib.import_module("moto.iam").iam_backends[local_stage.ACCOUNT_ID]["aws"].roles
    for key in [key for key, role in roles.items() if role.name.startswith(f"{_GROUP}-")]:
        del roles[key]
