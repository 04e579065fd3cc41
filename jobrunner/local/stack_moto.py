"""What moto's CloudFormation does otherwise than AWS's, put right where a stack of ours needs it.

- `AWS::NoValue` in a list leaves a null there.
- A parameter that changes is seen where `Ref` names it, not in `Sub`, not behind a condition or another resource.
- Roles and queues keep their name, and roles their policies, whatever the template says.
- A log group of a stack cannot be changed.
- An inline policy of a role stays a Python dict, and IAM shows it as that.
- A stack that came by a change set, as `aws cloudformation deploy` makes it, has no outputs, keeps its first parameters
  for the next comparison, and fails when a list is to stay as it is.
- A change set without a change is refused, where AWS makes one that has failed, which `deploy` waits for.
- A template may come from S3, and one over 51,200 bytes has to ("Quotas", CloudFormation user guide): from the address
  that clients of this endpoint give it moto reads another bucket's name.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from moto.cloudformation.utils import get_stack_from_s3_url

from jobrunner.local.server import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_IN_SUB: Final = re.compile(r"\$\{(?!!)([^}.]+)")


def patch() -> None:
    """Put it right for this process. To be called once."""
    models, parsing, responses = (_moto(f"cloudformation.{name}") for name in ("models", "parsing", "responses"))
    parsing.clean_json = _without_nulls(parsing.clean_json)
    parsing.ResourceMap.build_resource_diff = _complete(parsing.ResourceMap.build_resource_diff)
    for module in (models, responses):
        module.get_stack_from_s3_url = _from_here
    answers = responses.CloudFormationResponse
    answers.create_change_set = _unrefused(answers.create_change_set)
    models.ChangeSet.apply = _apply
    models.Stack.stack_parameters = property(_parameters)
    models.Stack.parameter_list = property(_parameter_list)
    models.Stack.has_parameters = _has_parameters
    role, queue = _moto("iam.models").Role, _moto("sqs.models").Queue
    role.put_policy = _as_json(role.put_policy)
    role.update_from_cloudformation_json = classmethod(_replacing(_update_role))
    queue.update_from_cloudformation_json = classmethod(_replacing(queue.update_from_cloudformation_json))
    _moto("logs.models").LogGroup.update_from_cloudformation_json = classmethod(_replacing(_update_log_group))


def _moto(name: str) -> Any:
    """A module, without the types that forbid to change it."""
    return importlib.import_module(f"moto.{name}")


def _from_here(template_url: str, account_id: str, partition: str) -> Any:
    """The template of a URL; `localhost` is what moto calls an endpoint whose paths begin with the bucket."""
    address = template_url.replace(f"//{HOST}:", "//localhost:", 1)
    return get_stack_from_s3_url(address, account_id=account_id, partition=partition)


def _unrefused(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(create)
    def created(self: Any) -> Any:
        self._validate_different_update = lambda *_: None  # of this request alone
        return create(self)

    return created


def _apply(change_set: Any) -> None:
    stack = change_set.stack
    stack.resource_map.update(change_set.template_dict, change_set.parameters)
    stack.template, stack.parameters = change_set.template, change_set.parameters
    stack._parse_template()  # noqa: SLF001 - as Stack.update does
    stack.output_map = stack._create_output_map()  # noqa: SLF001


def _parameters(stack: Any) -> dict[str, str]:
    """All parameters as they are given: lists with commas."""
    resolved = stack.resource_map.resolved_parameters
    hidden = getattr(stack.resource_map, "no_echo_parameter_keys", ())
    texts = {key: ",".join(value) if isinstance(value, list) else value for key, value in resolved.items()}
    return {key: "****" if key in hidden else str(value) for key, value in texts.items()}


def _parameter_list(stack: Any) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in _parameters(stack).items()]


def _has_parameters(stack: Any, others: Mapping[str, str]) -> bool:
    """Whether a change set with these would leave all as they are."""
    mine = _parameters(stack)
    return {**mine, **others} == mine


def _without_nulls(clean: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    @functools.wraps(clean)
    def cleaned(value: Any, resources: Any) -> Any:
        found = clean(value, resources)
        return [item for item in found if item is not None] if isinstance(found, list) else found

    return cleaned


def _complete(differences: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    @functools.wraps(differences)
    def found(self: Any, other_template: dict[str, Any], parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        changes = differences(self, other_template, parameters)
        before = self.input_parameters
        given = (
            {name for name in {*before, *parameters} if before.get(name) != parameters.get(name)} if parameters else ()
        )
        touched = {*given, *changes["Modify"]}
        for _ in range(len(other_template["Resources"])):
            touched |= {name for name, mentioned in _mentions(other_template) if mentioned & touched}
        old = self._resource_json_map
        changes["Modify"] = [name for name in other_template["Resources"] if name in touched and name in old]
        return changes

    return found


def _mentions(template: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Each condition and resource, with what it names."""
    for section in ("Conditions", "Resources"):
        for name, value in template.get(section, {}).items():
            yield name, set(_names(value))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in {"Ref", "Condition"} and isinstance(item, str):
            yield item
        elif key in {"Fn::GetAtt", "Fn::If"}:
            yield item[0]
        elif key == "Fn::Sub":
            yield from _IN_SUB.findall(item if isinstance(item, str) else item[0])
        yield from _names(item)


def _as_json(put: Callable[[Any, str, Any], None]) -> Callable[[Any, str, Any], None]:
    @functools.wraps(put)
    def as_json(self: Any, policy_name: str, policy_json: Any) -> None:
        put(self, policy_name, policy_json if isinstance(policy_json, str) else json.dumps(policy_json))

    return as_json


def _update_role(role: Any, _name: str, document: Any, _account: str, _region: str) -> Any:
    properties = document["Properties"]
    role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
    role.description = properties.get("Description", "")
    for policy in properties.get("Policies", ()):
        role.put_policy(policy["PolicyName"], policy["PolicyDocument"])
    return role


def _update_log_group(group: Any, _name: str, document: Any, _account: str, _region: str) -> Any:
    group.set_retention_policy(document["Properties"].get("RetentionInDays"))
    return group


def _replacing(update: Callable[..., Any]) -> Callable[..., Any]:
    """An update that makes another thing under another name, and deletes the old one."""

    def replaced(
        cls: Any,
        *,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        where = (account_id, region_name)
        named = cls.cloudformation_name_type() in cloudformation_json["Properties"]
        if not named or new_resource_name == original_resource.name:
            return update(original_resource, new_resource_name, cloudformation_json, *where)
        made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, *where)
        cls.delete_from_cloudformation_json(original_resource.physical_resource_id, cloudformation_json, *where)
        return made

    return replaced
