"""Runs all tasks of an endpoint: one thread with an event loop, one supervisor of processes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from jobrunner.local.processes import Process, Supervisor
from jobrunner.local.task_run import Surroundings, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from jobrunner.local.ecs_api import TaskStore
    from jobrunner.local.task import Task

#: ECS shows a stopped task for about an hour.
FORGET_SECONDS = 3600.0

#: How long the containers may take to end by themselves when the endpoint ends.
GRACE_SECONDS = 2.0


class TaskEngine:
    """Runs tasks. `start` and `stop` may be called from any thread.

    Args:
        surroundings: What tasks need.
        store: Where tasks are forgotten.
        idle: Called in the loop's thread when the last running task has ended.
    """

    def __init__(self, surroundings: Surroundings, store: TaskStore, idle: Callable[[], None]) -> None:
        self._around = surroundings
        self._store = store
        self._idle = idle
        self._runs: dict[str, TaskRun] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._supervisor = Supervisor(self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever, name="tasks", daemon=True)
        self._thread.start()

    @property
    def running(self) -> int:
        """How many tasks have not ended."""
        return len(self._runs)

    @property
    def supervisor_pid(self) -> int:
        """The process that owns the containers."""
        return self._supervisor.pid

    def start(self, task: Task) -> None:
        """Take a task through its life. Does not wait."""
        self._loop.call_soon_threadsafe(self._begin, task)

    def stop(self, task: Task, reason: str) -> None:
        """Ask a task to stop; returns when that is visible."""

        async def stop() -> None:
            run = self._runs.get(task.id)
            if run is not None:
                run.stop(reason)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()

    def reconsider(self) -> None:
        """Deal what has just been ordered to the tasks that run, those that began first before the others."""
        self._loop.call_soon_threadsafe(self._draw_all)

    def close(self) -> None:
        """Ask everything to stop, wait a little, then kill what is left and end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop_all(), self._loop).result()
        self._supervisor.close()
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- in the loop -------------------------------------------------------------------------------------------

    def _begin(self, task: Task) -> None:
        run = TaskRun(task, self._around, self)
        self._runs[task.id] = run
        run.fate.draw()
        self._keep(self._live(run))

    def _draw_all(self) -> None:
        for run in self._runs.values():
            run.fate.draw()

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        """The loop itself holds tasks weakly only."""
        background = self._loop.create_task(work)
        self._background.add(background)
        background.add_done_callback(self._background.discard)

    async def _live(self, run: TaskRun) -> None:
        try:
            await run.run()
        finally:
            del self._runs[run.task.id]
            self._loop.call_later(FORGET_SECONDS, self._store.forget, run.task)
            if not self._runs:
                self._idle()

    async def spawn(self, argv: list[str], *, environment: Mapping[str, str], directory: str, output: int) -> Process:
        """Start a process; after the loss of a supervisor there is a new one."""
        if self._supervisor.lost:
            lost, self._supervisor = self._supervisor, Supervisor(self._loop)
            await self._loop.run_in_executor(None, lost.close)
        return await self._supervisor.spawn(argv, environment=environment, directory=directory, output=output)

    def signal(self, process: Process, number: int) -> None:
        """Signal a process group."""
        self._supervisor.signal(process, number)

    async def _stop_all(self) -> None:
        for run in list(self._runs.values()):
            run.stop("The local endpoint is ending")
        if self._background:
            await asyncio.wait(self._background, timeout=GRACE_SECONDS)

    async def _cancel_all(self) -> None:
        for background in list(self._background):
            background.cancel()
        if self._background:
            await asyncio.wait(self._background)
