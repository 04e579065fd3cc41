"""RunTask, DescribeTasks, ListTasks and StopTask refuse, answer and page as ECS does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from endpoint_jobs import NETWORK, Jobs, client_of, container, until

from jobrunner.core import local_stage
from jobrunner.local.checks import spread
from jobrunner.local.task import Task
from jobrunner.local.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.endpoint import Endpoint

ACCOUNT = f"{local_stage.REGION}:{local_stage.ACCOUNT_ID}"


@pytest.fixture(scope="session")
def definition(jobs: Jobs) -> str:
    """A task that ends at once."""
    return jobs.define(container("true"))


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """The code and the message of an error."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def awsvpc(**members: Any) -> dict[str, Any]:
    """A network configuration with changes."""
    return {"awsvpcConfiguration": NETWORK["awsvpcConfiguration"] | members}


SPOT = {"capacityProvider": "FARGATE_SPOT", "weight": 1}

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "cluster": ({"cluster": "none"}, "ClusterNotFoundException", "Cluster not found."),
    "definition": ({"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
    "revision": ({"taskDefinition": "none:7"}, "ClientException", "TaskDefinition not found."),
    "blank definition": ({"taskDefinition": ""}, "ClientException", "blank"),
    "count 0": ({"count": 0}, "InvalidParameterException", "Count"),
    "count 11": ({"count": 11}, "InvalidParameterException", "Count"),
    "both": ({"capacityProviderStrategy": [SPOT], "launchType": "FARGATE"}, "InvalidParameterException", "both"),
    "EC2": ({"launchType": "EC2"}, "InvalidParameterException", "No Container Instances were found in your cluster."),
    "neither": ({"launchType": None}, "InvalidParameterException", "No Container Instances"),
    "no network": (
        {"networkConfiguration": {}},
        "InvalidParameterException",
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    "no subnets": ({"networkConfiguration": awsvpc(subnets=[])}, "InvalidParameterException", "subnets can not be"),
    "17 subnets": (
        {"networkConfiguration": awsvpc(subnets=["subnet-1"] * 17)},
        "InvalidParameterException",
        "limit of 16 subnets",
    ),
    "6 groups": (
        {"networkConfiguration": awsvpc(securityGroups=["sg-1"] * 6)},
        "InvalidParameterException",
        "limit of 5 security groups",
    ),
    "long overrides": (
        {"overrides": {"containerOverrides": [{"name": "main", "command": ["x" * 8192]}]}},
        "InvalidParameterException",
        "Container Overrides length must be at most 8192",
    ),
    "unknown container": (
        {"overrides": {"containerOverrides": [{"name": "other"}]}},
        "InvalidParameterException",
        "Override for container named other is not a container in the TaskDefinition.",
    ),
    "size": ({"overrides": {"cpu": "256", "memory": "4096"}}, "ClientException", "No Fargate configuration exists"),
    "no size": ({"overrides": {"cpu": "333"}}, "ClientException", "No Fargate configuration exists"),
    "storage": ({"overrides": {"ephemeralStorage": {"sizeInGiB": 20}}}, "InvalidParameterException", "21 GiB"),
    "51 tags": (
        {"tags": [{"key": str(number), "value": ""} for number in range(51)]},
        "InvalidParameterException",
        "50",
    ),
    "aws tag": ({"tags": [{"key": "aws:x", "value": ""}]}, "InvalidParameterException", "aws:"),
    "twice the key": ({"tags": [{"key": "a"}, {"key": "a"}]}, "InvalidParameterException", "Duplicate"),
    "long startedBy": ({"startedBy": "x" * 129}, "InvalidParameterException", "startedBy"),
    "odd startedBy": ({"startedBy": "a b"}, "InvalidParameterException", "startedBy"),
    "long group": ({"group": "x" * 256}, "InvalidParameterException", "255"),
    "a service's group": ({"group": "service:web"}, "InvalidParameterException", "Invalid namespace for group"),
    "long token": ({"clientToken": "x" * 65}, "InvalidParameterException", "clientToken"),
    "propagate": ({"propagateTags": "SERVICE"}, "InvalidParameterException", "SERVICE"),
    "provider": (
        {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]},
        "InvalidParameterException",
        "associated with the cluster",
    ),
    "no weight": (
        {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]},
        "InvalidParameterException",
        "weight",
    ),
    "two bases": (
        {
            "launchType": None,
            "capacityProviderStrategy": [{**SPOT, "base": 1}, {"capacityProvider": "FARGATE", "base": 1}],
        },
        "InvalidParameterException",
        "base",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(jobs: Jobs, definition: str, case: str) -> None:
    """What AWS refuses is refused with its code, and starts nothing."""
    members, code, words = REFUSED[case]
    request = {key: value for key, value in (jobs.request(definition) | members).items() if value is not None}
    refused = refusal(jobs.ecs.run_task, **request)
    assert (code, True) == (refused[0], words in refused[1]), refused


def test_inactive_definition(jobs: Jobs) -> None:
    """A deregistered definition does not start."""
    arn = jobs.define(container("true"))
    jobs.ecs.deregister_task_definition(taskDefinition=arn)
    assert "ClientException" == refusal(jobs.ecs.run_task, **jobs.request(arn))[0]


def test_family_means_its_newest_active_revision(jobs: Jobs) -> None:
    """A family without a revision is its newest revision that is still active."""
    family = jobs.define(container("true")).rpartition("/")[2].partition(":")[0]
    for _ in range(2):
        jobs.ecs.register_task_definition(
            family=family, cpu="256", memory="512", requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
            containerDefinitions=[container("true")],
        )  # fmt: skip
    jobs.ecs.deregister_task_definition(taskDefinition=f"{family}:3")
    task = jobs.ecs.run_task(**jobs.request(family))["tasks"][0]
    assert f"arn:aws:ecs:{ACCOUNT}:task-definition/{family}:2" == task["taskDefinitionArn"]


def test_secret_and_environment_of_one_name(jobs: Jobs) -> None:
    """An override cannot replace a secret."""
    arn = jobs.define(container("true", secrets=[{"name": "S", "valueFrom": "s"}]))
    override = {"name": "main", "environment": [{"name": "S", "value": "x"}]}
    refused = refusal(jobs.ecs.run_task, **jobs.request(arn, overrides={"containerOverrides": [override]}))
    assert ("ClientException", True) == (refused[0], refused[1].startswith("The secret name must be unique"))


def test_dependency_cycle(jobs: Jobs) -> None:
    """Containers that wait for each other are refused instead of waiting for ever."""
    needs = {name: [{"containerName": other, "condition": "START"}] for name, other in (("a", "b"), ("b", "a"))}
    arn = jobs.define(*(container("true", name=name, dependsOn=needs[name]) for name in needs))
    assert "cycle" in refusal(jobs.ecs.run_task, **jobs.request(arn))[1]


def test_answer_has_what_was_asked(jobs: Jobs) -> None:
    """The task shows group, startedBy, tags, sizes and overrides of the call."""
    arn = jobs.define(container("true"), runtimePlatform={"cpuArchitecture": "ARM64"})
    overrides = {"cpu": "1 vCPU", "memory": "2 GB", "containerOverrides": [{"name": "main", "command": ["true"]}]}
    request = jobs.request(
        arn, overrides=overrides, startedBy="me/1", tags=[{"key": "a", "value": "b"}], enableExecuteCommand=True
    )
    answer = jobs.ecs.run_task(**request)
    task = answer["tasks"][0]
    assert [] == answer["failures"]
    assert {
        "cpu": "1024",
        "memory": "2048",
        "startedBy": "me/1",
        "tags": [{"key": "a", "value": "b"}],
        "launchType": "FARGATE",
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "platformVersion": "1.4.0",
        "enableExecuteCommand": True,
        "version": 1,
        "attributes": [{"name": "ecs.cpu-architecture", "value": "arm64"}],
        "ephemeralStorage": {"sizeInGiB": 20},
    } == {key: task.get(key) for key in (
        "cpu", "memory", "startedBy", "tags", "launchType", "lastStatus", "desiredStatus", "platformVersion",
        "enableExecuteCommand", "version", "attributes", "ephemeralStorage",
    )}  # fmt: skip
    assert {"name": "main", "command": ["true"]} == task["overrides"]["containerOverrides"][0]
    assert f"family:{arn.rpartition('/')[2].partition(':')[0]}" == task["group"]
    assert "ElasticNetworkInterface" == task["attachments"][0]["type"]


def test_tags(jobs: Jobs) -> None:
    """Tags are shown on request only, propagate from the definition, can be changed, and go with StopTask."""
    arn = jobs.define(container("sleep", "60"), tags=[{"key": "team", "value": "data"}])
    task = jobs.ecs.run_task(**jobs.request(arn, propagateTags="TASK_DEFINITION", enableECSManagedTags=True))["tasks"][
        0
    ]
    name = task["taskArn"]

    def tags() -> dict[str, str]:
        found = jobs.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=[name], include=["TAGS"])["tasks"][0]
        return {tag["key"]: tag["value"] for tag in found["tags"]}

    assert {"team": "data", "aws:ecs:clusterName": "jobrunner"} == tags()
    assert "tags" not in jobs.describe(name)
    jobs.ecs.tag_resource(resourceArn=name, tags=[{"key": "x", "value": "y"}])
    jobs.ecs.untag_resource(resourceArn=name, tagKeys=["team"])
    assert {"x": "y", "aws:ecs:clusterName": "jobrunner"} == tags()
    assert 2 == len(jobs.ecs.list_tags_for_resource(resourceArn=name)["tags"])
    jobs.stop(name)
    jobs.reach(name, "STOPPED")
    assert {} == tags()


def test_strategy(jobs: Jobs, definition: str) -> None:
    """A strategy's provider is shown; the launch type is FARGATE all the same."""
    task = jobs.ecs.run_task(**jobs.request(definition, capacityProviderStrategy=[SPOT]))["tasks"][0]
    assert ("FARGATE_SPOT", "FARGATE") == (task["capacityProviderName"], task["launchType"])


def test_default_strategy_of_the_cluster(jobs: Jobs, definition: str) -> None:
    """Without a launch type and a strategy, the cluster's default strategy decides."""
    jobs.ecs.create_cluster(
        clusterName="defaults", capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=[SPOT]
    )
    request = jobs.request(definition, cluster="defaults")
    del request["launchType"]
    assert "FARGATE_SPOT" == jobs.ecs.run_task(**request)["tasks"][0]["capacityProviderName"]


def test_spread() -> None:
    """The base comes first, then the weights: 1 on demand, the rest 3 to 1."""
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    chosen = spread(strategy, 9)
    assert ("FARGATE", 3, 6) == (chosen[0], chosen.count("FARGATE"), chosen.count("FARGATE_SPOT"))


# -- clientToken -----------------------------------------------------------------------------------------------


def test_token_finds_the_task(jobs: Jobs, definition: str) -> None:
    """The same token and parameters give the same tasks, also after they stopped."""
    request = jobs.request(definition, clientToken="same", count=2)
    first = [task["taskArn"] for task in jobs.ecs.run_task(**request)["tasks"]]
    for arn in first:
        jobs.reach(arn, "STOPPED")
    again = jobs.ecs.run_task(**request)["tasks"]
    assert (first, ["STOPPED"] * 2) == ([task["taskArn"] for task in again], [task["lastStatus"] for task in again])


def test_token_with_other_parameters(jobs: Jobs, definition: str) -> None:
    """The same token with other parameters is a conflict that names the task."""
    request = jobs.request(definition, clientToken="conflict")
    arn = jobs.ecs.run_task(**request)["tasks"][0]["taskArn"]
    with pytest.raises(jobs.ecs.exceptions.ConflictException) as caught:
        jobs.ecs.run_task(**request, startedBy="other")
    assert [arn] == caught.value.response["resourceIds"]


def test_token_is_the_clusters(jobs: Jobs, definition: str) -> None:
    """The scope of a token is the cluster."""
    jobs.ecs.create_cluster(clusterName="second")
    request = jobs.request(definition, clientToken="scoped")
    first = jobs.ecs.run_task(**request)["tasks"][0]["taskArn"]
    second = jobs.ecs.run_task(**request | {"cluster": "second"})["tasks"][0]["taskArn"]
    assert first != second


def test_refused_token_leaves_no_trace(jobs: Jobs, definition: str) -> None:
    """A refused call does not use its token up."""
    request = jobs.request(definition, clientToken="refused")
    refusal(jobs.ecs.run_task, **request | {"taskDefinition": "none"})
    assert 1 == len(jobs.ecs.run_task(**request)["tasks"])


def test_token_at_the_same_time(jobs: Jobs, endpoint: Endpoint, definition: str) -> None:
    """Calls with one token at the same moment start one task."""
    barrier, arns = threading.Barrier(8), set()

    def call() -> None:
        ecs = client_of(endpoint.connection, "ecs")
        barrier.wait()
        arns.add(ecs.run_task(**jobs.request(definition, clientToken="at-once"))["tasks"][0]["taskArn"])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len(arns)


def test_token_lifetime() -> None:
    """A token ends 24 hours after the call, or an hour after its task stopped, whichever is sooner."""
    now = [0.0]
    tokens = Tokens(lambda: now[0])

    def start() -> list[Task]:
        task = Task(
            id="1", arn="arn", cluster_arn="c", region="r", definition_arn="d", family="f", containers=[],
            overrides={}, cpu="256", memory="512", group="g", launch_type="FARGATE", subnet="s", created_at=now[0],
        )  # fmt: skip
        return [task]

    (running,) = tokens.once("c", "t", {}, start)
    now[0] = 86_000
    assert running is tokens.once("c", "t", {}, start)[0]
    now[0] = 86_401
    (second,) = tokens.once("c", "t", {}, start)
    assert running is not second
    second.last_status = "STOPPED"
    second.times["stoppedAt"] = now[0]
    now[0] += 3599
    assert second is tokens.once("c", "t", {}, start)[0]
    now[0] += 2
    assert second is not tokens.once("c", "t", {}, start)[0]


# -- DescribeTasks, ListTasks, StopTask ------------------------------------------------------------------------


def test_describe_missing(jobs: Jobs, definition: str) -> None:
    """A task that the cluster does not have is a failure MISSING; ids and ARNs both name a task."""
    arn = jobs.ecs.run_task(**jobs.request(definition))["tasks"][0]["taskArn"]
    other = arn.replace("/jobrunner/", "/second/")
    names = [arn, arn.rpartition("/")[2], other, "0" * 32]
    answer = jobs.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=names)
    assert [arn, arn] == [task["taskArn"] for task in answer["tasks"]]
    missing = f"arn:aws:ecs:{ACCOUNT}:task/jobrunner/{'0' * 32}"
    assert [{"arn": other, "reason": "MISSING"}, {"arn": missing, "reason": "MISSING"}] == answer["failures"]


