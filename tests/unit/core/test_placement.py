"""RunTask's `failures[]`: what they mean, and whether the same request may be placed later."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.judgement import Judgement
from jobrunner.core.outcome import Verdict
from jobrunner.core.placement import REASONS, judge_placement
from jobrunner.core.ports import PlacementFailure

#: What ECS says, the word, whether a retry may help. Sources: "API failure reasons" and "Service event messages",
#: Amazon ECS Developer Guide.
CASES = (
    ("Capacity is unavailable at this time. Please try again later or in a different availability zone", "capacity",
     True),
    ("RESOURCE:FARGATE", "capacity", True),
    ("You've reached the limit on the number of vCPUs you can run concurrently", "vcpu_limit", True),
    ("You\u2019ve reached the limit on the number of vCPUs you can run concurrently", "vcpu_limit", True),
    ("You\u2019ve reached the limit on the number of tasks you can run concurrently", "vcpu_limit", True),
    ("RESOURCE:ENI", "network_interface", True),
    ("RESOURCE:MEMORY", "resources", True),
    ("RESOURCE:SOMETHING-NEW", "resources", True),
    ("The requested CPU configuration is above your limit", "size_limit", False),
    ("the requested memory configuration is above your limit", "size_limit", False),
    ("AGENT", "placement", True),
    ("Internal error.", "placement", True),
    ("a word of tomorrow", "placement", True),
    ("ATTRIBUTE", "placement", False),
    ("LOCATION", "placement", False),
    ("MISSING", "placement", False),
    ("INACTIVE", "placement", False),
    ("MemberOf placement constraint unsatisfied", "placement", False),
    ("NO ACTIVE INSTANCES", "placement", False),
    ("No Container Instances were found in your cluster.", "placement", False),
    ("EMPTY CAPACITY PROVIDER", "placement", False),
)  # fmt: skip


@pytest.mark.parametrize(("said", "reason", "transient"), CASES, ids=[case[0][:50] for case in CASES])
def test_each_reason_of_ecs(said: str, reason: str, *, transient: bool) -> None:
    """The word, whether a retry may help, and ECS's own words."""
    expected = Judgement(
        verdict=Verdict.NEVER_STARTED,
        reason=reason,
        exit_code=None,
        detail=f"ECS did not place the task: {said}",
        transient=transient,
    )

    assert expected == judge_placement([PlacementFailure(reason=said)])


def test_the_table_has_every_word() -> None:
    """No word is without a case."""
    assert {reason for _, reason, _ in CASES} == REASONS


def test_what_stands_in_the_detail_counts_too() -> None:
    """ECS may put the sentence there."""
    judged = judge_placement([PlacementFailure(reason="FAILED", detail="Capacity is unavailable at this time")])

    assert ("capacity", True) == (judged.reason, judged.transient)
    assert judged.detail == "ECS did not place the task: FAILED: Capacity is unavailable at this time"


def test_failures_are_told_once_and_the_most_telling_counts() -> None:
    """Each container instance may have its own failure."""
    failures = [PlacementFailure(reason=reason) for reason in ("AGENT", "RESOURCE:CPU", "AGENT")]

    judged = judge_placement(failures)

    assert ("resources", "ECS did not place the task: AGENT; RESOURCE:CPU") == (judged.reason, judged.detail)


def test_one_lasting_failure_is_enough() -> None:
    """A retry would meet it again."""
    assert not judge_placement([PlacementFailure(reason="AGENT"), PlacementFailure(reason="ATTRIBUTE")]).transient


def test_an_unplaced_task_without_any_failure_is_unknown() -> None:
    """Nothing ran, so that it may be tried again."""
    judged = judge_placement([])

    assert ("placement", True) == (judged.reason, judged.transient)
    assert judged.detail == "ECS did not place the task: it gave no reason"


@given(st.lists(st.builds(PlacementFailure, reason=st.text(), detail=st.none() | st.text())))
def test_whatever_ecs_says_nothing_ran(failures: list[PlacementFailure]) -> None:
    """The verdict is always `never_started`, with a known word."""
    judged = judge_placement(failures)

    assert (Verdict.NEVER_STARTED, None) == (judged.verdict, judged.exit_code)
    assert judged.reason in REASONS
