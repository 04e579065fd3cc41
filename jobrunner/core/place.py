"""Which account of which part of AWS names stand for: what turns them into ARNs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jobrunner.core.settings import Settings

#: Beginnings of the names of regions outside the partition `aws` (botocore, partitions.json).
_PARTITIONS: Final = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account in a region.

    Attributes:
        region: Its name.
        account: Twelve digits.
    """

    region: str
    account: str

    @property
    def partition(self) -> str:
        """The first part of every ARN after `arn` ("Amazon Resource Names", AWS General Reference)."""
        named = (partition for beginning, partition in _PARTITIONS if self.region.startswith(beginning))
        return next(named, "aws")

    def role(self, name: str) -> str:
        """Give the ARN of an IAM role, from its name (with its path, if it has one) or its ARN."""
        return self._arn("iam", f"role/{name}", name, region="")

    def queue(self, name: str) -> str:
        """Give the ARN of an SQS queue, from its name or its ARN."""
        return self._arn("sqs", name, name)

    def state_machine(self, name: str) -> str:
        """Give the ARN of a state machine of Step Functions, from its name or its ARN."""
        return self._arn("states", f"stateMachine:{name}", name)

    def _arn(self, service: str, resource: str, given: str, *, region: str | None = None) -> str:
        if given.startswith("arn:"):
            return given
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account}:{resource}"


def account_of(settings: Settings) -> str | None:
    """Read the account from the first setting that is an ARN; None when all of them are names, or not set.

    What a schedule itself needs goes first: it must be in the schedule's account.
    """
    named = (
        settings.scheduler_role,
        settings.state_machine,
        settings.dead_letter_queue,
        settings.execution_role,
        settings.task_role,
        settings.cluster,
    )
    arns = (name.split(":") for name in named if name is not None and name.startswith("arn:"))
    return next((parts[4] for parts in arns), None)
