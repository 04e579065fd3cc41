# ruff: noqa: ANN001, ANN201, D103, T201 - a script, as somebody would write it
"""By hand: a task definition and a schedule for each job, or a look whether each is as it should be; one by one.

schedules_boto3.py create|compare GROUP COUNT
"""

import json
import sys

import boto3

what, group, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ecs, scheduler = boto3.client("ecs"), boto3.client("scheduler")
ROLE = "arn:aws:iam::123456789012:role/jobrunner-local-scheduler"


def definition(name):
    return {
        "family": f"{group}-{name}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "4096",
        "executionRoleArn": "arn:aws:iam::123456789012:role/jobrunner-execution",
        "containerDefinitions": [
            {"name": "main", "image": "example.com/etl:1", "command": ["python", "-m", "etl", name], "essential": True}
        ],
    }


def schedule(name, number, arn):
    request = {
        "Cluster": "jobrunner",
        "TaskDefinition": arn,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "Subnets": ["subnet-0a10ca1000000000a", "subnet-0a10ca1000000000b"],
                "SecurityGroups": ["sg-0a10ca1000000000c"],
                "AssignPublicIp": "ENABLED",
            }
        },
    }
    return {
        "Name": name,
        "GroupName": group,
        "Description": f"{name} by hand",
        "State": "DISABLED",
        "ScheduleExpression": f"cron({number % 60} {number // 60 % 24} * * ? *)",
        "ScheduleExpressionTimezone": "Europe/London",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "RoleArn": ROLE, "Input": json.dumps(request)},
    }


if what == "create":
    scheduler.create_schedule_group(Name=group)
unchanged = 0
for number in range(count):
    name = f"job-{number:04}"
    if what == "create":
        registered = ecs.register_task_definition(**definition(name))["taskDefinition"]["taskDefinitionArn"]
        scheduler.create_schedule(**schedule(name, number, registered))
        continue
    known = ecs.describe_task_definition(taskDefinition=f"{group}-{name}", include=["TAGS"])["taskDefinition"]
    there = scheduler.get_schedule(GroupName=group, Name=name)
    wanted = schedule(name, number, known["taskDefinitionArn"])
    target = {**there["Target"], **wanted["Target"]}
    unchanged += target == there["Target"] and all(there[key] == wanted[key] for key in wanted if key != "Target")
print(f"{unchanged} unchanged" if what == "compare" else f"{count} created")
