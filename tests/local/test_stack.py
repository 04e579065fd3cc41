"""The stack of schedules that the local endpoint deploys itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from endpoint_jobs import client_of, container, until
from scheduling import at, schedule, target
from state_machines import StateMachines

from jobrunner.core import local_stage
from jobrunner.core.ecs_json import pascal
from jobrunner.core.naming import scheduled_run_id, started_by_schedule
from jobrunner.core.retry import Policy
from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endpoint_jobs import Jobs

    from jobrunner.local.endpoint import Endpoint

GROUP = local_stage.STATE_MACHINE.rpartition(":")[2]
QUEUE = local_stage.DEAD_LETTER_QUEUE.rpartition(":")[2]


def test_the_names_of_the_local_stage_are_those_of_the_stack(endpoint: Endpoint) -> None:
    """Its outputs are the constants with which `show` works offline."""
    [stack] = client_of(endpoint.connection, "cloudformation").describe_stacks(StackName="jobrunner")["Stacks"]
    assert "CREATE_COMPLETE" == stack["StackStatus"]
    assert {
        "SchedulerRoleArn": local_stage.SCHEDULER_ROLE,
        "ScheduleGroupName": GROUP,
        "DeadLetterQueueArn": local_stage.DEAD_LETTER_QUEUE,
        "StateMachineArn": local_stage.STATE_MACHINE,
    } == {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


#: What no client is to wait for; the last one is the timeout of a run.
NOT_OF_THE_STACK = (
    ("sts", "get_caller_identity()"),
    ("ecs", "list_clusters()"),
    ("logs", "describe_log_groups()"),
    ("events", "list_rules()"),
    ("scheduler", "list_schedules()"),
    ("scheduler", "create_schedule_group(Name='jobrunner-etl-local')"),
    ("scheduler", "create_schedule(**schedule('jobrunner-timeout-x', GroupName='jobrunner-etl-local'))"),
)
OF_THE_STACK = (
    ("cloudformation", "describe_stacks(StackName='jobrunner')"),
    ("stepfunctions", "describe_state_machine(stateMachineArn=local_stage.STATE_MACHINE)"),
    ("sqs", f"get_queue_url(QueueName={QUEUE!r})"),
    ("iam", "get_role(RoleName='jobrunner-local-scheduler')"),
    ("scheduler", f"get_schedule_group(Name={GROUP!r})"),
    ("scheduler", f"list_schedules(GroupName={GROUP!r})"),
    ("scheduler", "list_schedule_groups()['ScheduleGroups'][1]"),
    ("scheduler", f"create_schedule(**schedule('x', GroupName={GROUP!r}))"),
    ("scheduler", "create_schedule(**schedule('x', Target=target(Arn=local_stage.STATE_MACHINE)))"),
    (
        "scheduler",
        "create_schedule(**schedule('x', Target=target(DeadLetterConfig={'Arn': local_stage.DEAD_LETTER_QUEUE})))",
    ),
)
BEGINNING = """
import sys
from endpoint_jobs import client_of, refusal
from scheduling import schedule, target
from jobrunner.core import local_stage
from jobrunner.local import serve
"""


def alone(code: str) -> str:
    """Run a program in a process where nothing of moto is loaded yet; what it prints."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def asking(questions: Sequence[tuple[str, str]]) -> str:
    """A program that asks an endpoint and says whether the stack is deployed then."""
    lines = [f"    client_of(endpoint.connection, {service!r}).{question}" for service, question in questions]
    return "\n".join(["with serve() as endpoint:", *lines, "    print('moto.cloudformation.models' in sys.modules)"])


def test_nobody_waits_for_the_stack_without_need() -> None:
    """No run does: neither its task, nor its log, nor its timeout."""
    assert "False\n" == alone(asking(NOT_OF_THE_STACK))


@pytest.mark.parametrize("question", OF_THE_STACK, ids=lambda question: question[1][:40])
def test_the_stack_is_deployed_when_somebody_asks_for_something_of_it(question: tuple[str, str]) -> None:
    """Whoever asks first gets the answer as everybody after."""
    assert "True\n" == alone(asking([question]))


def test_clients_that_ask_at_once_get_one_stack() -> None:
    """In a process of its own: here it is deployed already."""
    code = f"""
from concurrent.futures import ThreadPoolExecutor
with serve() as endpoint:
    sqs = client_of(endpoint.connection, "sqs")
    with ThreadPoolExecutor(8) as pool:
        print(len(set(pool.map(lambda _: sqs.get_queue_url(QueueName={QUEUE!r})["QueueUrl"], range(8)))))
    stacks = client_of(endpoint.connection, "cloudformation").list_stacks()["StackSummaries"]
    print([stack["StackName"] for stack in stacks])
"""
    assert "1\n['jobrunner']\n" == alone(code)


