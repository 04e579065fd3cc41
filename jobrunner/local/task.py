"""A task and its containers, as DescribeTasks and the state-change events show them."""

from __future__ import annotations

import itertools
import random
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobrunner.local.wire import dumps

if TYPE_CHECKING:
    from jobrunner.local.faults.book import Deal

_addresses = itertools.count(1)


def new_id() -> str:
    """An identifier as ECS makes them: 32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(kw_only=True)
class Container:
    """One container of a task.

    Attributes:
        definition: Its definition, with the overrides of the RunTask call already in it.
        exit_code: None until it has ended, and for ever if it never started.
    """

    definition: dict[str, Any]
    arn: str
    runtime_id: str
    last_status: str = "PENDING"
    exit_code: int | None = None
    reason: str | None = None
    health_status: str = "UNKNOWN"
    started: bool = False

    @property
    def name(self) -> str:
        """Its name in the task definition."""
        return str(self.definition["name"])

    @property
    def essential(self) -> bool:
        """Whether the task ends with it."""
        return self.definition.get("essential") is not False


@dataclass(kw_only=True)
class Task:
    """One task. Only the event loop's thread changes it; `publish()` makes a change visible to readers.

    Attributes:
        faults: What has been ordered for it, by group; empty unless somebody ordered something.
    """

    id: str
    arn: str
    cluster_arn: str
    region: str
    definition_arn: str
    family: str
    containers: list[Container]
    overrides: dict[str, Any]
    cpu: str
    memory: str
    group: str
    launch_type: str
    subnet: str
    created_at: float
    started_by: str | None = None
    capacity_provider: str | None = None
    platform_version: str = "1.4.0"
    architecture: str = "x86_64"
    ephemeral_gib: int = 20
    enable_execute_command: bool = False
    tags: list[dict[str, str]] = field(default_factory=list)
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    stop_code: str | None = None
    stopped_reason: str | None = None
    times: dict[str, float] = field(default_factory=dict)
    connectivity: str | None = None
    version: int = 0
    attachment: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Deal] = field(default_factory=dict)
    # What readers see: replaced as a whole, never changed.
    snapshot: bytes = b""

    def __post_init__(self) -> None:
        self.attachment = _attachment(self.subnet)
        self.times["createdAt"] = self.created_at

    @property
    def cluster(self) -> str:
        """The cluster's short name."""
        return self.cluster_arn.rpartition("/")[2]

    @property
    def finished(self) -> bool:
        """Whether it has reached STOPPED."""
        return self.last_status == "STOPPED"

    def publish(self) -> None:
        """Count a change, and let readers see it."""
        self.version += 1
        self.snapshot = dumps(self.document())

    def described(self, *, with_tags: bool) -> bytes:
        """The task as JSON, as DescribeTasks answers it; tags are shown only to who asks (`include`)."""
        if not with_tags:
            return self.snapshot
        return self.snapshot[:-1] + b',"tags":' + dumps(self.tags) + b"}"

    def document(self) -> dict[str, Any]:
        """The task as DescribeTasks shows it, without the tags. Times are seconds since 1970."""
        optional = {
            "startedBy": self.started_by,
            "capacityProviderName": self.capacity_provider,
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "connectivity": self.connectivity,
        }
        return {
            "attachments": [self.attachment],
            "attributes": [{"name": "ecs.cpu-architecture", "value": self.architecture}],
            "availabilityZone": f"{self.region}a",
            "clusterArn": self.cluster_arn,
            "containers": [self._container(container) for container in self.containers],
            "cpu": self.cpu,
            "desiredStatus": self.desired_status,
            "enableExecuteCommand": self.enable_execute_command,
            "ephemeralStorage": {"sizeInGiB": self.ephemeral_gib},
            "group": self.group,
            "healthStatus": self._health(),
            "lastStatus": self.last_status,
            "launchType": self.launch_type,
            "memory": self.memory,
            "overrides": self.overrides,
            "platformFamily": "Linux",
            "platformVersion": self.platform_version,
            "taskArn": self.arn,
            "taskDefinitionArn": self.definition_arn,
            "version": self.version,
            **self.times,
            **{key: value for key, value in optional.items() if value is not None},
        }

    def _health(self) -> str:
        checked = [c.health_status for c in self.containers if c.essential and "healthCheck" in c.definition]
        if not checked:
            return "UNKNOWN"
        worst = ("UNHEALTHY", "UNKNOWN", "HEALTHY")
        return min(checked, key=worst.index)

    def _container(self, container: Container) -> dict[str, Any]:
        interfaces = []
        if self.connectivity is not None:
            address = next(d["value"] for d in self.attachment["details"] if d["name"] == "privateIPv4Address")
            interfaces = [{"attachmentId": self.attachment["id"], "privateIpv4Address": address}]
        optional = {
            "exitCode": container.exit_code,
            "reason": container.reason,
            "runtimeId": container.runtime_id if container.started else None,
            "memory": _text(container.definition.get("memory")),
            "memoryReservation": _text(container.definition.get("memoryReservation")),
        }
        return {
            "containerArn": container.arn,
            "taskArn": self.arn,
            "name": container.name,
            "image": container.definition.get("image", ""),
            "lastStatus": container.last_status,
            "networkInterfaces": interfaces,
            "healthStatus": container.health_status,
            "cpu": str(container.definition.get("cpu", 0)),
            **{key: value for key, value in optional.items() if value is not None},
        }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _attachment(subnet: str) -> dict[str, Any]:
    """A network interface that does not exist: the endpoint never pretends to check networking."""
    number = next(_addresses)
    address = f"10.0.{number // 250 % 250}.{number % 250 + 4}"
    mac = ":".join(["0a", *(f"{random.randrange(256):02x}" for _ in range(5))])  # noqa: S311 - no secret
    return {
        "id": str(uuid.uuid4()),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [
            {"name": "subnetId", "value": subnet},
            {"name": "networkInterfaceId", "value": f"eni-{uuid.uuid4().hex[:17]}"},
            {"name": "macAddress", "value": mac},
            {"name": "privateDnsName", "value": f"ip-{address.replace('.', '-')}.ec2.internal"},
            {"name": "privateIPv4Address", "value": address},
        ],
    }