def test_describe_in_another_cluster(jobs: Jobs, definition: str) -> None:
    """A task is only seen in its own cluster."""
    jobs.ecs.create_cluster(clusterName="second")
    arn = jobs.ecs.run_task(**jobs.request(definition))["tasks"][0]["taskArn"]
    answer = jobs.ecs.describe_tasks(cluster="second", tasks=[arn.rpartition("/")[2]])
    assert ([], "MISSING") == (answer["tasks"], answer["failures"][0]["reason"])


def test_describe_limits(jobs: Jobs) -> None:
    """One to a hundred tasks."""
    for names in ([], ["x"] * 101):
        refused = refusal(jobs.ecs.describe_tasks, cluster=local_stage.CLUSTER, tasks=names)
        assert "InvalidParameterException" == refused[0]


def test_list_filters(jobs: Jobs) -> None:
    """ListTasks shows what should run, or what stopped; by family or by startedBy; page by page."""
    jobs.ecs.create_cluster(clusterName="listing")
    long, short = jobs.define(container("sleep", "60")), jobs.define(container("true"))
    request = {"cluster": "listing"}
    running = {
        task["taskArn"]
        for task in jobs.ecs.run_task(**jobs.request(long, startedBy="lister", count=3) | request)["tasks"]
    }
    stopped = jobs.ecs.run_task(**jobs.request(short) | request)["tasks"][0]["taskArn"]

    def listed(**filters: Any) -> set[str]:
        return set(jobs.ecs.list_tasks(cluster="listing", **filters)["taskArns"])

    until(lambda: listed(desiredStatus="STOPPED"))
    family = long.rpartition("/")[2].partition(":")[0]
    assert running == listed() == listed(startedBy="lister") == listed(family=family) == listed(launchType="FARGATE")
    assert {stopped} == listed(desiredStatus="STOPPED")
    assert set() == listed(startedBy="nobody") == listed(launchType="EC2") == listed(desiredStatus="PENDING")
    pages = list(jobs.ecs.get_paginator("list_tasks").paginate(cluster="listing", PaginationConfig={"PageSize": 2}))
    assert [2, 1] == [len(page["taskArns"]) for page in pages]
    assert running == {arn for page in pages for arn in page["taskArns"]}
    assert (
        "InvalidParameterException"
        == refusal(jobs.ecs.list_tasks, cluster="listing", startedBy="lister", family=family)[0]
    )
    assert "ClusterContainsTasksException" == refusal(jobs.ecs.delete_cluster, cluster="listing")[0]
    counts = until(lambda: (
        found := jobs.ecs.describe_clusters(clusters=["listing"])["clusters"][0]
    )["runningTasksCount"] == 3 and found)  # fmt: skip
    assert 0 == counts["pendingTasksCount"]
    for arn in running:
        jobs.ecs.stop_task(cluster="listing", task=arn)
    until(lambda: len(listed(desiredStatus="STOPPED")) == 4)


