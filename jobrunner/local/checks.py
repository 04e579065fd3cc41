"""What RunTask refuses before anything happens, in AWS's words where they are known.

Sources: botocore's model of ecs 2014-11-13, the API reference, and error texts quoted in public issues. Where no text
of AWS's is known, the code is AWS's and the sentence is ours.
"""

from __future__ import annotations

import json
import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jobrunner.core.sizes import FARGATE_SIZES, parse_cpu, parse_memory
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from moto.ecs.models import Cluster, TaskDefinition

MAX_OVERRIDES: Final = 8192
MAX_TAGS: Final = 50
MAX_TAG_KEY: Final = 128
MAX_TAG_VALUE: Final = 256
MAX_COUNT: Final = 10
MAX_WEIGHT: Final = 1_000
MAX_BASE: Final = 100_000
EPHEMERAL_GIB: Final = range(21, 201)
MAX_SUBNETS: Final = 16
MAX_SECURITY_GROUPS: Final = 5
MAX_STRATEGY_ITEMS: Final = 20
FARGATE_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")

_LONGEST_GROUP: Final = 255
_STARTED_BY: Final = re.compile(r"[\w/-]{0,128}", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,64}")


def invalid(message: str) -> NoReturn:
    """Refuse a parameter."""
    raise ApiError("InvalidParameterException", message)


def refuse(message: str) -> NoReturn:
    """Refuse what the client asked for as a whole."""
    raise ApiError("ClientException", message)


def check_request(asked: dict[str, Any]) -> None:
    """The limits of the parameters themselves."""
    if not asked.get("taskDefinition"):
        refuse("Task definition can not be blank.")
    count = asked.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= MAX_COUNT:
        invalid(f"Count must be between 1 and {MAX_COUNT}.")
    if asked.get("launchType") and asked.get("capacityProviderStrategy"):
        invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    if asked.get("launchType", "FARGATE") not in {"FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"}:
        invalid("launch type should be one of [EC2,FARGATE,EXTERNAL,MANAGED_INSTANCES]")
    if asked.get("propagateTags") == "SERVICE":
        invalid("Invalid propagateTags value: SERVICE is for services. Specify TASK_DEFINITION or NONE.")
    if not _STARTED_BY.fullmatch(asked.get("startedBy") or ""):
        invalid("startedBy must have at most 128 letters, digits, hyphens, slashes and underscores.")
    if asked.get("clientToken") is not None and not _TOKEN.fullmatch(asked["clientToken"]):
        invalid("clientToken must have 1 to 64 characters, each in the ASCII range 33 to 126.")
    _check_group(asked.get("group") or "")
    check_tags(asked.get("tags") or [])


def _check_group(group: str) -> None:
    """Up to 255 characters ("Task groups", developer guide), and none of those that ECS gives to services itself."""
    if len(group) > _LONGEST_GROUP:
        invalid("group must have at most 255 characters.")
    if group.startswith("service:"):
        invalid("Invalid namespace for group.")


def check_tags(tags: list[dict[str, str]]) -> None:
    """At most 50, with keys of AWS's making refused."""
    if len(tags) > MAX_TAGS:
        invalid(f"The number of tags exceeds the limit of {MAX_TAGS}.")
    keys = [tag.get("key") or "" for tag in tags]
    for key, value in zip(keys, (tag.get("value") or "" for tag in tags), strict=True):
        if key.lower().startswith("aws:"):
            invalid("Tag keys that start with aws: are reserved for system use.")
        if not 1 <= len(key) <= MAX_TAG_KEY or len(value) > MAX_TAG_VALUE:
            invalid(f"A tag key has 1 to {MAX_TAG_KEY} characters, and a tag value at most {MAX_TAG_VALUE}.")
    if len(set(keys)) < len(keys):
        invalid("Duplicate tag keys found. Tag keys must be unique.")


def check_definition(definition: TaskDefinition | None) -> TaskDefinition:
    """The definition exists and may run."""
    if definition is None:
        refuse("TaskDefinition not found.")
    if definition.status != "ACTIVE":
        refuse("TaskDefinition is inactive")
    check_dependencies(definition.container_definitions)
    return definition


def check_dependencies(containers: list[dict[str, Any]]) -> None:
    """No container waits for one that does not exist, or, in the end, for itself. ECS refuses it at registration."""
    needs = {
        container["name"]: {entry["containerName"] for entry in container.get("dependsOn") or []}
        for container in containers
    }
    if unknown := sorted(set().union(*needs.values()) - needs.keys()):
        refuse(f"Container dependency {unknown[0]} does not exist in the task definition.")
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        refuse(f"The container dependencies form a cycle: {' -> '.join(error.args[1])}")


