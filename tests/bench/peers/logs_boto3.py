# ruff: noqa: T201 - a script prints
"""By hand: print a whole log stream. logs_boto3.py GROUP STREAM."""

import sys

import boto3

logs = boto3.client("logs")
question = {"logGroupName": sys.argv[1], "logStreamName": sys.argv[2], "startFromHead": True}
token = None
while True:
    page = logs.get_log_events(**question, **({"nextToken": token} if token else {}))
    for event in page["events"]:
        print(event["message"])
    if page["nextForwardToken"] == token:
        break
    token = page["nextForwardToken"]
