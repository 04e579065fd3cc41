"""From a job to its task definition: everything of a job that does not depend on a single run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core import naming
from jobrunner.core.ecs_json import needed, pairs, present, tags_of
from jobrunner.core.params import references, substitute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import HealthCheck, JobSpec, Sidecar

#: The tag that carries a task definition's content hash.
HASH_TAG = "jobrunner:hash"

_ARCHITECTURES = {"x86_64": "X86_64", "arm64": "ARM64"}
_WAIT_FOR = {"started": "START", "healthy": "HEALTHY", "complete": "COMPLETE", "success": "SUCCESS"}


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """The RegisterTaskDefinition request of a job.

    Attributes:
        body: The request, without the hash's own tag.
        hash: SHA-256 of the content that makes a difference: all but the tags.
    """

    body: Mapping[str, Any]
    hash: str

    @property
    def family(self) -> str:
        """The family, to which ECS adds a revision."""
        return str(self.body["family"])

    def request(self) -> dict[str, Any]:
        """Give the request as sent."""
        return {**self.body, "tags": [*self.body["tags"], {"key": HASH_TAG, "value": self.hash}]}


def task_definition(spec: JobSpec, settings: Settings) -> TaskDefinition | None:
    """Build the task definition of a job; None when it names an existing one.

    Raises:
        SpecError: A setting that Fargate demands is missing.
    """
    if spec.task_definition is not None:
        return None
    content = {
        "family": naming.family(project=settings.project, stage=settings.stage, job=spec.name),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": str(spec.cpu),
        "memory": str(spec.memory),
        "runtimePlatform": {
            "cpuArchitecture": _ARCHITECTURES[spec.architecture],
            "operatingSystemFamily": "LINUX",
        },
        "executionRoleArn": needed(spec.execution_role or settings.execution_role, "execution_role", settings),
        **present("taskRoleArn", spec.task_role or settings.task_role),
        **present("ephemeralStorage", spec.ephemeral_storage and {"sizeInGiB": spec.ephemeral_storage}),
        "containerDefinitions": [
            _main_container(spec, settings),
            *(_sidecar(name, sidecar, spec, settings) for name, sidecar in sorted(spec.sidecars.items())),
        ],
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return TaskDefinition(body={**content, "tags": tags_of(spec, settings)}, hash=digest)


#: A soft limit in MiB for containers that have no limit of their own. On Fargate it changes nothing, as the task's
#: memory is theirs anyway; but moto's ECS, on which many of our users test, cannot add up containers without one.
#: Ten containers, ECS's most, fit the smallest task with it.
MEMORY_RESERVATION = 32


def _main_container(spec: JobSpec, settings: Settings) -> dict[str, Any]:
    environment, command = _by_default(spec)
    waits = [
        {"containerName": name, "condition": _WAIT_FOR[sidecar.wait_for]}
        for name, sidecar in sorted(spec.sidecars.items())
        if sidecar.wait_for
    ]
    s3_files = [file for file in spec.env_file if file.startswith("arn:")]
    return {
        "name": naming.MAIN_CONTAINER,
        "image": spec.image,
        "essential": True,
        "memoryReservation": MEMORY_RESERVATION,
        **_process(spec.entrypoint, command, spec.working_directory),
        "environment": pairs(environment),
        **present("environmentFiles", [{"value": file, "type": "s3"} for file in s3_files]),
        **present("secrets", _secrets(spec.secrets)),
        **present("dependsOn", waits),
        **present("stopTimeout", spec.stop_timeout),
        **_surroundings(spec, settings),
    }


def _by_default(spec: JobSpec) -> tuple[dict[str, str], list[str] | None]:
    """Give environment and command with the parameters' defaults; what needs a value that has none is left out.

    Every run says all that depends on parameters in its overrides. The defaults stand here for whoever starts a
    task from the definition without jobrunner.
    """
    defaults = {name: param.default for name, param in spec.params.items() if param.default is not None}

    def filled(text: str) -> str | None:
        return substitute(text, defaults) if set(references(text)) <= set(defaults) else None

    environment = {name: filled(value) for name, value in spec.environment.items()}
    words = [filled(word) for word in spec.command or ()]
    known = [word for word in words if word is not None]
    return (
        {name: value for name, value in environment.items() if value is not None},
        known if len(known) == len(words) else None,
    )


def _sidecar(name: str, sidecar: Sidecar, spec: JobSpec, settings: Settings) -> dict[str, Any]:
    check = sidecar.health_check
    return {
        "name": name,
        "image": sidecar.image,
        "essential": sidecar.essential,
        **_process(sidecar.entrypoint, sidecar.command, sidecar.working_directory),
        "environment": pairs(sidecar.environment),
        **present("secrets", _secrets(sidecar.secrets)),
        **present("cpu", sidecar.cpu),
        **({"memory": sidecar.memory} if sidecar.memory else {"memoryReservation": MEMORY_RESERVATION}),
        **present("stopTimeout", sidecar.stop_timeout),
        **present("healthCheck", check and _health_check(check)),
        **_surroundings(spec, settings),
    }


def _health_check(check: HealthCheck) -> dict[str, Any]:
    return {
        "command": list(check.command),
        **present("interval", check.interval),
        **present("timeout", check.timeout),
        **present("retries", check.retries),
        **present("startPeriod", check.start_period),
    }


def _process(entrypoint: Iterable[str] | None, command: Iterable[str] | None, directory: str | None) -> dict[str, Any]:
    return {
        **present("entryPoint", entrypoint and list(entrypoint)),
        **present("command", command and list(command)),
        **present("workingDirectory", directory),
    }


def _surroundings(spec: JobSpec, settings: Settings) -> dict[str, Any]:
    """Give what every container of a job has.

    `mode` is explicit because AWS's default has been non-blocking since 2025-06-25, which drops lines when its
    buffer is full. The init process makes signals reach programs that, as process 1, would ignore them, and
    collects what they leave behind.
    """
    return {
        "linuxParameters": {"initProcessEnabled": True},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": spec.log_group or settings.log_group,
                "awslogs-region": needed(settings.region, "region", settings),
                "awslogs-stream-prefix": spec.name,
                "mode": "blocking",
            },
        },
    }


def _secrets(secrets: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "valueFrom": source} for name, source in sorted(secrets.items())]
