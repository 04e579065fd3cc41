"""The operations on machines and executions, through boto3."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import client_of, refusal
from state_machines import DONE, ROLE, StateMachines, jsonata, only

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

MACHINE = json.dumps(only(**DONE))
WAITS = only(Type="Wait", Seconds=600)
PREFIX = f"arn:aws:states:{local_stage.REGION}:{local_stage.ACCOUNT_ID}"


@pytest.fixture(scope="module")
def machines(endpoint: Endpoint) -> StateMachines:
    """Machines on the endpoint."""
    return StateMachines(endpoint.connection)


@pytest.fixture(scope="module")
def sfn(machines: StateMachines) -> Any:
    """A client."""
    return machines.client


@pytest.fixture
def name() -> str:
    """A name that nothing has."""
    return f"n-{uuid.uuid4()}"


def asked(name: str, **members: Any) -> dict[str, Any]:
    """A CreateStateMachine request."""
    return {"name": name, "definition": MACHINE, "roleArn": ROLE} | members


# -- machines ------------------------------------------------------------------------------------------------------


def test_create_and_describe(sfn: Any, name: str) -> None:
    """What was made is what is described."""
    made = sfn.create_state_machine(**asked(name, tags=[{"key": "a", "value": "b"}]))
    assert f"{PREFIX}:stateMachine:{name}" == made["stateMachineArn"]
    found = sfn.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    assert made["creationDate"] == found["creationDate"]
    expected = {"name": name, "status": "ACTIVE", "definition": MACHINE, "roleArn": ROLE, "type": "STANDARD"}
    assert expected == {key: found[key] for key in expected}
    tags = sfn.list_tags_for_resource(resourceArn=made["stateMachineArn"])["tags"]
    assert [{"key": "a", "value": "b"}] == tags


def test_the_same_again_is_the_same(sfn: Any, name: str) -> None:
    """API reference: the role and the tags do not count; another definition or type does."""
    first = sfn.create_state_machine(**asked(name))
    again = sfn.create_state_machine(**asked(name, roleArn=f"{ROLE}2", tags=[{"key": "x", "value": "y"}]))
    assert (first["stateMachineArn"], first["creationDate"]) == (again["stateMachineArn"], again["creationDate"])
    said = f"State Machine Already Exists: '{first['stateMachineArn']}'"
    for other in ({"definition": MACHINE + " "}, {"type": "EXPRESS"}):
        found = refusal(sfn.create_state_machine, **asked(name, **other))
        assert ("StateMachineAlreadyExists", said, 400) == found


@pytest.mark.parametrize("bad", ["a b", "a{b", "a:b", "a/b", "a*", "a\n", "ä\u0080", "a,b", 'a"b'])
def test_names(sfn: Any, bad: str) -> None:
    """Brackets, wildcards, white space, control characters and some others are in no name, of whatever it is."""
    expected = ("InvalidName", f"Invalid Name: '{bad}'", 400)
    assert expected == refusal(sfn.create_state_machine, **asked(bad))
    arn = sfn.create_state_machine(**asked("names"))["stateMachineArn"]
    assert expected == refusal(sfn.start_execution, stateMachineArn=arn, name=bad)


def test_long_names(sfn: Any, name: str) -> None:
    """80 characters are a name, with dots and accents too; 81 are none."""
    long = f"{name}.ü_"
    assert sfn.create_state_machine(**asked(long.ljust(80, "x")))
    assert "ValidationException" == refusal(sfn.create_state_machine, **asked("x" * 81))[0]


def test_a_definition_is_checked(sfn: Any, name: str) -> None:
    """At CreateStateMachine and UpdateStateMachine, with the code, the words and the place."""
    bad = json.dumps(jsonata("A", A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "InputPath": "$", "End": True}))
    said = (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field "
        "'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/B'"
    )
    assert ("InvalidDefinition", said, 400) == refusal(sfn.create_state_machine, **asked(name, definition=bad))
    arn = sfn.create_state_machine(**asked(name))["stateMachineArn"]
    assert "InvalidDefinition" == refusal(sfn.update_state_machine, stateMachineArn=arn, definition=bad)[0]
    assert MACHINE == sfn.describe_state_machine(stateMachineArn=arn)["definition"]
    code, words, _ = refusal(sfn.create_state_machine, **asked(f"{name}2", definition="{"))
    assert ("InvalidDefinition", True) == (code, "INVALID_JSON_DESCRIPTION" in words)


def test_validate(sfn: Any) -> None:
    """ValidateStateMachineDefinition tells all, and makes nothing."""
    assert ("OK", []) == _validated(sfn, MACHINE)
    bad = json.dumps(only(Type="Pass", Foo=1, Output="{% ( %}"))
    result, diagnostics = _validated(sfn, bad)
    assert "FAIL" == result
    expected = {
        "severity": "ERROR",
        "code": "SCHEMA_VALIDATION_FAILED",
        "message": "Field 'Foo' is not supported",
        "location": "/States/A",
    }
    assert [expected, "INVALID_JSONATA_EXPRESSION"] == [diagnostics[0], diagnostics[1]["code"]]
    found = sfn.validate_state_machine_definition(definition=bad, maxResults=1)
    assert (1, True) == (len(found["diagnostics"]), found["truncated"])


def _validated(sfn: Any, definition: str) -> tuple[str, list[dict[str, Any]]]:
    found = sfn.validate_state_machine_definition(definition=definition)
    return found["result"], found["diagnostics"]


def test_update(machines: StateMachines, sfn: Any) -> None:
    """What begins later is another machine; what runs goes on as it began."""
    arn = machines.create(jsonata("A", A={"Type": "Wait", "Seconds": 1, "Next": "B"}, B={**DONE, "Output": "old"}))
    running = machines.start(arn)
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(only(**DONE, Output="new")))
    assert "new" == machines.output(arn)
    assert "old" == json.loads(machines.end(running)["output"])
    code = refusal(sfn.update_state_machine, stateMachineArn=arn)[0]
    assert "MissingRequiredParameter" == code


def test_two_creations_at_the_same_time(endpoint: Endpoint, name: str) -> None:
    """Make one machine."""
    clients = [client_of(endpoint.connection, "stepfunctions") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda one: one.create_state_machine(**asked(name))["creationDate"], clients))
    assert 1 == len(set(made))
    assert 1 == _names(clients[0]).count(name)


def test_versions_and_aliases(machines: StateMachines, sfn: Any, name: str) -> None:
    """moto keeps them; an execution may be started by either."""
    arn = sfn.create_state_machine(**asked(name))["stateMachineArn"]
    version = sfn.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(only(**DONE, Output=1)), publish=True
    )["stateMachineVersionArn"]
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(only(**DONE, Output=2)))
    route = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = sfn.create_state_machine_alias(name="live", routingConfiguration=route)["stateMachineAliasArn"]
    assert [2, 1, 1] == [machines.output(one) for one in (arn, version, alias)]
    listed = sfn.list_executions(stateMachineArn=arn)["executions"]
    assert [alias, version] == [
        one.get("stateMachineAliasArn") or one.get("stateMachineVersionArn") for one in listed[:2]
    ]
    assert "StateMachineDoesNotExist" == refusal(sfn.start_execution, stateMachineArn=f"{arn}:9")[0]


def test_delete_and_list(sfn: Any, name: str) -> None:
    """What is deleted is not there; it may be deleted again."""
    arn = sfn.create_state_machine(**asked(name))["stateMachineArn"]
    assert name in _names(sfn)
    for _ in range(2):
        sfn.delete_state_machine(stateMachineArn=arn)
    assert name not in _names(sfn)
    said = f"State Machine Does Not Exist: '{arn}'"
    assert ("StateMachineDoesNotExist", said, 400) == refusal(sfn.describe_state_machine, stateMachineArn=arn)
    assert "StateMachineDoesNotExist" == refusal(sfn.start_execution, stateMachineArn=arn)[0]


def _names(sfn: Any) -> list[str]:
    pages = sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    return [one["name"] for page in pages for one in page["stateMachines"]]


def test_both_languages_are_in_one_list(machines: StateMachines, sfn: Any, name: str) -> None:
    """A name belongs to one machine, whatever its language, and an update may change that."""
    path = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "path", "End": True}}})
    arn = sfn.create_state_machine(**asked(name, definition=path))["stateMachineArn"]
    assert 1 == _names(sfn).count(name)
    assert "StateMachineAlreadyExists" == refusal(sfn.create_state_machine, **asked(name))[0]
    assert "path" == machines.output(arn)
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(only(**DONE, Output="ata")))
    assert "ata" == machines.output(arn)
    assert 2 == len(sfn.list_executions(stateMachineArn=arn)["executions"])


@pytest.mark.parametrize("arn", ["x", f"{PREFIX}:execution:m:n", "arn:aws:ecs:us-east-1:123456789012:cluster/x"])
def test_arns_that_are_none(sfn: Any, arn: str) -> None:
    """What is no ARN of a machine is InvalidArn."""
    for call in (sfn.describe_state_machine, sfn.start_execution, sfn.list_executions, sfn.delete_state_machine):
        assert "InvalidArn" == refusal(call, stateMachineArn=arn)[0]


def test_regions_and_accounts(endpoint: Endpoint, sfn: Any, name: str) -> None:
    """A machine is where it was made."""
    arn = sfn.create_state_machine(**asked(name))["stateMachineArn"]
    other = client_of(endpoint.connection, "stepfunctions", region_name="eu-west-1")
    assert "StateMachineDoesNotExist" == refusal(other.start_execution, stateMachineArn=arn)[0]
    elsewhere = arn.replace(local_stage.ACCOUNT_ID, "999999999999")
    assert "StateMachineDoesNotExist" == refusal(sfn.start_execution, stateMachineArn=elsewhere)[0]
    assert other.create_state_machine(**asked(name))["stateMachineArn"] != arn


# -- executions ----------------------------------------------------------------------------------------------------


def test_start_is_idempotent_while_it_runs(machines: StateMachines, sfn: Any) -> None:
    """The same name and input is the same execution; afterwards, or with another input, the name is taken."""
    arn = machines.create(WAITS)
    start = {"stateMachineArn": arn, "name": "one", "input": '{"a": 1}'}
    first, again = (sfn.start_execution(**start) for _ in range(2))
    assert [first["executionArn"], first["startDate"]] == [again["executionArn"], again["startDate"]]
    said = f"Execution Already Exists: '{first['executionArn']}'"
    taken = ("ExecutionAlreadyExists", said, 400)
    assert taken == refusal(sfn.start_execution, **start | {"input": '{"a": 2}'})
    sfn.stop_execution(executionArn=first["executionArn"])
    assert taken == refusal(sfn.start_execution, **start)
    assert 1 == len(sfn.list_executions(stateMachineArn=arn)["executions"])


def test_two_starts_at_the_same_time(machines: StateMachines, endpoint: Endpoint) -> None:
    """Are one."""
    arn = machines.create(WAITS)
    clients = [client_of(endpoint.connection, "stepfunctions") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda one: one.start_execution(stateMachineArn=arn, name="n")["startDate"], clients))
    assert 1 == len(set(started))
    machines.client.stop_execution(executionArn=f"{arn.replace(':stateMachine:', ':execution:')}:n")


@pytest.mark.parametrize("text", ["{", "", "nothing", '{"a": NaN}'])
def test_inputs_that_are_none(machines: StateMachines, sfn: Any, text: str) -> None:
    """An input is JSON."""
    arn = machines.create(only(**DONE))
    assert "InvalidExecutionInput" == refusal(sfn.start_execution, stateMachineArn=arn, input=text)[0]


def test_large_inputs(machines: StateMachines, sfn: Any) -> None:
    """256 KiB in UTF-8, and not a byte more."""
    arn = machines.create(only(**DONE))
    assert sfn.start_execution(stateMachineArn=arn, input=json.dumps("x" * 262_142))
    for text in (json.dumps("x" * 262_143), json.dumps("ü" * 131_072, ensure_ascii=False)):
        assert "ValidationException" == refusal(sfn.start_execution, stateMachineArn=arn, input=text)[0]


def test_describe_execution(machines: StateMachines, sfn: Any) -> None:
    """The input as it was written, the output as compact JSON, and the times."""
    arn = machines.create(only(**DONE))
    execution = machines.start(arn, None, input='{ "a" : 1.0 }')
    end = machines.end(execution)
    assert ('{ "a" : 1.0 }', '{"a":1}', "SUCCEEDED") == (end["input"], end["output"], end["status"])
    assert (arn, str(uuid.UUID(end["name"]))) == (end["stateMachineArn"], end["name"])
    now = dt.datetime.now(dt.UTC)
    assert now - dt.timedelta(minutes=1) < end["startDate"] <= end["stopDate"] <= now
    bare = sfn.describe_execution(executionArn=execution, includedData="METADATA_ONLY")
    assert {"input", "output"}.isdisjoint(bare)
    described = sfn.describe_state_machine_for_execution(executionArn=execution)
    assert (arn, json.dumps(only(**DONE))) == (described["stateMachineArn"], described["definition"])


@pytest.mark.parametrize("operation", ["describe_execution", "stop_execution", "get_execution_history"])
def test_no_such_execution(sfn: Any, operation: str) -> None:
    """ExecutionDoesNotExist, or InvalidArn."""
    arn = f"{PREFIX}:execution:m:none"
    found = refusal(getattr(sfn, operation), executionArn=arn)
    assert ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400) == found
    assert "InvalidArn" == refusal(getattr(sfn, operation), executionArn="x")[0]


def test_list_executions(machines: StateMachines, sfn: Any) -> None:
    """The newest first, by status, in pages."""
    arn = machines.create(only(Type="Wait", Seconds="{% $states.input %}"))
    done = [machines.start(arn, 0, name=f"done-{number}") for number in range(5)]
    for execution in done:
        machines.end(execution)
    running = [machines.start(arn, 600, name=f"runs-{number}") for number in range(2)]
    listed = sfn.list_executions(stateMachineArn=arn)["executions"]
    assert (done + running)[::-1] == [one["executionArn"] for one in listed]
    assert [False, True] == ["stopDate" in listed[place] for place in (0, -1)]
    found: list[str] = []
    pages = sfn.get_paginator("list_executions").paginate(
        stateMachineArn=arn, statusFilter="SUCCEEDED", PaginationConfig={"PageSize": 2}
    )
    for page in pages:
        assert len(page["executions"]) <= 2
        found += [one["executionArn"] for one in page["executions"]]
    assert done[::-1] == found
    assert "InvalidToken" == refusal(sfn.list_executions, stateMachineArn=arn, nextToken="eA==")[0]
    assert "InvalidToken" == refusal(sfn.list_executions, stateMachineArn=arn, nextToken="!")[0]
    for execution in running:
        sfn.stop_execution(executionArn=execution)


def test_stop(machines: StateMachines, sfn: Any) -> None:
    """ABORTED at once, with what was said; a second stop changes nothing, nor does one after the end."""
    execution = machines.start(WAITS)
    first = sfn.stop_execution(executionArn=execution, error="E", cause="C")["stopDate"]
    again = sfn.stop_execution(executionArn=execution, error="F")["stopDate"]
    end = sfn.describe_execution(executionArn=execution)
    assert ("ABORTED", "E", "C", first, first) == (end["status"], end["error"], end["cause"], end["stopDate"], again)
    last = machines.events(execution)[-1]
    assert ("ExecutionAborted", {"error": "E", "cause": "C"}) == (last["type"], last["executionAbortedEventDetails"])
    done = machines.start(only(**DONE))
    machines.end(done)
    sfn.stop_execution(executionArn=done)
    assert "SUCCEEDED" == sfn.describe_execution(executionArn=done)["status"]


# -- history -------------------------------------------------------------------------------------------------------


def test_history(machines: StateMachines) -> None:
    """Each event has an id and follows another; the first state follows nothing."""
    machine = jsonata("A", A={"Type": "Pass", "Assign": {"x": [1]}, "Output": 2, "Next": "B"}, B=DONE)
    execution = machines.start(machine, {"a": 1})
    machines.end(execution)
    events = machines.events(execution)
    expected = [
        (1, 0, "ExecutionStarted"), (2, 0, "PassStateEntered"), (3, 2, "PassStateExited"),
        (4, 3, "SucceedStateEntered"), (5, 4, "SucceedStateExited"), (6, 5, "ExecutionSucceeded"),
    ]  # fmt: skip
    assert expected == [(event["id"], event["previousEventId"], event["type"]) for event in events]
    whole = {"truncated": False}
    started = {"input": '{"a": 1}', "inputDetails": whole, "roleArn": ROLE}
    assert started == events[0]["executionStartedEventDetails"]
    assert {"name": "A", "input": '{"a":1}', "inputDetails": whole} == events[1]["stateEnteredEventDetails"]
    left = {"name": "A", "output": "2", "outputDetails": whole}
    left |= {"assignedVariables": {"x": "[1]"}, "assignedVariablesDetails": whole}
    assert left == events[2]["stateExitedEventDetails"]
    assert {"output": "2", "outputDetails": whole} == events[5]["executionSucceededEventDetails"]
    bare = machines.events(execution, includeExecutionData=False)
    assert [{"roleArn": ROLE}, {"name": "A"}] == [
        bare[0]["executionStartedEventDetails"], bare[1]["stateEnteredEventDetails"],
    ]  # fmt: skip


def test_pages_of_history(machines: StateMachines, sfn: Any) -> None:
    """Forwards and backwards, every event once."""
    execution = machines.start(
        only(Type="Map", Items="{% [1..9] %}", ItemProcessor={"StartAt": "I", "States": {"I": DONE}})
    )
    machines.end(execution)
    for backwards in (False, True):
        pages = sfn.get_paginator("get_execution_history").paginate(
            executionArn=execution, reverseOrder=backwards, PaginationConfig={"PageSize": 7}
        )
        found = [event["id"] for page in pages for event in page["events"]]
        assert found == sorted(range(1, len(found) + 1), reverse=backwards)
    assert len(found) == 1 + 2 + 9 * 4 + 1 + 1 + 1


def test_branches_follow_their_own_events(machines: StateMachines) -> None:
    """In each iteration an event follows the one before it in the same iteration."""
    inner = {"StartAt": "I", "States": {"I": {"Type": "Wait", "Seconds": 0, "End": True}}}
    execution = machines.start(only(Type="Map", Items=[1, 2], ItemProcessor=inner))
    machines.end(execution)
    events = {event["id"]: event for event in machines.events(execution)}
    started = next(event["id"] for event in events.values() if event["type"] == "MapStateStarted")
    expected = ["MapIterationStarted", "WaitStateEntered", "WaitStateExited", "MapIterationSucceeded"]
    for last in (event for event in events.values() if event["type"] == "MapIterationSucceeded"):
        chain = [last]
        while chain[-1]["previousEventId"] != started:
            chain.append(events[chain[-1]["previousEventId"]])
        assert expected == [event["type"] for event in reversed(chain)]


def test_tags(machines: StateMachines, sfn: Any) -> None:
    """TagResource, UntagResource and ListTagsForResource."""
    arn = machines.create(only(**DONE))
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    sfn.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert [{"key": "b", "value": "2"}] == sfn.list_tags_for_resource(resourceArn=arn)["tags"]
    missing = ("ResourceNotFound", f"Resource not found: '{arn}-2'", 400)
    assert missing == refusal(sfn.tag_resource, resourceArn=f"{arn}-2", tags=[])
