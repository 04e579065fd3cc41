"""The rule that writes history, on an endpoint that is there to stay.

CloudFormation takes a second to be imported, which the endpoint's start does not wait for: events are kept until the
rule is there, and so is whoever asks for something that it brings.
"""

from __future__ import annotations

import importlib
import logging
import threading
from typing import TYPE_CHECKING, Final

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from jobrunner.local.events import Events
    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.wire import Request

_log = logging.getLogger(__name__)
_LOG_GROUP: Final = local_stage.HISTORY_LOG_GROUP.encode()
#: Services that show what is in the stack.
_SHOWING: Final = frozenset(("cloudformation", "events"))


class HistoryStack:
    """The stack of `deploy/history.yaml`.

    Args:
        moto: Where it goes.
        events: Wait for it.
    """

    def __init__(self, moto: MotoState, events: Events) -> None:
        self._moto = moto
        self._events = events
        self._settled = threading.Event()

    def leave_out(self) -> None:
        """There is to be none."""
        self._settled.set()
        self._events.open.set()

    def deploy(self) -> None:
        """Make it. Without it there is an endpoint all the same, which says why."""
        try:
            self._moto.logs(self._moto.region)  # it is loaded now
            importlib.import_module("jobrunner.local.stack").deploy_history(self._moto.region)
        except Exception:  # noqa: BLE001 - whatever it was, the endpoint serves all else
            _log.exception("history is not written: its stack could not be deployed")
        finally:
            self._settled.set()
            self._events.open.set()

    def wait_for(self, request: Request) -> None:
        """Wait until it is there, if the request may be about something of it."""
        if self._settled.is_set():
            return
        if request.service in _SHOWING or (request.service == "logs" and _LOG_GROUP in request.body):
            self._settled.wait()