def test_a_stack_that_cannot_be_deployed_is_told_to_everybody() -> None:
    """A queue of that name is in moto's state already: the first who asks is told so, and the second too."""
    code = f"""
from moto.sqs.models import sqs_backends
sqs_backends[{local_stage.ACCOUNT_ID!r}][{local_stage.REGION!r}].create_queue({QUEUE!r}, {{}})
with serve() as endpoint:
    machines = client_of(endpoint.connection, "stepfunctions")
    for _ in range(2):
        code, message, status = refusal(machines.list_state_machines)
        print(code, status, message.partition(": ")[0])
"""
    assert "InternalFailure 500 The stack of the local stage cannot be deployed\n" * 2 == alone(code)


def test_endpoints_of_a_process_share_the_stack(endpoint: Endpoint) -> None:
    """And each has its group, with schedules of its own."""
    client_of(endpoint.connection, "cloudformation").describe_stacks(StackName="jobrunner")
    with serve() as other:
        scheduler = client_of(other.connection, "scheduler")
        assert "ACTIVE" == scheduler.get_schedule_group(Name=GROUP)["State"]
        scheduler.create_schedule(**schedule("mine", GroupName=GROUP))
        [stack] = client_of(other.connection, "cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])[
            "StackSummaries"
        ][:1]
        assert "jobrunner" == stack["StackName"]
    mine = client_of(endpoint.connection, "scheduler").list_schedules(GroupName=GROUP)["Schedules"]
    assert [] == mine


def test_an_endpoint_in_another_region_has_its_own() -> None:
    """IAM is global: in one process the roles are those of the endpoint that came last."""
    code = f"""
for region in ("us-east-1", "eu-west-1"):
    with serve(region=region) as endpoint:
        machines = client_of(endpoint.connection, "stepfunctions").list_state_machines()["stateMachines"]
        print(*(machine["stateMachineArn"] for machine in machines))
        role = client_of(endpoint.connection, "iam").get_role(RoleName="{GROUP}-scheduler")["Role"]
        print(role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"])
"""
    account = local_stage.ACCOUNT_ID
    expected = [
        line
        for region in ("us-east-1", "eu-west-1")
        for line in (
            f"arn:aws:states:{region}:{account}:stateMachine:{GROUP}",
            f"arn:aws:scheduler:{region}:{account}:schedule-group/{GROUP}",
        )
    ]
    assert expected == alone(code).splitlines()


def test_the_state_machine_of_the_stack_runs_a_job(endpoint: Endpoint, jobs: Jobs) -> None:
    """The document in the template is one that executes: a task that fails once, and then succeeds."""
    job, time, scope = "twice", "2026-11-24T02:30:00Z", "0123456789abcdef"
    run_id = scheduled_run_id(job, time)
    script = 'echo "attempt $JOBRUNNER_ATTEMPT"; test "$JOBRUNNER_ATTEMPT" = 2'
    definition = jobs.define(container("sh", "-c", script))
    pairs = [{"name": "JOBRUNNER_RUN_ID", "value": run_id}, {"name": "JOBRUNNER_ATTEMPT", "value": "1"}]
    request = jobs.request(
        definition,
        clientToken=f"{scope}-{time}-1",
        startedBy=started_by_schedule(scope),
        overrides={"containerOverrides": [{"name": "main", "environment": pairs}]},
    )
    policy = Policy(attempts=2, backoff=0, max_backoff=0, on=(1,))
    asked = {
        "job": job,
        "run_id": run_id,
        "scope": scope,
        "scheduled_time": time,
        "container": "main",
        "request": pascal(request),
        "policy": policy.to_json(),
        "timeout": 60,
        "overlap": "allow",
        "first_look": 1,
    }
    machines = StateMachines(endpoint.connection)
    first = machines.run(local_stage.STATE_MACHINE, asked)
    assert "SUCCEEDED" == first["status"], first
    name = f"{scope}-{time.replace(':', '.')}"
    arn = f"{local_stage.STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
    end = machines.end(arn)
    assert "SUCCEEDED" == end["status"], (end.get("error"), end.get("cause"))
    output = json.loads(end["output"])
    assert ("succeeded", 2) == (output["verdict"], output["attempt"])
    assert ["attempt 2"] == jobs.lines(output["task_arn"])


def test_what_is_not_delivered_is_in_the_queue(endpoint: Endpoint) -> None:
    """A schedule of a machine that does not exist ends as a letter in the stack's queue."""
    scheduler = client_of(endpoint.connection, "scheduler")
    nowhere = target(
        Arn=f"{local_stage.STATE_MACHINE}-nowhere",
        Input={},
        DeadLetterConfig={"Arn": local_stage.DEAD_LETTER_QUEUE},
        RetryPolicy={"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    )
    scheduler.create_schedule(**schedule("lost", GroupName=GROUP, ScheduleExpression=at(0), Target=nowhere))
    sqs = client_of(endpoint.connection, "sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    [letter] = until(
        lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=1).get("Messages")
    )
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert "StateMachineDoesNotExist" == attributes["ERROR_CODE"]
