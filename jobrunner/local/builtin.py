"""The network and the roles of the built-in local stage, put into moto's backends under their fixed names."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: What AmazonECSTaskExecutionRolePolicy allows; moto loads AWS's managed policies only when a variable says so.
_EXECUTION_ACTIONS: Final = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)


def make_roles(region: str) -> None:
    """The execution role and the task role, which trust ECS tasks. The role of Scheduler is in the stack."""
    del region  # IAM is global
    _make_role(local_stage.EXECUTION_ROLE, _EXECUTION_ACTIONS)
    _make_role(local_stage.TASK_ROLE, ())


def _make_role(arn: str, actions: Sequence[str]) -> None:
    backend = importlib.import_module("moto.iam").iam_backends[local_stage.ACCOUNT_ID]["aws"]
    name = arn.rpartition("/")[2]
    if any(role.name == name for role in backend.roles.values()):
        return  # of another endpoint of this process: they share moto's state
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    backend.create_role(name, _policy(trust), "/", "", "jobrunner's local stage", [], "3600", None)
    if actions:
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        backend.put_role_policy(name, name.rpartition("-")[2], _policy(allowed))


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_network(region: str) -> None:
    """A VPC with the subnets and the security group. moto chooses ids itself, so the objects are renamed."""
    backend = importlib.import_module("moto.ec2").ec2_backends[local_stage.ACCOUNT_ID][region]
    if any(local_stage.SUBNETS[0] in found for found in backend.subnets.values()):
        return  # of another endpoint of this process, as the roles
    vpc = backend.create_vpc("10.71.0.0/16", tags=[{"Key": "Name", "Value": "jobrunner-local"}])
    backend.modify_vpc_attribute(vpc.id, "enable_dns_hostnames", attr_value=True)
    for number, wanted in enumerate(local_stage.SUBNETS):
        zone = f"{region}{'abc'[number]}"
        subnet = backend.create_subnet(vpc.id, f"10.71.{number}.0/24", availability_zone=zone)
        del backend.subnets[zone][subnet.id]
        subnet.id = wanted
        backend.subnets[zone][wanted] = subnet
    for wanted in local_stage.SECURITY_GROUPS:
        group = backend.create_security_group("jobrunner-local", "jobrunner's local stage", vpc_id=vpc.id)
        _rename_group(backend, vpc.id, group, wanted)


def _rename_group(backend: Any, vpc_id: str, group: Any, wanted: str) -> None:
    del backend.groups[vpc_id][group.id]
    group.id = group.group_id = wanted
    backend.groups[vpc_id][wanted] = group


MAKERS: Final[Mapping[str, Callable[[str], None]]] = {"ec2": make_network, "iam": make_roles}
