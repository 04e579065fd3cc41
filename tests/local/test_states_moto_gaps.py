"""What moto lacks of Step Functions, one test for each reason of a patch.

Each test states what moto does today. When one fails, moto has closed that gap, and our part may go.
"""

from __future__ import annotations

import inspect
import json

import pytest
from moto.stepfunctions.models import StateMachine, StepFunctionBackend
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_ecs,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

ECS = state_task_service_ecs.StateTaskServiceEcs
MESSAGE = "moto closed this gap: our part may go"
ROLE = "arn:aws:iam::111122223333:role/x"


def test_no_jsonata() -> None:
    """An expression is evaluated by nothing. → interpreter, expression."""
    with pytest.raises(TypeError):
        jsonata.eval_jsonata_expression("1 + 1")


def test_clients_call_another_port() -> None:
    """Tasks reach the port of moto's own server, and wait for three years. → paths_calls."""
    source = inspect.getsource(boto_client)
    assert "http://localhost:{moto_server_port()}" in source, MESSAGE
    assert "read_timeout=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS" in source, MESSAGE


def test_a_task_that_fails_succeeds() -> None:
    """`runTask.sync` looks at nothing but lastStatus, and at the first task without asking whether there is one.

    → paths_tasks, ecs_sync.
    """
    source = inspect.getsource(ECS._build_sync_resolver)
    assert ("exitCode" in source, "failures" in source.lower()) == (False, False), MESSAGE
    assert "stop_task" not in inspect.getsource(state_task_service_ecs), MESSAGE


def test_parameters_are_left_out() -> None:
    """Of RunTask's parameters, CapacityProviderStrategy, Tags and others are dropped without a word. → paths_tasks."""
    known = state_task_service_ecs._SUPPORTED_API_PARAM_BINDINGS["runtask"]
    assert {"CapacityProviderStrategy", "Tags", "StartedBy", "Count"}.isdisjoint(known), MESSAGE


def test_started_by_is_overwritten() -> None:
    """With a text that RunTask refuses, because of its spaces. → paths_tasks."""
    assert "AWS Step Functions" == state_task_service_ecs._STARTED_BY_PARAMETER_VALUE, MESSAGE


def test_sdk_parameters_are_passed_as_they_are() -> None:
    """In PascalCase, which the client of a service like ECS does not know. → paths_tasks."""
    source = inspect.getsource(state_task_service_aws_sdk.StateTaskServiceAwsSdk)
    assert "_to_boto_request" not in source, MESSAGE


def test_the_status_comes_before_the_output() -> None:
    """Whoever looks in between sees a success without an output. → paths."""
    source = inspect.getsource(BaseExecutionWorkerCommunication._reflect_execution_status)
    assert source.index("ExecutionStatus.SUCCEEDED") < source.index("execution.output"), MESSAGE


def test_a_name_is_never_taken() -> None:
    """CreateStateMachine gives what has the name, whatever its definition. → machines."""
    backend = StepFunctionBackend("eu-central-1", "111122223333")
    first = backend.create_state_machine("m", "{}", ROLE)
    assert first is backend.create_state_machine("m", "another", ROLE), MESSAGE


def test_transitions_are_not_checked() -> None:
    """A machine whose way leads nowhere is made. → validate."""
    backend = StepFunctionsParserBackend("eu-central-1", "111122223333")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}})
    assert "m" == backend.create_state_machine("m", definition, ROLE).name, MESSAGE


def test_cloudformation_makes_machines_that_do_not_run() -> None:
    """In the store of those that only pretend, and from DefinitionString only. → cloudformation.

    The source is read, because an endpoint of this process has replaced the method.
    """
    source = inspect.getsource(inspect.getmodule(StateMachine))  # type: ignore[arg-type]  # it has one
    made = source[source.index("def create_from_cloudformation_json") :][:900]
    assert ("stepfunctions_backends[" in made, "DefinitionSubstitutions" in made) == (True, False), MESSAGE


def test_what_is_not_there_is_tagged() -> None:
    """TagResource of a machine that does not exist succeeds. → api."""
    backend = StepFunctionBackend("eu-central-1", "111122223333")
    arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:none"
    backend.tag_resource(arn, {"a": "b"})
    assert {"tags": [{"key": "a", "value": "b"}]} == backend.list_tags_for_resource(arn), MESSAGE
