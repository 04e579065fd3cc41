"""An AWS endpoint on 127.0.0.1 that really executes ECS tasks, for any AWS client.

moto's server gives the protocols and the state of clusters, task definitions, log groups, rules, queues, secrets,
roles and networks. This package adds what moto lacks:

    server       HTTP/1.1 on 127.0.0.1; the hot operations are answered before WSGI      wire     requests and replies
    ecs_api      RunTask, StopTask, DescribeTasks, ListTasks      checks, tokens, orders, task, ecs_beside, metadata
    logs_api     PutLogEvents, GetLogEvents, FilterLogEvents      log_store, log_chunk, streams, filter_pattern
    engine       tasks execute: task_run → container_run → output → awslogs      environment, secrets
    supervise    a process of its own that owns the containers and leaves none behind      processes
    events       of ECS and Step Functions, to the targets of rules      rules, input_transformer, resource_policy
    scheduler    EventBridge Scheduler: scheduler_api answers, schedule_ticker fires      schedule_*
    states/      Step Functions: executes JSONata machines, and has moto execute JSONPath ones      behind
    stack        CloudFormation: the stack of schedules, deployed when somebody asks for what is in it      stack_*
    history_stack  the stack of history, on an endpoint that is there to stay
    faults       what is to go wrong, on order: calls, placements, tasks, logs, events
    moto_state   moto, loaded in the background, with the built-in resources of the local stage      builtin
    registry     which endpoints live on this machine      process    one that lives as long as its owner

It never pretends to check IAM, networking or capacity, and it pulls no images.

For others: `serve()` in this process, `start_owned()` in a process of its own, `discover()` one that lives,
`connection_for()` and `exports()` to reach it. Importing this package imports neither moto nor a web server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.local.process import OwnedEndpoint, start_owned
from jobrunner.local.registry import EndpointInfo, connection_for, discover, endpoints, exports

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jobrunner.local.endpoint import Endpoint

__all__ = [
    "EndpointInfo",
    "OwnedEndpoint",
    "connection_for",
    "discover",
    "endpoints",
    "exports",
    "serve",
    "start_owned",
]


def serve(**settings: Any) -> AbstractContextManager[Endpoint]:
    """An endpoint in this process, for the time of a `with` block; see `endpoint.serve`."""
    from jobrunner.local import endpoint  # noqa: PLC0415 - it imports a web server

    return endpoint.serve(**settings)
