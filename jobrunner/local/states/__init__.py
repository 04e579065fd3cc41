"""Step Functions: state machines that really run.

api          the operations on machines and executions      machines, cloudformation   moto keeps the machines
interpreter  executes JSONata machines, state by state      visit, tasks, retrying     errors, values
expression   JSONata in the fields of a state               functions, references      validate, validate_*
integrations what a Task calls                              sdk, ecs_sync, behind
loop         time and threads of all that waits             execution, history
paths        JSONPath machines, which moto executes      paths_tasks, paths_calls
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.states.api import StatesApi
    from jobrunner.local.states.execution import Told
    from jobrunner.local.wire import Reply, Request


class StepFunctions:
    """Stands for `StatesApi`, which is made when somebody first asks for it: the endpoint's start must not pay for it.

    Args:
        moto: Keeps the machines.
        call: Answers a request as if a client had sent it, what is moto's too.
        clock: Seconds since 1970.
        url: Where the endpoint is reached.
        told: Hears of each execution when it starts and when it ends.
    """

    def __init__(
        self,
        moto: MotoState,
        call: Callable[[Request], Reply | None],
        clock: Callable[[], float],
        url: str,
        *,
        told: Told,
    ) -> None:
        self._moto = moto
        self._url = url
        self._call = call
        self._clock = clock
        self._told = told
        self._lock = threading.Lock()
        self._api: StatesApi | None = None

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request that is signed for Step Functions; None when it is moto's."""
        return self._made().answer(request)

    def _made(self) -> StatesApi:
        with self._lock:
            if self._api is None:
                from jobrunner.local.states.api import StatesApi  # noqa: PLC0415 - see above

                self._api = StatesApi(self._moto, self._call, self._clock, self._url, told=self._told)
            return self._api

    def close(self) -> None:
        """End all executions."""
        with self._lock:
            if self._api is not None:
                self._api.close()
