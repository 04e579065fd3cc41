"""moto's Step Functions, made into one place for all machines, and `AWS::StepFunctions::StateMachine` as AWS takes it.

moto has two stores, one for machines that its interpreter executes and one for those that only pretend to run, and its
CloudFormation always makes the second kind. It also knows only `DefinitionString`, and no substitutions.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUBSTITUTED: Final = re.compile(r"\$\{([^}]+)\}")
_lock = threading.Lock()


def prepare() -> Any:
    """Give moto's backends of Step Functions, by account and region. May be called often."""
    models: Any = importlib.import_module("moto.stepfunctions.models")
    with _lock:
        parser = importlib.import_module("moto.stepfunctions.parser.models")
        if models.stepfunctions_backends is not parser.stepfunctions_parser_backends:
            config = importlib.import_module("moto.core.config").default_user_config
            config["stepfunctions"]["execute_state_machine"] = True
            models.stepfunctions_backends = parser.stepfunctions_parser_backends
            models.StateMachine.create_from_cloudformation_json = _create
            models.StateMachine.update_from_cloudformation_json = _update
        return parser.stepfunctions_parser_backends


def machine_request(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The CreateStateMachine that a resource of a template stands for.

    Args:
        properties: Of `AWS::StepFunctions::StateMachine`, with the template's functions resolved.
        name: For a machine without `StateMachineName`.

    Raises:
        ApiError: ValidationException: there is no definition, or more than one.
    """
    given = [one for one in ("Definition", "DefinitionString", "DefinitionS3Location") if one in properties]
    if len(given) != 1 or given[0] == "DefinitionS3Location":
        raise ApiError("ValidationException", "Give exactly one of Definition and DefinitionString.")
    definition = properties[given[0]]
    text = definition if isinstance(definition, str) else json.dumps(definition)
    substitutions = properties.get("DefinitionSubstitutions") or {}
    text = _SUBSTITUTED.sub(lambda found: str(substitutions.get(found[1], found[0])), text)
    asked = {
        "name": properties.get("StateMachineName") or name,
        "definition": text,
        "roleArn": properties.get("RoleArn", ""),
        "type": properties.get("StateMachineType", "STANDARD"),
        "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", ())],
    }
    for configuration in ("LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration"):
        if configuration in properties:
            asked[configuration[0].lower() + configuration[1:]] = _lowered(properties[configuration])
    return asked


def _lowered(value: Any) -> Any:
    """Names as the API spells them."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _lowered(item) for name, item in value.items()}
    return [_lowered(item) for item in value] if isinstance(value, list) else value


def _machines(account: str, region: str) -> Any:
    from jobrunner.local.states.machines import Machines  # noqa: PLC0415 - it imports this module

    return Machines(prepare()[account][region], region)


@classmethod  # type: ignore[misc]  # it becomes one of moto's class
def _create(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any) -> Any:
    """Make the machine of a resource: a hook of moto's."""
    del cls
    asked = machine_request(cloudformation_json["Properties"], resource_name)
    return _told(lambda: _machines(account_id, region_name).create(asked))


@classmethod  # type: ignore[misc]  # as above
def _update(  # noqa: PLR0917 - so moto calls it
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    """Change it, or, for another name or type, put another one in its place: a hook of moto's."""
    asked = machine_request(cloudformation_json.get("Properties", {}), original_resource.name)
    machines = _machines(account_id, region_name)
    if (asked["name"], asked["type"]) != (original_resource.name, original_resource.type):
        machines.delete(original_resource.arn)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
    machine = _told(lambda: machines.update({"stateMachineArn": original_resource.arn, **asked}))
    machine.backend.tagger.delete_all_tags_for_resource(machine.arn)
    machine.backend.tagger.tag_resource(machine.arn, asked["tags"])
    return machine


def _told(work: Any) -> Any:
    """A refusal of ours as CloudFormation's protocol carries it."""
    try:
        return work()
    except ApiError as error:
        refused = importlib.import_module("moto.cloudformation.exceptions").ValidationError
        raise refused(message=f"{error.code}: {error.message}") from error
