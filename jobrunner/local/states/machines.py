"""State machines. moto keeps them, with versions, aliases and tags, whoever makes them: the API or CloudFormation.

What is here is what moto lacks: definitions in JSONata are validated, a name with another definition is refused, and
CloudFormation's machines are the API's too.
"""

from __future__ import annotations

import importlib
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage
from jobrunner.local.states import validate
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.states.diagnostics import Diagnostic

#: "A name must not contain": white space, brackets, wildcards, special and control characters (API reference).
_NAME: Final = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]{1,80}")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:states:([a-z0-9-]+):(\d{12}):stateMachine:([^:]+)(?::([^:]+))?")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
#: With the definition, what a repeated CreateStateMachine must have in common with the first one (API reference).
_SAME: Final = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")

#: Two calls at the same time must not make two machines of one name.
_lock = threading.Lock()


def check_name(name: str) -> None:
    """Accept the name of a machine or of an execution.

    Raises:
        ApiError: InvalidName.
    """
    if not _NAME.fullmatch(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The part of a machine that an execution is started with.

    Attributes:
        machine: moto's state machine.
        qualified: The ARN of the version or the alias that was asked for; None without.
        text: The definition.
        role: The ARN of the role.
    """

    machine: Any
    qualified: str | None
    text: str
    role: str


class Machines:
    """The machines of one region.

    Args:
        backend: moto's.
        region: Its region.
    """

    def __init__(self, backend: Any, region: str) -> None:
        self._backend = backend
        self._region = region

    def all(self) -> list[Any]:
        """All of them, in the order of their names."""
        return sorted(self._backend.state_machines, key=lambda machine: str(machine.name))

    def get(self, arn: str) -> Any:
        """A machine by its ARN, which may name a version or an alias.

        Raises:
            ApiError: InvalidArn, StateMachineDoesNotExist.
        """
        match = _ARN.fullmatch(arn)
        if match is None:
            raise ApiError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {arn}'")
        region, account, name, _ = match.groups()
        if region == self._region and account == local_stage.ACCOUNT_ID:
            for machine in self._backend.state_machines:
                if machine.name == name:
                    return machine
        raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")

    def definition(self, arn: str) -> Definition:
        """What an execution is started with.

        Raises:
            ApiError: As `get`.
        """
        machine = self.get(arn)
        match = _ARN.fullmatch(arn)
        qualifier = match[4] if match else None
        if qualifier is None:
            return Definition(machine=machine, qualified=None, text=machine.definition, role=machine.roleArn)
        alias = machine.aliases.get(qualifier)
        number = alias.routing_configuration[0]["stateMachineVersionArn"].rpartition(":")[2] if alias else qualifier
        version = machine.versions.get(int(number)) if number.isdecimal() else None
        if version is None:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return Definition(machine=machine, qualified=arn, text=version.definition, role=version.roleArn)

    def create(self, asked: Mapping[str, Any]) -> Any:
        """A machine: a new one, or the one that this call has made before.

        Args:
            asked: The parameters of CreateStateMachine.

        Raises:
            ApiError: InvalidName, InvalidArn, InvalidDefinition, StateMachineAlreadyExists.
        """
        check_name(asked["name"])
        _check_role(asked["roleArn"])
        check_definition(asked["definition"])
        with _lock:
            for machine in self._backend.state_machines:
                if machine.name == asked["name"]:
                    return _same(machine, asked)
            return self._made(asked)

    def _made(self, asked: Mapping[str, Any]) -> Any:
        return _plain().create_state_machine(
            self._backend,
            name=asked["name"],
            definition=asked["definition"],
            roleArn=asked["roleArn"],
            tags=asked.get("tags"),
            publish=asked.get("publish"),
            version_description=asked.get("versionDescription"),
            sm_type=asked.get("type"),
            **{name: asked.get(name) for name in _SAME},
        )

    def update(self, asked: Mapping[str, Any]) -> Any:
        """Change a machine.

        Args:
            asked: The parameters of UpdateStateMachine.

        Raises:
            ApiError: As `get`; MissingRequiredParameter, InvalidArn, InvalidDefinition.
        """
        machine = self.get(asked["stateMachineArn"])
        if not any(asked.get(name) for name in ("definition", "roleArn", *_SAME)):
            raise ApiError(
                "MissingRequiredParameter", "Either the definition, the role ARN or a configuration is needed"
            )
        if asked.get("roleArn"):
            _check_role(asked["roleArn"])
        if asked.get("definition"):
            check_definition(asked["definition"])
        return _plain().update_state_machine(
            self._backend,
            machine.arn,
            definition=asked.get("definition"),
            role_arn=asked.get("roleArn"),
            logging_configuration=asked.get("loggingConfiguration"),
            tracing_configuration=asked.get("tracingConfiguration"),
            encryption_configuration=asked.get("encryptionConfiguration"),
            publish=asked.get("publish"),
            version_description=asked.get("versionDescription"),
        )

    def delete(self, arn: str) -> None:
        """Delete a machine with its tags, at once; AWS's is DELETING until its executions have ended.

        Raises:
            ApiError: InvalidArn. A machine that there is not is deleted already.
        """
        try:
            machine = self.get(arn)
        except ApiError as error:
            if error.code == "StateMachineDoesNotExist":
                return
            raise
        self._backend.state_machines.remove(machine)
        self._backend.tagger.delete_all_tags_for_resource(machine.arn)


def _plain() -> Any:
    """Give moto's backend without the validation of its interpreter: ours has come first."""
    return importlib.import_module("moto.stepfunctions.models").StepFunctionBackend


def _check_role(arn: str) -> None:
    if not _ROLE.fullmatch(arn):
        raise ApiError("InvalidArn", f"Invalid Role Arn: '{arn}'")


def _same(machine: Any, asked: Mapping[str, Any]) -> Any:
    """The machine, if the call would make the same one. The role and the tags do not count (API reference)."""
    same = machine.definition == asked["definition"] and machine.type == asked.get("type", "STANDARD")
    same = same and all(asked.get(name) in (None, getattr(machine, name)) for name in _SAME)
    if not same:
        raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{machine.arn}'")
    return machine


def problems(text: str) -> list[Diagnostic]:
    """What is wrong with a definition, in either language."""
    found = validate.definition(text)
    if found is None:
        return validate.not_json()
    if validate.is_jsonata(found):
        return validate.problems(found)
    return importlib.import_module("jobrunner.local.states.paths").problems(text)  # type: ignore[no-any-return]


def check_definition(text: str) -> None:
    """Accept a definition.

    Raises:
        ApiError: InvalidDefinition.
    """
    found = problems(text)
    if found:
        raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(map(str, found))}'")