def test_stop_unknown(jobs: Jobs) -> None:
    """A task that is not there cannot be stopped."""
    assert ("InvalidParameterException", "The referenced task was not found.") == refusal(
        jobs.ecs.stop_task, cluster=local_stage.CLUSTER, task="0" * 32
    )


def test_every_region_is_served(jobs: Jobs, endpoint: Endpoint) -> None:
    """A client of another region finds that region's own state."""
    ecs = client_of(endpoint.connection, "ecs", region_name="eu-west-1")
    assert "ClusterNotFoundException" == refusal(ecs.list_tasks, cluster=local_stage.CLUSTER)[0]
    arn = ecs.create_cluster(clusterName="abroad")["cluster"]["clusterArn"]
    assert "eu-west-1" == arn.split(":")[3]
    assert "ClusterNotFoundException" == refusal(jobs.ecs.list_tasks, cluster="abroad")[0]


def test_builtin_resources(endpoint: Endpoint) -> None:
    """The cluster, the network and the roles of the built-in stage are there."""
    ecs, ec2, iam = (client_of(endpoint.connection, name) for name in ("ecs", "ec2", "iam"))
    cluster = ecs.describe_clusters(clusters=[local_stage.CLUSTER])["clusters"][0]
    assert ["FARGATE", "FARGATE_SPOT"] == cluster["capacityProviders"]
    subnets = ec2.describe_subnets(SubnetIds=list(local_stage.SUBNETS))["Subnets"]
    groups = ec2.describe_security_groups(GroupIds=list(local_stage.SECURITY_GROUPS))["SecurityGroups"]
    assert 1 == len({found["VpcId"] for found in [*subnets, *groups]})
    for arn in (local_stage.EXECUTION_ROLE, local_stage.TASK_ROLE):
        role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
        trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
        assert (arn, "ecs-tasks.amazonaws.com") == (role["Arn"], trusted)
