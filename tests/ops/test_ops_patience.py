"""Calls before there is a run: repeated while AWS throttles them, and not for ever."""

from __future__ import annotations

import pytest

from jobrunner.core.local_stage import CLUSTER
from jobrunner.errors import AwsRefusedError, AwsThrottledError
from jobrunner.ops.patience import patiently
from jobrunner.testing import FakeAws, ScriptedClock


def _aws() -> tuple[ScriptedClock, FakeAws]:
    clock = ScriptedClock()
    return clock, FakeAws(clock)


def test_a_throttled_call_is_made_again() -> None:
    """With longer and longer pauses."""
    clock, aws = _aws()
    aws.tasks.fail("find", *[AwsThrottledError("slow down")] * 3)

    assert [] == list(patiently(clock, lambda: aws.tasks.find(CLUSTER, started_by="nobody")))
    assert ([0.5, 1.0, 2.0], ["find"] * 4) == (clock.slept, aws.tasks.calls)


def test_patience_has_an_end() -> None:
    """Some fifteen seconds."""
    clock, aws = _aws()
    aws.tasks.fail("find", *[AwsThrottledError(f"slow down {number}") for number in range(9)])

    with pytest.raises(AwsThrottledError, match="slow down 5"):
        patiently(clock, lambda: aws.tasks.find(CLUSTER, started_by="nobody"))
    assert 15.5 == sum(clock.slept)


def test_a_refusal_is_final() -> None:
    """The same call would get the same answer."""
    clock, aws = _aws()
    aws.tasks.fail("find", AwsRefusedError("no"))

    with pytest.raises(AwsRefusedError):
        patiently(clock, lambda: aws.tasks.find(CLUSTER, started_by="nobody"))
    assert [] == clock.slept
