"""`/_jobrunner/faults`: GET lists what is ordered, with its counts; POST orders; DELETE clears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.errors import SpecError
from jobrunner.local.wire import Reply, json_reply

if TYPE_CHECKING:
    from jobrunner.local.faults.book import FaultBook, Order
    from jobrunner.local.wire import Request

#: What the messages call the document.
_BODY = "body"


def answer(book: FaultBook, request: Request) -> Reply:
    """The reply to a request of the view."""
    if request.method == "GET":
        return json_reply({"faults": [_shown(order) for order in book.orders]})
    if request.method == "POST":
        return _order(book, request.body)
    if request.method == "DELETE":
        cleared = len(book.orders)
        book.clear()
        return json_reply({"cleared": cleared})
    message = f"{request.method} is not understood here: GET lists the faults, POST orders some, DELETE clears all"
    return Reply(body=json_reply({"message": message}).body, status=405, headers=(("Allow", "GET, POST, DELETE"),))


def _order(book: FaultBook, body: bytes) -> Reply:
    from jobrunner.document.files import decode  # noqa: PLC0415 - only who orders a fault pays for pydantic
    from jobrunner.local.faults.document import read_faults  # noqa: PLC0415

    try:
        faults = read_faults(decode(body, file=_BODY), file=_BODY)
    except SpecError as error:
        found = [
            {"line": problem.line, "column": problem.column, "message": problem.message} for problem in error.problems
        ]
        return json_reply({"message": "\n".join(map(str, error.problems)), "problems": found}, status=400)
    return json_reply({"faults": [_shown(order) for order in book.order(*faults)]}, status=201)


def _shown(order: Order) -> dict[str, Any]:
    from jobrunner.local.faults.document import write_fault  # noqa: PLC0415 - as above

    counts = {"number": order.number, "matched": order.matched, "struck": order.struck}
    return {**counts, **write_fault(order.fault)}
