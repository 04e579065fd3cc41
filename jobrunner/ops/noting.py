"""Notes of every call that changes something, also of one that has failed: for the audit trail."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jobrunner.errors import AwsThrottledError, JobrunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.ports import Audit


class Note:
    """What is to be noted of a call.

    Attributes:
        fields: About what, and what came of it.
        changed: Whether there is anything to note.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.changed = True

    def add(self, **fields: Any) -> None:
        """Say more."""
        self.fields.update(fields)

    def only_if(self, changed: bool) -> None:  # noqa: FBT001  what a port's method answers
        """Note nothing if the call says itself that it has changed nothing."""
        self.changed = changed


@contextmanager
def noted(audit: Audit, action: str, *, repeated: bool = False, **fields: Any) -> Iterator[Note]:
    """Note what the body does, once; if it raises, with `error`: the call may have had its effect all the same.

    Args:
        audit: Where.
        action: What, in the past tense.
        repeated: Whether a call that AWS throttles, which has changed nothing, is made again later: it is noted then.
        **fields: About what.
    """
    note = Note(fields)
    try:
        yield note
    except AwsThrottledError as error:
        if not repeated:
            audit.record(action, {**note.fields, "error": error.what})
        raise
    except BaseException as error:
        said = error.what if isinstance(error, JobrunnerError) else type(error).__name__
        audit.record(action, {**note.fields, "error": said})
        raise
    if note.changed:
        audit.record(action, note.fields)
