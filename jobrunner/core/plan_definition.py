"""What differs between a task definition as ECS describes it and one as it is to be registered.

ECS fills in what a registration left out, and says of a revision what nobody has registered: its number, its state, who
registered it. None of that is a difference, and neither are tags, which every revision has of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.plan_fields import TASK_DEFINITION, compared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.core.plan_fields import FieldChange
    from jobrunner.core.ports import Definition

_CONTAINERS: Final = "containerDefinitions"
#: What RegisterTaskDefinition takes, but for the tags (botocore, ecs), in the order in which people look for it. All
#: else in a description ECS has added.
_REGISTERED: Final = (
    _CONTAINERS, "cpu", "memory", "ephemeralStorage", "runtimePlatform", "executionRoleArn", "taskRoleArn", "family",
    "networkMode", "requiresCompatibilities", "volumes", "placementConstraints", "pidMode", "ipcMode",
    "proxyConfiguration", "inferenceAccelerators", "enableFaultInjection", "trustedExecutionConfiguration",
)  # fmt: skip
#: What stands for a value that was not given (RegisterTaskDefinition; "Storage options for Amazon ECS tasks").
_PLATFORM: Final = {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
_STORAGE: Final = {"sizeInGiB": 20}
_ESSENTIAL: Final = {"essential": True}
_HEALTH_CHECK: Final = {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0}
#: Values that say no more than none does; ECS describes `cpu` 0 of every container that has none.
_NOTHING: Final[Mapping[str, object]] = {
    "cpu": 0,
    "versionConsistency": "enabled",
    "enableFaultInjection": False,
    "disableNetworking": False,
    "interactive": False,
    "privileged": False,
    "pseudoTerminal": False,
    "readonlyRootFilesystem": False,
}
_ROLES: Final[tuple[str, ...]] = ("executionRoleArn", "taskRoleArn")
#: Members whose keys are somebody's own words, and no names of ECS's.
_OWN_KEYS: Final = frozenset(("options", "dockerLabels", "driverOpts", "labels"))


def definition_differences(described: Definition, wanted: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Give what differs between a revision and a RegisterTaskDefinition request, in the order of the latter.

    The paths are as those of a request in a schedule: `TaskDefinition.Containers[main].Environment[LOG_LEVEL]`. What
    looks like a secret is hidden, as there.
    """
    old = _comparable({**described.members, _CONTAINERS: list(described.containers)})
    new = _comparable(wanted)
    return compared(_shown(_as_named(old, new)), _shown(new))


def _comparable(document: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: _bare(document[key]) for key in _REGISTERED if key in document}
    return _without_nothing(
        {
            **said,
            _CONTAINERS: [_container(one) for one in said[_CONTAINERS]],
            # Text that is a number, in ECS's own words; whoever reads the plan as JSON expects the number.
            **{key: _number(said[key]) for key in ("cpu", "memory") if key in said},
            "ephemeralStorage": _STORAGE | (said.get("ephemeralStorage") or {}),
            "runtimePlatform": _PLATFORM | (said.get("runtimePlatform") or {}),
        }
    )


def _container(container: dict[str, Any]) -> dict[str, Any]:
    check = container.get("healthCheck")
    filled = _ESSENTIAL | container | ({} if check is None else {"healthCheck": _HEALTH_CHECK | check})
    return _without_nothing(filled)


def _bare(value: Any) -> Any:
    """Give a value without the members that are empty: ECS describes `mountPoints: []` of what has none."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in ((key, _bare(item)) for key, item in value.items()) if not _is_empty(item)}


def _without_nothing(members: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in members.items()
        if not _is_empty(value) and not (key in _NOTHING and _NOTHING[key] == value)
    }


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {})


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _as_named(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Give the old one with a role's name where the new one has that name: ECS may describe the role by its ARN."""
    named = {key: new[key] for key in _ROLES if key in new and str(old.get(key)).endswith(f":role/{new[key]}")}
    return {**old, **named}


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    beside = {key: value for key, value in document.items() if key != _CONTAINERS}
    return {TASK_DEFINITION: _spelt({"containers": document[_CONTAINERS], **beside})}


def _spelt(value: Any) -> Any:
    """Write ECS's members as a schedule's request does, so that one thing has one name in a plan."""
    if isinstance(value, dict):
        return {
            f"{key[:1].upper()}{key[1:]}": item if key in _OWN_KEYS else _spelt(item) for key, item in value.items()
        }
    return [_spelt(item) for item in value] if isinstance(value, list) else value
