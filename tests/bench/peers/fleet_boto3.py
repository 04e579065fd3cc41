# ruff: noqa: T201 - a script prints
"""By hand: start many tasks, each with its number, wait until all have stopped, look at their exit codes.

fleet_boto3.py FAMILY COUNT COMMAND...
"""

import sys
import time

import boto3

family, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
ecs = boto3.client("ecs")
network = {
    "subnets": ["subnet-0a10ca1000000000a", "subnet-0a10ca1000000000b"],
    "securityGroups": ["sg-0a10ca1000000000c"],
    "assignPublicIp": "ENABLED",
}
waiting = []
for number in range(count):
    variables = [{"name": "NUMBER", "value": str(number)}]
    answer = ecs.run_task(
        cluster="jobrunner",
        taskDefinition=family,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
        overrides={"containerOverrides": [{"name": "main", "command": command, "environment": variables}]},
    )
    if answer["failures"]:
        sys.exit(f"not started: {answer['failures']}")
    waiting.append(answer["tasks"][0]["taskArn"])

failed = 0
while waiting:
    left = []
    for first in range(0, len(waiting), 100):
        for task in ecs.describe_tasks(cluster="jobrunner", tasks=waiting[first : first + 100])["tasks"]:
            if task["lastStatus"] != "STOPPED":
                left.append(task["taskArn"])
            elif task["containers"][0].get("exitCode") != 0:
                failed += 1
    waiting = left
    if waiting:
        time.sleep(1)
print(f"{count - failed} of {count} succeeded")
sys.exit(1 if failed else 0)
