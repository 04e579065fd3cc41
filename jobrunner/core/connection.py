"""Where AWS is.

The local endpoint is a connection like any other, not a mode: nothing but this value knows that an endpoint
is on 127.0.0.1.
"""

from __future__ import annotations

from dataclasses import dataclass

#: How long CloudWatch Logs may take to show a line after the container wrote it. AWS documents no bound;
#: 5 to 20 seconds are reported by the users of other runners (apache/airflow#21573, #43717).
LOG_SETTLE_SECONDS = 10.0

#: How long ECS may answer MISSING for a task that RunTask has just returned: its API is eventually
#: consistent (RunTask, API reference; dagster-io/dagster#4448).
TASK_SETTLE_SECONDS = 60.0

#: How long a follower bears a network that does not answer: a closed laptop, a restarted router.
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where AWS is, and how to talk to it.

    Attributes:
        region: The AWS region, such as `eu-west-1`.
        endpoint_url: The endpoint of every service, or None for AWS's own (or what boto3's settings say).
        access_key_id: Static credentials; None leaves them to boto3's chain.
        secret_access_key: Goes with `access_key_id`.
        profile: A named profile of the shared AWS configuration; None leaves it to boto3's chain.
        log_settle: Seconds after which a line that a container wrote is certain to be readable. An endpoint
            that shows every line before it shows the container's end may say 0.
        task_settle: Seconds for which a task that was just started may be reported as MISSING.
        patience: Seconds without an answer after which whoever follows a run gives up (the run goes on).
        quotas: Whether AWS's rates of calls hold there.
        endpoint_id: Identity of an endpoint that forgets everything when it ends; another endpoint may later
            listen on the same port. None for AWS.
    """

    region: str
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    profile: str | None = None
    log_settle: float = LOG_SETTLE_SECONDS
    task_settle: float = TASK_SETTLE_SECONDS
    patience: float = PATIENCE_SECONDS
    quotas: bool = True
    endpoint_id: str | None = None
