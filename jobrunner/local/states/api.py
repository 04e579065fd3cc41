"""Step Functions' operations on machines and executions. Versions, aliases, activities and callbacks are moto's.

Source of the rules: botocore's model of stepfunctions 2016-11-23 and the API reference.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage
from jobrunner.local import schedule_model
from jobrunner.local.states import answers, paths_calls, validate
from jobrunner.local.states import machines as machine_rules
from jobrunner.local.states.execution import Executions, JsonataExecution, Started
from jobrunner.local.states.integrations import Calls
from jobrunner.local.states.loop import Loop
from jobrunner.local.states.machines import Machines
from jobrunner.local.states.sdk import Services
from jobrunner.local.states.visit import Surroundings
from jobrunner.local.wire import ApiError, Reply, dumps, error_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.moto_state import MotoState
    from jobrunner.local.states.execution import Execution, Told
    from jobrunner.local.states.machines import Definition
    from jobrunner.local.wire import Request

    #: Parameters and region → the answer.
    _Operation = Callable[[dict[str, Any], str], dict[str, Any]]

_JSON: Final = "application/x-amz-json-1.0"
#: How many ValidateStateMachineDefinition tells.
_DIAGNOSTICS: Final = 100
#: The limit of an input is one of bytes; the model's pattern for the other is none of Python's.
_UNCHECKED: Final = frozenset(("input", "traceHeader"))


class StatesApi:
    """The operations, and what runs.

    Args:
        moto: Keeps the machines.
        call: Answers a request as if a client had sent it: how tasks reach the services.
        clock: Seconds since 1970.
        url: Of the endpoint, for the clients of moto's interpreter.
        told: Hears of each execution when it starts and when it ends.
    """

    def __init__(
        self,
        moto: MotoState,
        call: Callable[[Request], Reply | None],
        clock: Callable[[], float],
        url: str,
        *,
        told: Told,
    ) -> None:
        self._moto = moto
        self._url = url
        self._clock = clock
        self._told = told
        self._loop = Loop(clock)
        self._calls = Calls(services=Services(call), clock=clock, essential=moto.essential_containers)
        self._executions = Executions()
        self._operations: dict[str, _Operation] = {
            "CreateStateMachine": self._create,
            "UpdateStateMachine": self._update,
            "DescribeStateMachine": self._describe,
            "DescribeStateMachineForExecution": self._describe_for_execution,
            "DeleteStateMachine": self._delete,
            "ListStateMachines": self._list,
            "ValidateStateMachineDefinition": _validated,
            "StartExecution": self._start,
            "DescribeExecution": self._describe_execution,
            "ListExecutions": self._list_executions,
            "StopExecution": self._stop,
            "GetExecutionHistory": self._history,
        }

    def close(self) -> None:
        """End all executions."""
        for execution in self._executions.running():
            execution.abandon()
        self._loop.close()
        paths_calls.forget(self._url)

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request that is signed for Step Functions; None when it is moto's."""
        try:
            operation = self._operations.get(request.operation)
            if operation is None:
                self._check_resource(request)
                return None
            asked = request.json()
            schedule_model.check(_shape(request.operation), {key: asked[key] for key in asked if key not in _UNCHECKED})
            return Reply(body=dumps(operation(asked, request.region)), content_type=_JSON)
        except ApiError as error:
            reply = error_reply(error)
            return Reply(body=reply.body, status=reply.status, content_type=_JSON, headers=reply.headers)

    def _check_resource(self, request: Request) -> None:
        """See that a resource of moto's operations is there: moto tags what is not."""
        machines, arn = self._machines(request.region), request.json().get("resourceArn")
        try:
            if isinstance(arn, str) and ":stateMachine:" in arn:
                machines.get(arn)
        except ApiError:
            raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'") from None

    # -- machines ----------------------------------------------------------------------------------------------

    def _machines(self, region: str) -> Machines:
        return Machines(self._moto.state_machines(region), region)

    def _create(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        machine = self._machines(region).create(asked)
        return {
            "stateMachineArn": machine.arn,
            "creationDate": machine.creation_date.timestamp(),
            **({"stateMachineVersionArn": machine.latest_version.arn} if asked.get("publish") else {}),
        }

    def _update(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        machine = self._machines(region).update(asked)
        return {
            "updateDate": machine.update_date.timestamp(),
            **({"stateMachineVersionArn": machine.latest_version.arn} if asked.get("publish") else {}),
        }

    def _describe(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        return answers.described(self._machines(region).definition(asked["stateMachineArn"]), asked)

    def _describe_for_execution(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        started = self._execution(asked, region).started
        machine = self._machines(region).get(started.machine_arn)
        return {
            "stateMachineArn": started.machine_arn,
            "name": started.machine_name,
            "roleArn": started.role,
            "updateDate": machine.update_date.timestamp(),
            "loggingConfiguration": machine.loggingConfiguration,
            "tracingConfiguration": machine.tracingConfiguration,
            **({"definition": started.definition} if answers.all_data(asked) else {}),
        }

    def _delete(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        self._machines(region).delete(asked["stateMachineArn"])
        return {}

    def _list(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        found = [
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "type": machine.type,
                "creationDate": machine.creation_date.timestamp(),
            }
            for machine in self._machines(region).all()
        ]
        page, token = answers.page(asked, found, "stateMachineArn")
        return {"stateMachines": page, **token}

    # -- executions --------------------------------------------------------------------------------------------

    def _start(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        definition = self._machines(region).definition(asked["stateMachineArn"])
        name = asked.get("name") or str(uuid.uuid4())
        machine_rules.check_name(name)
        text = asked.get("input", "{}")
        answers.check_input(text)
        started = self._started(definition, name, text, region)
        with self._executions.lock:
            existing = self._executions.get(started.arn)
            if existing is not None:
                return answers.again(existing, text)
            execution = self._made(started)
            self._executions.add(execution)
        self._told(started, None)
        execution.begin()
        return {"executionArn": started.arn, "startDate": started.at}

    def _started(self, definition: Definition, name: str, text: str, region: str) -> Started:
        machine = definition.machine
        return Started(
            arn=f"arn:aws:states:{region}:{local_stage.ACCOUNT_ID}:execution:{machine.name}:{name}",
            name=name,
            machine_arn=machine.arn,
            machine_name=machine.name,
            qualified=definition.qualified,
            definition=definition.text,
            role=definition.role,
            input=text,
            at=self._clock(),
            region=region,
            express=machine.type == "EXPRESS",
        )

    def _made(self, started: Started) -> Any:
        machine = validate.definition(started.definition) or {}
        if validate.is_jsonata(machine):
            around = Surroundings(calls=self._calls, region=started.region)
            return JsonataExecution(started, machine, around, self._loop, self._told)
        from jobrunner.local.states import paths  # noqa: PLC0415 - moto's interpreter is slow to import

        paths_calls.register(self._url, self._calls)
        stored = self._machines(started.region).get(started.machine_arn)
        return paths.PathExecution(started, stored, self._url, self._clock, self._told)

    def _execution(self, asked: dict[str, Any], region: str) -> Execution:
        arn = asked["executionArn"]
        found = self._executions.get(arn)
        if found is None or found.started.region != region:
            if ":execution:" not in arn or not arn.startswith("arn:"):
                raise ApiError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {arn}'")
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found

    def _describe_execution(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        return answers.execution_described(self._execution(asked, region), asked)

    def _list_executions(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        if "stateMachineArn" not in asked:
            raise ApiError("ValidationException", "A stateMachineArn must be specified.")
        machine = self._machines(region).get(asked["stateMachineArn"])
        status = asked.get("statusFilter")
        found = [answers.summary(one) for one in self._executions.of(machine.arn)]
        found = [one for one in found if status in {None, one["status"]}]
        page, token = answers.page(asked, found, "executionArn")
        return {"executions": page, **token}

    def _stop(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        end = self._execution(asked, region).stop(asked.get("error"), asked.get("cause"))
        return {"stopDate": end.at}

    def _history(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        events = self._execution(asked, region).events(
            newest_first=asked.get("reverseOrder", False), data=asked.get("includeExecutionData", True)
        )
        page, token = answers.page(asked, events, "id")
        return {"events": page, **token}


def _shape(operation: str) -> Any:
    return schedule_model.service("stepfunctions").operation_model(operation).input_shape


def _validated(asked: dict[str, Any], _region: str) -> dict[str, Any]:
    found = machine_rules.problems(asked["definition"])
    most = asked.get("maxResults") or _DIAGNOSTICS
    return {
        "result": "FAIL" if found else "OK",
        "diagnostics": [
            {"severity": "ERROR", "code": one.code, "message": one.message, "location": one.location}
            for one in found[:most]
        ],
        "truncated": len(found) > most,
    }
