"""What ECS does not know of a task: not yet, or not any more.

Source: API reference, RunTask, on eventual consistency, and DescribeTasks: stopped tasks stay for at least an hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from jobrunner.local.faults.misfortunes import Timed
from jobrunner.local.faults.values import Seconds, TaskFault, reached

if TYPE_CHECKING:
    from jobrunner.local.faults.misfortunes import Victim


class Missing(TaskFault):
    """A task is not known everywhere yet: DescribeTasks says MISSING, ListTasks leaves it out. StopTask finds it.

    Attributes:
        seconds: How long after RunTask.
    """

    group: ClassVar[str] = "missing"

    seconds: Seconds

    def hides(self, age: float) -> bool:
        """Whether it hides a task that was created so many seconds ago."""
        return age < self.seconds


class Forgotten(Timed):
    """ECS forgets a task, for good and for every operation; its containers go on, and its events are sent.

    The `clientToken` of a task that is forgotten still stands for it: the token's life is counted from the task's end.

    Attributes:
        at: The status from which `after` counts.
    """

    group: ClassVar[str] = "forgotten"

    at: Literal[
        "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"
    ] = "STOPPED"

    def begun(self, victim: Victim) -> bool:
        """Whether the task has come so far; a line is a moment of its own."""
        return self.line is not None or reached(victim.task.last_status, self.at)

    def befall(self, victim: Victim) -> bool:
        """Forget the task."""
        victim.forget()
        return True
