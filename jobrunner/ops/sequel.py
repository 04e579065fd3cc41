"""What comes after an attempt of a scheduled run: the state machine launches it, and whoever follows waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from jobrunner.errors import AwsError, AwsThrottledError, AwsUnreachableError
from jobrunner.ops.executions import Found, stopped_between, waits
from jobrunner.ops.find import find

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.core.record import RunRecord
    from jobrunner.core.settings import Settings
    from jobrunner.ops.observe import StopSignal
    from jobrunner.ops.ports import Ports

#: Seconds between two questions whether the next task is there.
_LOOK_SECONDS: Final = 5.0


class Sequel:
    """Finds out what follows an attempt of a scheduled run, and waits for it.

    Args:
        ports: The outside.
        settings: Of the project and stage that the run is of.
    """

    def __init__(self, ports: Ports, settings: Settings) -> None:
        self._ports = ports
        self._settings = settings
        # Where the state machine itself is quick to look, so is whoever waits for it.
        self._pace = min(_LOOK_SECONDS, settings.first_look)

    def look(self, record: RunRecord) -> Found:
        """Give a run as it is now: over, waiting, or with another task. Raises nothing: what AWS refuses is trouble."""
        try:
            return find(self._ports, self._settings, record.run_id)
        except AwsError as error:
            return Found(record=record, trouble=error)

    def settled(self, record: RunRecord) -> Found:
        """Look, and look again while AWS does not answer, as long as the connection's patience lasts."""
        clock = self._ports.clock
        until = clock.now() + timedelta(seconds=self._ports.connection.patience)
        while True:
            found = self.look(record)
            passing = isinstance(found.trouble, AwsUnreachableError | AwsThrottledError)
            if not passing or clock.now() >= until:
                return found
            clock.sleep(self._pace)

    def awaited(self, record: RunRecord, stop: StopSignal, leaving: Callable[[], bool]) -> RunRecord | None:
        """Block until a run that waits does so no more; None when whoever follows it leaves.

        A request to stop ends it, or finds the task that was launched in that moment.

        Raises:
            AwsError: AWS has not answered for longer than the connection's patience, or refuses the stop.
        """
        while waits(record):
            if leaving():
                return None
            if stop.reason is not None:
                return self._stopped(record, stop.reason)
            self._ports.clock.sleep(self._pace, stop)
            if not leaving() and stop.reason is None:
                record = self._certain(record)
        return record

    def _stopped(self, record: RunRecord, reason: str) -> RunRecord:
        return stopped_between(self._ports, self._settings, record, lambda: self._certain(record), reason)

    def _certain(self, record: RunRecord) -> RunRecord:
        found = self.settled(record)
        if found.trouble is not None:
            raise found.trouble
        return found.record
