"""The endpoint: server, moto, tasks and logs put together."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage
from jobrunner.local import metadata, stack
from jobrunner.local.behind import ask
from jobrunner.local.ecs_api import EcsApi, TaskStore
from jobrunner.local.ecs_beside import EcsBeside
from jobrunner.local.engine import TaskEngine
from jobrunner.local.events import Events
from jobrunner.local.faults import answering, view
from jobrunner.local.faults.book import FaultBook
from jobrunner.local.history_stack import HistoryStack
from jobrunner.local.logs_api import LogsApi
from jobrunner.local.moto_state import MotoState
from jobrunner.local.registry import EndpointInfo, connection_for
from jobrunner.local.scheduler import Scheduler
from jobrunner.local.server import Server
from jobrunner.local.states import StepFunctions
from jobrunner.local.task_run import Surroundings
from jobrunner.local.wire import ApiError, DropConnectionError, Reply, Request, error_reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.connection import Connection
    from jobrunner.local.faults.values import Fault

    #: Looks at a request before anything else; an answer of its own, or None to let it pass. May raise
    #: DropConnectionError to close the connection, or ApiError.
    Interceptor = Callable[[Request], Reply | None]

_META: Final = "/_jobrunner/"
_log = logging.getLogger(__name__)


def _nobody() -> Reply | None:
    return None


class Endpoint:
    """An AWS endpoint on 127.0.0.1 that really executes tasks.

    Args:
        port: 0 takes a free one.
        workdir: Where containers run; the current directory by default.
        region: Of the built-in cluster, network and roles. Requests for every region are served.
        startup: Simulated seconds from RunTask to RUNNING.
        deprovision: Simulated seconds from the containers' end to STOPPED.
        interceptors: Look at each request first.
        faults: What is to go wrong, from the beginning.
        begins: What EventBridge Scheduler's clock shows at its first request; the time, when it is left out.
        speed: How many times faster than time EventBridge Scheduler's clock is, from its first request on. Schedules
            fire by that clock, and it is what `<aws.scheduler.scheduled-time>` tells. Tasks run in real time, with
            real timestamps, and so do schedules that call StopTask: they are the timeouts of tasks.
        history: Whether it has the stack of `deploy/history.yaml` from its start on.

    Attributes:
        faults: What is to go wrong: `order()`, `clear()`, `struck`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        workdir: str | os.PathLike[str] | None = None,
        region: str = local_stage.REGION,
        startup: float = 0.0,
        deprovision: float = 0.0,
        interceptors: Sequence[Interceptor] = (),
        faults: Iterable[Fault] = (),
        speed: float = 1.0,
        begins: datetime | None = None,
        history: bool = False,
    ) -> None:
        self._scheduler = Scheduler(self.answer, time.time, speed, begins)
        self.id = uuid.uuid4().hex
        self.region = region
        self.workdir = os.path.abspath(workdir or os.getcwd())  # noqa: PTH100, PTH109 - a text for other processes
        self.started_at = time.time()
        self.owned = False
        self.last_request = time.monotonic()
        self.interceptors = list(interceptors)
        self.faults = FaultBook(faults)
        self.moto = MotoState(region)
        self.store = TaskStore()
        self._server = Server(self, port)
        self.url = self._server.url
        self.events = Events(time.time)
        self._history = HistoryStack(self.moto, self.events)
        self._states = StepFunctions(
            self.moto, self._answer_all, time.time, self.url, told=self.events.publish_execution
        )
        self.engine = TaskEngine(self._surroundings(startup, deprovision), self.store, self._idle)
        self.faults.listen(self.engine.reconsider)
        ecs = EcsApi(self.moto, self.engine, self.store, time.time, self.faults)
        self._operations: dict[str, Callable[[Request], Reply | None]] = {
            **ecs.operations,
            **EcsBeside(self.moto, self.store).operations,
            **LogsApi(self.moto).operations,
        }
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True),
            threading.Thread(target=self.moto.load, name="moto", daemon=True),
        ]
        if history:
            self._threads.append(threading.Thread(target=self._history.deploy, name="history", daemon=True))
        else:
            self._history.leave_out()

    def _surroundings(self, startup: float, deprovision: float) -> Surroundings:
        return Surroundings(
            url=self.url,
            workdir=self.workdir,
            startup=startup,
            deprovision=deprovision,
            moto=self.moto,
            clock=time.time,
            published=self.events.publish,
            forget=self.store.forget,
            faults=self.faults,
        )

    def start(self) -> None:
        """Answer requests from now on. Those that need moto wait until it is loaded."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop listening, end the tasks, and kill what is left of them."""
        self._server.shutdown()
        self.faults.close()
        self._scheduler.close()
        self._states.close()
        self.engine.close()
        self.events.close()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    @property
    def info(self) -> EndpointInfo:
        """Where and what it is."""
        return EndpointInfo(
            id=self.id,
            url=self.url,
            pid=os.getpid(),
            region=self.region,
            workdir=self.workdir,
            started_at=self.started_at,
            owned=self.owned,
            late_logs=self.faults.late_logs,
            late_tasks=self.faults.late_tasks,
        )

    @property
    def connection(self) -> Connection:
        """How clients reach it."""
        return connection_for(self.info)

    def _idle(self) -> None:
        self.last_request = time.monotonic()

    # -- requests ----------------------------------------------------------------------------------------------

    def answer(self, request: Request, behind: Callable[[], Reply | None] = _nobody) -> Reply | None:
        """The reply to a request.

        Args:
            request: The request.
            behind: Answers what is moto's; without it, that has no answer.

        Raises:
            DropConnectionError: The connection is to be closed without a reply.
        """
        self.last_request = time.monotonic()
        try:
            for intercept in self.interceptors:
                reply = intercept(request)
                if reply is not None:
                    return reply
            if self.faults.ordered and not _is_ours(request):
                return answering.answer(self.faults, self.store, request, lambda: self._execute(request, behind))
            return self._execute(request, behind)
        except ApiError as error:
            return error_reply(error)
        except DropConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect here is the client's 500, not a connection that breaks
            return _failure(request.target or request.path, error)

    def _execute(self, request: Request, behind: Callable[[], Reply | None]) -> Reply | None:
        """Execute a request as if no fault were ordered; a refusal is a reply too."""
        try:
            return self._own(request) or behind()
        except ApiError as error:
            return error_reply(error)

    def _own(self, request: Request) -> Reply | None:
        self._history.wait_for(request)
        operation = self._operations.get(request.target)
        if operation is not None:
            return operation(request)
        if request.service == "scheduler":
            if stack.concerns(request):
                self.moto.deploy_stack()
            return self._scheduler.answer(request)
        if request.service == "states":
            self.moto.deploy_stack()
            return self._states.answer(request)
        if request.path.startswith(_META):
            return self._meta(request)
        if request.path.startswith(metadata.PREFIX) and not request.service:
            return metadata.describe(self.store, request.path)
        return None

    def _answer_all(self, request: Request) -> Reply | None:
        """The reply to a request from inside of this process, what is moto's too."""
        return self.answer(request, lambda: ask(self.wsgi, request))

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Everything that is moto's."""
        service = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")[3:4]
        try:
            return self.moto.wsgi(service[0] if service else "")(environ, start_response)
        except ApiError as error:
            reply = error_reply(error)
        except Exception as error:  # noqa: BLE001 - as in answer()
            reply = _failure(environ.get("HTTP_X_AMZ_TARGET") or environ.get("PATH_INFO", ""), error)
        start_response(f"{reply.status} Error", [("Content-Type", reply.content_type), *reply.headers])
        return [reply.body]

    def _meta(self, request: Request) -> Reply:
        name = request.path.removeprefix(_META)
        if name == "faults":
            return view.answer(self.faults, request)
        if name == "health":
            return json_reply({"status": "ok"})
        if name == "endpoint":
            return json_reply(
                {
                    **self.info.document(),
                    "version": version("jobrunner"),
                    "cluster": local_stage.CLUSTER,
                    "tasks_running": self.engine.running,
                    "supervisor_pid": self.engine.supervisor_pid,
                }
            )
        return json_reply({"message": f"There is no {_META}{name}"}, status=404)


def _is_ours(request: Request) -> bool:
    """Whether no fault concerns the request: whoever orders faults, or asks for a task's metadata, calls no AWS."""
    return request.path.startswith((_META, metadata.PREFIX)) and not request.service


def _failure(what: str, error: Exception) -> Reply:
    _log.error("%s", what, exc_info=error)
    return error_reply(ApiError("InternalFailure", f"The local endpoint failed: {error!r}", status=500))


@contextmanager
def serve(**settings: Any) -> Iterator[Endpoint]:
    """An endpoint in this process, for the time of a `with` block. Takes `Endpoint`'s arguments.

    moto keeps its state per process: two endpoints of one process share clusters, task definitions, log groups,
    rules and queues, but not tasks.
    """
    endpoint = Endpoint(**settings)
    endpoint.start()
    try:
        yield endpoint
    finally:
        endpoint.close()