def check_network(asked: dict[str, Any], definition: TaskDefinition) -> None:
    """A Fargate task has a network configuration; that the subnets exist is not checked."""
    configuration = (asked.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition.network_mode != "awsvpc":
        if configuration:
            invalid("Network Configuration is not valid for the given networkMode of this task definition.")
        return
    if not configuration:
        invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    subnets, groups = configuration.get("subnets") or [], configuration.get("securityGroups") or []
    if not subnets:
        invalid("subnets can not be empty.")
    if len(subnets) > MAX_SUBNETS:
        invalid(f"There is a limit of {MAX_SUBNETS} subnets that can be specified per awsvpcConfiguration.")
    if len(groups) > MAX_SECURITY_GROUPS:
        invalid(
            f"There is a limit of {MAX_SECURITY_GROUPS} security groups that can be specified per awsvpcConfiguration."
        )


def check_overrides(overrides: dict[str, Any], definition: TaskDefinition) -> None:
    """Short enough, of containers that exist, and not of a secret's variable."""
    if len(json.dumps(overrides)) > MAX_OVERRIDES:
        invalid(f"Container Overrides length must be at most {MAX_OVERRIDES}")
    definitions: Any = definition.container_definitions
    containers: dict[str, dict[str, Any]] = {found["name"]: found for found in definitions}
    for override in overrides.get("containerOverrides") or []:
        name = override.get("name")
        if name not in containers:
            invalid(f"Override for container named {name} is not a container in the TaskDefinition.")
        secrets = {secret["name"] for secret in containers[name].get("secrets") or []}
        own = containers[name].get("environment") or []
        if secrets & {pair["name"] for pair in [*own, *(override.get("environment") or [])]}:
            refuse(
                "The secret name must be unique and not shared with any new or existing environment variables "
                "set on the container"
            )


def placement(asked: dict[str, Any], cluster: Cluster, definition: TaskDefinition) -> tuple[str, list[str]]:
    """The launch type, and the capacity provider of each task (none for a launch type).

    With neither a launch type nor a strategy the cluster's default strategy decides; a cluster without one means
    EC2, which has no instances here.
    """
    strategy: list[dict[str, Any]] = asked.get("capacityProviderStrategy") or []
    if not asked.get("launchType") and not strategy:
        strategy = cluster.default_capacity_provider_strategy or []
    if strategy:
        check_strategy(strategy, cluster)
        launch_type = "FARGATE"
    else:
        launch_type = asked.get("launchType") or "EC2"
    if launch_type != "FARGATE":
        invalid("No Container Instances were found in your cluster.")
    if "FARGATE" not in (definition.requires_compatibilities or []):
        invalid("Task definition does not support launch_type FARGATE.")
    return launch_type, spread(strategy, asked.get("count", 1))


def check_strategy(strategy: list[dict[str, Any]], cluster: Cluster) -> None:
    """Providers of the cluster, weights that say something, and one base at most."""
    if len(strategy) > MAX_STRATEGY_ITEMS:
        invalid(f"A capacity provider strategy can contain a maximum of {MAX_STRATEGY_ITEMS} capacity providers.")
    for item in strategy:
        name = item.get("capacityProvider")
        if name not in (cluster.capacity_providers or []):
            invalid(
                f"The specified capacity provider '{name}' was not found. "
                "Specify a capacity provider that is associated with the cluster and try again."
            )
        if name not in FARGATE_PROVIDERS:
            invalid(f"The local endpoint has no instances for the capacity provider '{name}'.")
        if not 0 <= item.get("weight", 0) <= MAX_WEIGHT or not 0 <= item.get("base", 0) <= MAX_BASE:
            invalid("A capacity provider has a weight from 0 to 1000 and a base from 0 to 100000.")
    if sum(1 for item in strategy if item.get("base")) > 1:
        invalid("Only one capacity provider in a capacity provider strategy can have a base.")
    if not any(item.get("weight") for item in strategy):
        invalid("At least one capacity provider in a strategy must have a weight greater than 0.")


def spread(strategy: list[dict[str, Any]], count: int) -> list[str]:
    """The provider of each of `count` tasks: the base first, then each time who is furthest below its share."""
    if not strategy:
        return []
    taken = {item["capacityProvider"]: 0 for item in strategy}
    weights = {item["capacityProvider"]: item.get("weight", 0) for item in strategy}
    chosen = [item["capacityProvider"] for item in strategy for _ in range(item.get("base", 0))][:count]
    while len(chosen) < count:
        able = [name for name, weight in weights.items() if weight]
        name = min(able, key=lambda one: (taken[one] + 1) / weights[one])
        taken[name] += 1
        chosen.append(name)
    return chosen


def size(overrides: dict[str, Any], definition: TaskDefinition) -> tuple[str, str]:
    """The cpu units and MiB of the task, which Fargate must offer as a pair."""
    cpu, memory = overrides.get("cpu") or definition.cpu, overrides.get("memory") or definition.memory
    if not cpu or not memory:
        refuse("Fargate requires that 'cpu' and 'memory' be defined at the task level.")
    try:
        units, mib = parse_cpu(str(cpu)), parse_memory(str(memory))
    except ValueError:
        refuse("No Fargate configuration exists for given values.")
    if mib not in FARGATE_SIZES[units]:
        refuse("No Fargate configuration exists for given values.")
    return str(units), str(mib)


def ephemeral(overrides: dict[str, Any], definition: TaskDefinition) -> int:
    """GiB of ephemeral storage: 20, or what is asked for, which is 21 to 200."""
    asked = overrides.get("ephemeralStorage") or getattr(definition, "ephemeral_storage", None)
    if not asked:
        return 20
    gib = int(asked["sizeInGiB"])
    if gib not in EPHEMERAL_GIB:
        invalid("Ephemeral storage size must be between 21 GiB and 200 GiB.")
    return gib
