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
TIME = "2026-11-24T02:30:00Z"
SCHEDULED = f"nightly-etl@{TIME}"
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
    [
        (f"jobrunner/{RUN_ID}", RUN_ID),
        ("jobrunner/short", None),
        (f"jobrunner-schedule/{RUN_ID}", None),
        ("ecs-svc/123", None),
        (None, None),
        ("", None),
    ],
)
def test_the_run_id_is_read_back_from_started_by(started_by: str | None, run_id: str | None) -> None:
    """Only what jobrunner wrote is a run id."""
    assert run_id == naming.run_id_of(started_by)


def test_the_id_of_a_scheduled_run_is_its_job_and_its_time() -> None:
    """Whoever delivers that time; and both are read back from it."""
    assert SCHEDULED == naming.scheduled_run_id("nightly-etl", TIME)
    assert naming.is_run_id(SCHEDULED)
    assert ("nightly-etl", TIME) == naming.scheduled_of(SCHEDULED)


@pytest.mark.parametrize(
    "text",
    [
        RUN_ID,
        "",
        "nightly-etl",
        "nightly-etl@",
        f"@{TIME}",
        f"_etl@{TIME}",
        f"{'j' * 65}@{TIME}",
        "etl@2026-11-24",
        "etl@2026-11-24T02:30:00.000Z",
        "etl@2026-11-24T02:30:00+00:00",
        f"{SCHEDULED}\n",
        "etl@<aws.scheduler.scheduled-time>",
    ],
)
def test_what_is_no_id_of_a_scheduled_run(text: str) -> None:
    """It is complete, and in the one spelling that EventBridge Scheduler has."""
    assert None is naming.scheduled_of(text)
    assert (text == RUN_ID) == naming.is_run_id(text)


def test_a_scope_stands_for_the_schedules_of_one_job() -> None:
    """The same on every machine; where project, stage and job end matters, and no key of a run gives the same."""
    known = naming.schedule_scope(project="p", stage="prod", job="etl")
    others = [
        naming.schedule_scope(project="p", stage=None, job="etl"),
        naming.schedule_scope(project="p", stage="prod", job="ETL"),
        naming.schedule_scope(project="pp", stage="rod", job="etl"),
        naming.keyed_run_id(project="p", stage="prod", job="etl", key=""),
    ]

    assert "fq4h8gmt9gxmet19" == known
    assert re.fullmatch(r"[0-9a-z]{16}", known)
    assert len({known, *others}) == 5


def test_the_names_of_a_scheduled_run_keep_the_limits() -> None:
    """Tokens of at most 64 printable ASCII characters; a startedBy without a colon, of 36 at most."""
    token = naming.client_token(naming.schedule_token(RUN_ID, TIME), 999, 99)
    started_by = naming.started_by_schedule(RUN_ID)

    assert f"{RUN_ID}-{TIME}-999.99" == token
    assert re.fullmatch(r"[!-~]{1,64}", token)
    assert f"jobrunner-schedule/{RUN_ID}" == started_by
    assert re.fullmatch(r"[A-Za-z0-9_/-]{1,36}", started_by)


@pytest.mark.parametrize(
    ("started_by", "scheduled"),
    [
        (f"jobrunner-schedule/{RUN_ID}", True),
        (f"jobrunner/{RUN_ID}", False),
        ("chronos-schedule/x", False),
        (None, False),
    ],
)
def test_what_a_schedule_has_started_is_known_by_started_by(started_by: str | None, *, scheduled: bool) -> None:
    """A schedule of jobrunner's; what a person has made by hand is not ours."""
    assert scheduled == naming.is_started_by_schedule(started_by)


def test_a_task_group_says_whose_a_task_is() -> None:
    """Other than the names of the schedule groups, those of a project and stage are no other's."""
    names = [("shop", None), ("shop", "prod"), ("shop-prod", None), ("shop", "prod-eu"), ("shop-prod", "eu")]
    groups = [naming.task_group(project=project, stage=stage) for project, stage in names]

    assert ["jobrunner--shop--", "jobrunner--shop--prod", "jobrunner--shop-prod--"] == groups[:3]
    assert len(names) == len(set(groups))


def test_a_task_group_is_one_that_ecs_takes() -> None:
    """No colon, which would make its beginning a namespace; letters, digits, hyphens and underscores, 255 at most."""
    longest = naming.task_group(project="p" * 32, stage="_" * 32)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", longest)


@pytest.mark.parametrize(
    ("group", "ours"),
    [("jobrunner--shop--", True), ("family:jobrunner-shop-etl", False), ("jobrunner-shop", False), (None, False)],
)
def test_the_groups_of_jobrunners_tasks_are_known(group: str | None, *, ours: bool) -> None:
    """By what they begin with; a task of an older version has the group of its family."""
    assert ours == naming.is_task_group(group)


def test_a_group_belongs_to_a_project_and_a_stage() -> None:
    """Two that would be too long stay two."""
    long = [naming.schedule_group(project="p" * 32, stage="s" * 31 + end) for end in "ab"]

    assert "jobrunner-shop" == naming.schedule_group(project="shop", stage=None)
    assert "jobrunner-shop-prod" == naming.schedule_group(project="shop", stage="prod")
    assert [64, 64] == [len(name) for name in long]
    assert 2 == len(set(long))


@pytest.mark.parametrize(
    ("name", "number", "expression", "expected"),
    [
        (None, 1, 1, "etl"),
        (None, 1, 2, "etl.1.2"),
        (None, 2, 1, "etl.2"),
        (None, 3, 2, "etl.3.2"),
        ("morning", 1, 1, "etl.morning"),
        ("morning", 2, 3, "etl.morning.3"),
    ],
)
def test_names_of_schedules(name: str | None, number: int, expression: int, expected: str) -> None:
    """The job, the entry's name or its number from 2 on, the expression's number from 2 on."""
    assert expected == naming.schedule_name("etl", entry=naming.schedule_key(name, number), expression=expression)


@given(
    job=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True),
    entry=st.none() | st.from_regex(r"[0-9A-Za-z_-]{1,32}", fullmatch=True),
    expression=st.integers(1, 99),
)
def test_every_name_of_a_schedule_is_one_that_scheduler_takes(job: str, entry: str | None, expression: int) -> None:
    """CreateSchedule: `[0-9a-zA-Z-_.]+`, at most 64; only a job's name is cut, and a short one is not."""
    name = naming.schedule_name(job, entry=entry, expression=expression)

    assert re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", name)
    assert name.endswith(f".{entry}" if entry and expression == 1 else "")
    assert name.startswith(job[:20])


def test_names_that_are_cut_stay_different() -> None:
    """By a digest of the whole name."""
    names = {naming.schedule_name("j" * 63 + end, entry="m" * 32) for end in "ab"}

    assert 2 == len(names)
    assert {64} == {len(name) for name in names}
    assert {"j" * 22} == {name.split("-")[0] for name in names}


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
    run_id=st.binary(min_size=10, max_size=10).map(naming.run_id_from) | st.just(SCHEDULED),
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


@pytest.mark.parametrize(
    ("task_arn", "cluster"),
    [
        ("arn:aws:ecs:us-east-1:123456789012:task/blue/0123456789abcdef0123456789abcdef", "blue"),
        ("arn:aws:ecs:us-east-1:123456789012:task/01234567-89ab-cdef-0123-456789abcdef", None),
        ("", None),
    ],
)
def test_the_cluster_of_a_task_is_in_its_arn(task_arn: str, cluster: str | None) -> None:
    """But for the old short form."""
    assert cluster == naming.cluster_of(task_arn)
