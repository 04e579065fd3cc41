"""The machine's own time; the only place that asks for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.core.ports import Wake


class SystemClock:
    """The `Clock` of a real run."""

    def now(self) -> datetime:
        """Give the time, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float, wake: Wake | None = None) -> None:
        """Wait for so long, or until `wake` is set."""
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(seconds)
