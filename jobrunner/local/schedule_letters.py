"""Dead letters: what EventBridge Scheduler has given up goes to an SQS queue, which is moto's.

Source: Scheduler user guide, "Configuring a schedule's dead-letter queue". Its attribute IS_PAYLOAD_TRUNCATED is left
out, because what it says for which message is not confirmed; nor is the body, which here holds the parameters of the
call that failed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage

if TYPE_CHECKING:
    from datetime import datetime

    from jobrunner.local.schedule_store import Schedule
    from jobrunner.local.schedule_targets import Failure

ATTEMPTS: Final = "MaximumRetryAttempts"
AGE: Final = "MaximumEventAgeInSeconds"


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A call that is not tried again.

    Attributes:
        scheduled: The time that it was for.
        attempt: Its last one, from 1.
        failure: What went wrong with that.
        exhausted: Which member of the retry policy ended it, `ATTEMPTS` or `AGE`.
    """

    schedule: Schedule
    scheduled: datetime
    attempt: int
    failure: Failure
    exhausted: str

    @property
    def queue(self) -> str | None:
        """The ARN of the queue; None when the schedule names none."""
        arn: str | None = (self.schedule.target.get("DeadLetterConfig") or {}).get("Arn")
        return arn

    def attributes(self) -> dict[str, str]:
        """The message attributes. Without an answer there is no ERROR_CODE: SQS takes no empty value."""
        found = {
            "ERROR_CODE": self.failure.code,
            "ERROR_MESSAGE": self.failure.message,
            "EXECUTION_ID": self.failure.execution_id,
            "EXHAUSTED_RETRY_CONDITION": self.exhausted,
            "RETRY_ATTEMPTS": str(self.attempt - 1),
            "SCHEDULED_TIME": f"{self.scheduled:%Y-%m-%dT%H:%M:%SZ}",
            "SCHEDULE_ARN": self.schedule.arn,
            "TARGET_ARN": self.schedule.target["Arn"],
        }
        return {name: value for name, value in found.items() if value}


def deliver(letter: DeadLetter) -> str:
    """Put a letter into its queue, if there is one; what became of it, in words for the log."""
    if letter.queue is None:
        return "no dead-letter queue"
    queue = _queue(letter.queue)
    if queue is None:
        return f"the dead-letter queue {letter.queue} does not exist"
    backend, name = queue
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in letter.attributes().items()}
    try:
        backend.send_message(name, letter.failure.body, message_attributes=attributes)
    except Exception as error:  # noqa: BLE001 - whatever moto refuses, the letter that is lost is said
        return f"{letter.queue} does not take it: {error!r}"
    return f"sent to {letter.queue}"


def _queue(arn: str) -> tuple[Any, str] | None:
    """The backend in moto and the name of a queue. Where nobody has used SQS yet, there is none."""
    _, _, _, region, account, name = arn.split(":", 5)
    module = sys.modules.get("moto.sqs.models")
    if module is None or account != local_stage.ACCOUNT_ID:
        return None
    try:
        backend = module.sqs_backends[account][region]
    except KeyError:
        return None
    return (backend, name) if name in backend.queues else None
