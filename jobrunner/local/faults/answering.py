"""Around every request: the fault that it gets, if it gets one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.local.faults.operations import operation_of
from jobrunner.local.faults.subject import subjects_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.ecs_api import TaskStore
    from jobrunner.local.faults.book import FaultBook
    from jobrunner.local.wire import Reply, Request


def answer(book: FaultBook, store: TaskStore, request: Request, execute: Callable[[], Reply | None]) -> Reply | None:
    """The answer to a request while something is ordered.

    Args:
        book: What is ordered.
        store: Knows the tasks that a request names.
        request: The request.
        execute: Answers it as if nothing were ordered.

    Raises:
        DropConnectionError: The connection is to be closed without an answer.
    """
    if not book.has("calls"):
        return execute()
    from jobrunner.local.faults.calls import Call  # noqa: PLC0415 - whoever ordered has imported it

    operation = operation_of(request)
    call = Call(
        request=request,
        operation=operation,
        execute=execute,
        subjects=lambda: subjects_of(request, store),
        wait=book.wait,
    )
    order = book.take("calls", call)
    if order is None:
        return execute()
    book.strike(order, str(operation) if operation.name else f"{request.method} {request.path}")
    fault: Any = order.fault
    reply: Reply | None = fault.answer(call)
    return reply
