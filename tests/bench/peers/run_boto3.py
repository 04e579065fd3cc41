# ruff: noqa: T201 - a script prints
"""By hand: start a task, wait for its end, print its log, exit as it did.

run_boto3.py FAMILY GROUP PREFIX PAUSE COMMAND...
PAUSE is the seconds between two DescribeTasks, or `waiter` for boto3's own.
"""

import sys
import time

import boto3

family, group, prefix, pause, *command = sys.argv[1:]
ecs = boto3.client("ecs")
network = {
    "subnets": ["subnet-0a10ca1000000000a", "subnet-0a10ca1000000000b"],
    "securityGroups": ["sg-0a10ca1000000000c"],
    "assignPublicIp": "ENABLED",
}
answer = ecs.run_task(
    cluster="jobrunner",
    taskDefinition=family,
    launchType="FARGATE",
    networkConfiguration={"awsvpcConfiguration": network},
    overrides={"containerOverrides": [{"name": "main", "command": command}]},
)
if answer["failures"]:
    sys.exit(f"not started: {answer['failures']}")
tasks = [answer["tasks"][0]["taskArn"]]
if pause == "waiter":
    ecs.get_waiter("tasks_stopped").wait(cluster="jobrunner", tasks=tasks)
while (task := ecs.describe_tasks(cluster="jobrunner", tasks=tasks)["tasks"][0])["lastStatus"] != "STOPPED":
    time.sleep(float(pause))

logs = boto3.client("logs")
question = {"logGroupName": group, "logStreamName": f"{prefix}/main/{tasks[0].rpartition('/')[2]}"}
token = None
while True:
    page = logs.get_log_events(**question, startFromHead=True, **({"nextToken": token} if token else {}))
    for event in page["events"]:
        print(event["message"])
    if page["nextForwardToken"] == token:
        break
    token = page["nextForwardToken"]
sys.exit(task["containers"][0].get("exitCode", 1))
