"""ECS's task definitions: DescribeTaskDefinition, ListTaskDefinitions, RegisterTaskDefinition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.aws import faults, wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.aws.connection import Clients
    from jobrunner.core.ports import Definition

#: What ECS says under ClientException of a family or revision that does not exist.
_NONE = "unable to describe task definition"
_PAGE = 100


class EcsDefinitions:
    """`ports.Definitions` on ECS."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def describe(self, name: str) -> Definition | None:
        """Describe a task definition; see `ports.Definitions.describe`."""
        with faults.translated("ecs:DescribeTaskDefinition", f"describe the task definition {name}"):
            try:
                answer = self._clients.ecs().describe_task_definition(taskDefinition=name, include=["TAGS"])
            except Exception as error:
                if faults.is_client_error(error) and _NONE in faults.message_of(error).lower():
                    return None
                raise
        return wire.definition(answer)

    def revisions(self, family: str, limit: int) -> Sequence[str]:
        """List active revisions, newest first; see `ports.Definitions.revisions`.

        ECS takes `familyPrefix` for the whole name of a family ("the full family name", ListTaskDefinitions);
        endpoints that take it for a prefix may give others, which are left out here.
        """
        found: list[str] = []
        with faults.translated("ecs:ListTaskDefinitions", f"list the revisions of {family}"):
            pages = self._clients.ecs().get_paginator("list_task_definitions")
            answers = pages.paginate(
                familyPrefix=family, status="ACTIVE", sort="DESC", PaginationConfig={"PageSize": min(limit, _PAGE)}
            )
            for answer in answers:
                found += [arn for arn in answer.get("taskDefinitionArns") or () if _family(arn) == family]
                if len(found) >= limit:
                    break
        # Sorted again: moto ignores `sort`, and gives all of them in one page.
        return sorted(found, key=_revision, reverse=True)[:limit]

    def register(self, request: Mapping[str, Any]) -> Definition:
        """Register a revision."""
        with faults.translated("ecs:RegisterTaskDefinition", f"register the task definition {request.get('family')}"):
            answer = self._clients.ecs().register_task_definition(**request)
        return wire.definition(answer)


def _family(arn: str) -> str:
    return arn.rsplit("/", 1)[-1].rsplit(":", 1)[0]


def _revision(arn: str) -> int:
    return int(arn.rsplit(":", 1)[-1])
