"""Resources of CloudFormation that moto does not know: schedule groups, which are ours, and policies of what it has."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from jobrunner.local import stack_groups
from jobrunner.local.schedule_store import Group
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OWN: Final = "aws:cloudformation:"


class _Resource:
    """What moto asks of every resource. No `CloudFormationModel`: moto finds only those that are one directly."""

    cf_resource_type: str
    logical_resource_id: str

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self.name

    def is_created(self) -> bool:
        """At once."""
        return True


class ScheduleGroup(_Resource, CloudFormationModel):
    """`AWS::Scheduler::ScheduleGroup`."""

    def __init__(self, group: Group, own: Mapping[str, str]) -> None:
        super().__init__(group.name)
        self.group = group
        self.own = own

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """The type in templates."""
        return "AWS::Scheduler::ScheduleGroup"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether `GetAtt` may ask for it."""
        return attr in {"Arn", "State"}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """What `GetAtt` gives."""
        return {"Arn": self.group.arn, "State": "ACTIVE"}[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
    ) -> ScheduleGroup:
        """Make it, with the tags that CloudFormation adds ("Resource tag", CloudFormation user guide)."""
        del account_id
        own = {
            f"{_OWN}stack-name": kwargs["StackId"].split("/")[1],
            f"{_OWN}stack-id": kwargs["StackId"],
            f"{_OWN}logical-id": kwargs["LogicalId"],
        }
        return cls._made(resource_name, cloudformation_json, region_name, own)

    @classmethod
    def _made(cls, name: str, document: Any, region: str, own: Mapping[str, str]) -> ScheduleGroup:
        tags = {**_tags(document), **own}
        group = Group(region=region, name=name, created_at=datetime.now(UTC), tags=tags)
        _told(lambda: stack_groups.add(group))
        return cls(group, own)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: ScheduleGroup,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> ScheduleGroup:
        """Change its tags; another name is another group, and the old one goes with its schedules."""
        del account_id
        if "Name" in cloudformation_json["Properties"] and new_resource_name != original_resource.name:
            made = cls._made(new_resource_name, cloudformation_json, region_name, original_resource.own)
            stack_groups.remove(region_name, original_resource.name)
            return made
        tags = {**_tags(cloudformation_json), **original_resource.own}
        _told(lambda: stack_groups.tag(region_name, original_resource.name, tags))
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete it with its schedules."""
        del account_id
        stack_groups.remove(region_name, self.name)


class _Policy(_Resource):
    """The policy of resources that keep it as an attribute.

    Args:
        name: Of the resource in the stack.
        holders: URLs of queues, or ARNs of topics.
    """

    #: The property that names the holders.
    property: str

    def __init__(self, name: str, holders: list[str]) -> None:
        super().__init__(name)
        self.holders = holders

    @staticmethod
    def cloudformation_name_type() -> str:
        """It has no name of its own."""
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Whether `GetAtt` may ask for it."""
        return attr == "Id"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """What `GetAtt` gives."""
        return {"Id": self.name}[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Self:
        """Set it."""
        properties = cloudformation_json["Properties"]
        made = cls(resource_name, properties[cls.property])
        made._set(account_id, region_name, json.dumps(properties["PolicyDocument"]))
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Set it anew, and take it from those that it is no more of."""
        del new_resource_name
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(original_resource.name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Take it from its holders."""
        self._set(account_id, region_name, None)

    def _set(self, account: str, region: str, policy: str | None) -> None:
        """Set it, or take it away. A holder that is gone has none any more."""
        raise NotImplementedError


class QueuePolicy(_Policy, CloudFormationModel):
    """`AWS::SQS::QueuePolicy`: the attribute `Policy` of its queues."""

    property = "Queues"

    @staticmethod
    def cloudformation_type() -> str:
        """The type in templates."""
        return "AWS::SQS::QueuePolicy"

    def _set(self, account: str, region: str, policy: str | None) -> None:
        for url in self.holders:
            queue = sqs_backends[account][region].queues.get(url.rpartition("/")[2])
            if queue is not None:
                queue.policy = policy


class TopicPolicy(_Policy, CloudFormationModel):
    """`AWS::SNS::TopicPolicy`: the attribute `Policy` of its topics, in the place of the one that each begins with."""

    property = "Topics"

    @staticmethod
    def cloudformation_type() -> str:
        """The type in templates."""
        return "AWS::SNS::TopicPolicy"

    def _set(self, account: str, region: str, policy: str | None) -> None:
        for arn in self.holders:
            topic = sns_backends[account][region].topics.get(arn)
            if topic is not None:
                first = json.dumps(topic._create_default_topic_policy(region, account, topic.name))  # noqa: SLF001
                topic.policy = policy or first


def register() -> None:
    """Let moto's CloudFormation know them; its list of types may have been read before."""
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()


def _tags(document: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in document["Properties"].get("Tags", ())}


def _told(work: Callable[[], None]) -> None:
    """A refusal of ours as CloudFormation's protocol carries it."""
    try:
        work()
    except ApiError as error:
        raise ValidationError(message=f"{error.code}: {error.message}") from error
