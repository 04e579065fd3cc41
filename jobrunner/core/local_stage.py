"""The names of what the local endpoint brings.

They are constants so that `show` prints, offline, exactly what a run on the local stage will send. The
endpoint (`jobrunner.local`) creates these resources; nothing else may depend on their values.
"""

from __future__ import annotations

#: The word that a stage writes for its endpoint to mean "the one that jobrunner starts on 127.0.0.1".
ENDPOINT = "local"

#: The stage that exists in every project without being written.
STAGE = "local"

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
CLUSTER = "jobrunner"
SUBNETS = ("subnet-0a10ca1000000000a", "subnet-0a10ca1000000000b")
SECURITY_GROUPS = ("sg-0a10ca1000000000c",)
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/jobrunner-execution"
TASK_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/jobrunner-task"
#: From here on, what is in the endpoint's stack, `deploy/jobrunner.yaml` for a project `local`.
SCHEDULER_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/jobrunner-local-scheduler"
STATE_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:jobrunner-local"
DEAD_LETTER_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:jobrunner-local-dead-letters"
#: Into which the stack's rule writes what happens to tasks and executions, of all projects.
HISTORY_LOG_GROUP = "/aws/events/jobrunner"
