"""Which ARNs stand for names."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from jobrunner.core.place import Place, account_of
from jobrunner.core.settings import Settings

LONDON = Place(region="eu-west-2", account="123456789012")


def test_a_name_becomes_an_arn() -> None:
    """Roles have no region; a role's path is part of its name."""
    assert "arn:aws:iam::123456789012:role/team/scheduler" == LONDON.role("team/scheduler")
    assert "arn:aws:sqs:eu-west-2:123456789012:letters" == LONDON.queue("letters")
    assert "arn:aws:states:eu-west-2:123456789012:stateMachine:jobs" == LONDON.state_machine("jobs")


def test_an_arn_stays_as_it_is() -> None:
    """Also one of another account or region: somebody wrote it down."""
    arn = "arn:aws-cn:sqs:cn-north-1:210987654321:letters"
    assert [arn] * 3 == [LONDON.role(arn), LONDON.queue(arn), LONDON.state_machine(arn)]


@pytest.mark.parametrize(
    ("region", "queue"),
    [
        ("cn-northwest-1", "arn:aws-cn:sqs:cn-northwest-1:123456789012:q"),
        ("us-gov-east-1", "arn:aws-us-gov:sqs:us-gov-east-1:123456789012:q"),
        ("eusc-de-east-1", "arn:aws-eusc:sqs:eusc-de-east-1:123456789012:q"),
    ],
)
def test_parts_of_aws_have_their_own_arns(region: str, queue: str) -> None:
    """China, GovCloud, the European Sovereign Cloud."""
    assert queue == Place(region=region, account="123456789012").queue("q")


def test_every_region_that_botocore_knows_is_in_its_partition() -> None:
    """A region of another partition is not taken for one of `aws`."""
    file = Path(botocore.__file__).parent / "data" / "partitions.json"
    known = {
        region: partition["id"]
        for partition in json.loads(file.read_text())["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }
    assert 40 < len(known)
    assert known == {region: Place(region=region, account="1").partition for region in known}


@pytest.mark.parametrize(
    ("given", "account"),
    [
        ({}, None),
        ({"scheduler_role": "scheduler", "state_machine": "machine", "execution_role": "execution"}, None),
        ({"scheduler_role": "arn:aws:iam::111111111111:role/x"}, "111111111111"),
        ({"state_machine": "arn:aws:states:eu-west-1:111111111111:stateMachine:m"}, "111111111111"),
        ({"dead_letter_queue": "arn:aws:sqs:eu-west-1:111111111111:q"}, "111111111111"),
        ({"execution_role": "arn:aws:iam::111111111111:role/x"}, "111111111111"),
        ({"task_role": "arn:aws:iam::111111111111:role/x"}, "111111111111"),
        ({"cluster": "arn:aws:ecs:eu-west-1:111111111111:cluster/blue"}, "111111111111"),
        (
            {"scheduler_role": "scheduler", "cluster": "arn:aws:ecs:eu-west-1:222222222222:cluster/blue",
             "dead_letter_queue": "arn:aws:sqs:eu-west-1:111111111111:q"},
            "111111111111",
        ),
    ],
)  # fmt: skip
def test_the_account_is_that_of_the_first_arn(given: dict[str, str], account: str | None) -> None:
    """Who names everything by its name is asked for by STS."""
    named = Settings(project="p", schedule_group="g", log_group="/g", state_dir=Path("state"), **given)  # type: ignore[arg-type]  # texts
    assert account == account_of(named)
