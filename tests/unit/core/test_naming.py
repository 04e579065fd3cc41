"""Names that link a run to what AWS knows of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core import naming
from jobrunner.core.naming import RunRef
from jobrunner.errors import SpecError

RUN_ID = "4r9k2m8p3w7x5t1q"
ARN = "arn:aws:ecs:eu-west-1:123456789012:task/blue/0f3c0000000000000000000000000000"


@given(st.binary(min_size=10, max_size=40))
def test_a_run_id_is_80_bits_in_16_characters(entropy: bytes) -> None:
    """Different first ten bytes give different ids; the rest does not matter."""
    run_id = naming.run_id_from(entropy)

    assert naming.is_run_id(run_id)
    assert run_id == naming.run_id_from(entropy[:10])
    assert int.from_bytes(entropy[:10], "big") == sum(
        naming._ALPHABET.index(digit) << (75 - 5 * place) for place, digit in enumerate(run_id)
    )


def test_a_key_gives_the_same_run_id_on_every_machine() -> None:
    """Only project, stage, job and key count, and where one ends matters."""
    known = naming.keyed_run_id(project="p", stage="prod", job="etl", key="2026-11-23")
    others = [
        naming.keyed_run_id(project="p", stage=None, job="etl", key="2026-11-23"),
        naming.keyed_run_id(project="p", stage="prod", job="etl2", key="026-11-23"),
        naming.keyed_run_id(project="pp", stage="rod", job="etl", key="2026-11-23"),
    ]

    assert known == naming.keyed_run_id(project="p", stage="prod", job="etl", key="2026-11-23")
    assert len({known, *others}) == 4


def test_tokens_and_started_by_keep_ecs_limits() -> None:
    """A client token has at most 64 ASCII characters, startedBy at most 36 that every caller keeps."""
    assert naming.client_token(RUN_ID, 12) == f"{RUN_ID}-12"
    assert re.fullmatch(r"[!-~]{1,64}", naming.client_token(RUN_ID, 999_999))
    assert re.fullmatch(r"[A-Za-z0-9_/-]{1,36}", naming.started_by(RUN_ID))


@pytest.mark.parametrize(
    ("started_by", "run_id"),
    [(f"jobrunner/{RUN_ID}", RUN_ID), ("jobrunner/short", None), ("ecs-svc/123", None), (None, None), ("", None)],
)
def test_the_run_id_is_read_back_from_started_by(started_by: str | None, run_id: str | None) -> None:
    """Only what jobrunner wrote is a run id."""
    assert run_id == naming.run_id_of(started_by)


def test_the_family_names_project_stage_and_job() -> None:
    """Stages of one account do not share revisions; too long a name is refused before AWS is asked."""
    assert naming.family(project="p", stage="prod", job="etl") == "jobrunner-p-prod-etl"
    assert naming.family(project="p", stage=None, job="etl") == "jobrunner-p-etl"
    with pytest.raises(SpecError, match="over 255 characters"):
        naming.family(project="p" * 200, stage=None, job="j" * 64)


def test_a_task_arn_is_told_from_a_prefix() -> None:
    """Both forms of task ARNs end in the task's id."""
    assert naming.is_task_arn(ARN)
    assert not naming.is_task_arn("arn:aws:iam::123456789012:role/task")
    assert not naming.is_task_arn(RUN_ID)
    assert naming.task_id(ARN) == "0f3c0000000000000000000000000000"


@given(
    run_id=st.binary(min_size=10, max_size=10).map(naming.run_id_from),
    cluster=st.text(min_size=1, max_size=20),
    task_id=st.none() | st.text("0123456789abcdef", min_size=32, max_size=32),
)
def test_a_reference_survives_printing(run_id: str, cluster: str, task_id: str | None) -> None:
    """`parse` is the inverse of `str`, whatever the cluster is called."""
    ref = RunRef(run_id=run_id, region="eu-west-1", cluster=cluster, task_id=task_id)

    assert ref == RunRef.parse(str(ref))
    assert naming.is_ref(str(ref))
    assert not naming.is_ref(run_id)


@pytest.mark.parametrize(
    "text",
    ["", "jobrunner://", f"jobrunner://eu-west-1/{RUN_ID}", "jobrunner://eu-west-1/c/short", f"http://r/c/{RUN_ID}",
     f"jobrunner://r/c/{RUN_ID}/t/more", f"jobrunner://r//{RUN_ID}"],
)  # fmt: skip
def test_what_is_not_a_reference_is_refused(text: str) -> None:
    """The message shows what one looks like."""
    with pytest.raises(SpecError, match="is not a run reference") as caught:
        RunRef.parse(text)

    assert caught.value.hint is not None
    assert "jobrunner://REGION/CLUSTER/RUN-ID" in caught.value.hint
