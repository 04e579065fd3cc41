"""The templated ECS target, a cluster with EcsParameters: the RunTask call that it stands for.

Source: botocore's model of scheduler 2021-06-30, EcsParameters. Names begin with a capital there, except those inside
of a capacity provider strategy, of placements and of tags; ECS's own all begin with a small letter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local import schedule_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.schedule_store import Schedule

#: What RunTask takes under the same name, but for the first letter.
_SAME: Final = (
    "CapacityProviderStrategy", "EnableECSManagedTags", "EnableExecuteCommand", "Group", "LaunchType",
    "PlacementConstraints", "PlacementStrategy", "PlatformVersion", "PropagateTags", "ReferenceId", "Tags",
)  # fmt: skip
_NETWORK: Final = ("Subnets", "SecurityGroups", "AssignPublicIp")
_STARTED_BY: Final = "chronos-schedule/"
_LONGEST_STARTED_BY: Final = 36
_NOT_IN_STARTED_BY: Final = re.compile(r"[^\w/-]", re.ASCII)


def request(schedule: Schedule, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of RunTask. Context attributes are replaced in Input, and nowhere else.

    Raises:
        ApiError: The Input is no TaskOverride.
    """
    parameters: Mapping[str, Any] = schedule.target["EcsParameters"]
    asked: dict[str, Any] = {
        "cluster": schedule.target["Arn"],
        "taskDefinition": parameters["TaskDefinitionArn"],
        "count": parameters.get("TaskCount") or 1,
        "startedBy": started_by(schedule.name),
        **_lowered(parameters, _SAME),
    }
    network = (parameters.get("NetworkConfiguration") or {}).get("awsvpcConfiguration")
    if network is not None:
        asked["networkConfiguration"] = {"awsvpcConfiguration": _lowered(network, _NETWORK)}
    overrides = schedule_input.overrides(schedule.target.get("Input"), attributes)
    return {**asked, "overrides": overrides} if overrides else asked


def started_by(name: str) -> str:
    """The `startedBy` of a schedule's tasks, as examples show it: 36 characters at most.

    RunTask takes no dot there, and the name of a schedule may have one. What AWS makes of it is not known; here it is
    a hyphen.
    """
    return _NOT_IN_STARTED_BY.sub("-", f"{_STARTED_BY}{name}")[:_LONGEST_STARTED_BY]


def _lowered(members: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: members[name] for name in names if members.get(name) is not None}
