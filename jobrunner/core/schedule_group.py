"""The schedule group of a project and stage: whose the schedules in it are.

Schedules take no tags, their group does ("Managing a schedule group", Scheduler user guide). An empty value is no
value there (BC scheduler TagValue: at least one character), so a group of no stage has no tag of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jobrunner.core.ecs_json import present
from jobrunner.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.settings import Settings

_PROJECT: Final = "jobrunner:project"
_STAGE: Final = "jobrunner:stage"
#: AWS tags what a stack has made ("Resource tag", CloudFormation user guide).
_STACK: Final = "aws:cloudformation:stack-name"
#: Every region has it, and it cannot be deleted ("Managing a schedule group", Scheduler user guide).
_DEFAULT: Final = "default"


@dataclass(frozen=True, kw_only=True)
class ScheduleGroup:
    """A schedule group as EventBridge Scheduler describes it.

    Attributes:
        name: Its name.
        tags: Its tags.
        deleting: Whether it is being deleted, with all schedules in it.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=FrozenDict)
    deleting: bool = False

    def of_another(self, settings: Settings) -> str | None:
        """Give `PROJECT` or `PROJECT/STAGE` of the tags if they name another than the settings do; else None.

        A group without such tags, one that somebody has made by hand for instance, is nobody else's.
        """
        project, stage = self.tags.get(_PROJECT), self.tags.get(_STAGE)
        if project is None or (project, stage or "") == (settings.project, settings.stage or ""):
            return None
        return "/".join(filter(None, (project, stage)))

    @property
    def kept(self) -> str | None:
        """Who wants it to stay when it is empty, in words; None when it may go with its last schedule."""
        if self.name == _DEFAULT:
            return "every region has it"
        stack = self.tags.get(_STACK)
        return None if stack is None else f"the stack {stack} has made it"


def tags_of_group(settings: Settings) -> dict[str, str]:
    """Give the tags that say whose a group is."""
    return {_PROJECT: settings.project, **present(_STAGE, settings.stage)}
