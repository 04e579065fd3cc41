"""How often AWS may be called."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.core.budget import (
    FIRST_PAUSE_SECONDS,
    LEAST_PART,
    LONGEST_PAUSE_SECONDS,
    RECOVERY_SECONDS,
    UNLIMITED,
    Budget,
    Limits,
    Rate,
    aws_limits,
)

CALL = "RunTask"
#: A clock of these days: as a float it counts in quarters of a microsecond.
START = 1_795_435_200.0
#: What a float of these days cannot tell apart, for bounds that are met exactly.
NOISE = 1e-6

rates = st.builds(
    Rate, burst=st.integers(1, 100), per_second=st.floats(0.1, 100, allow_nan=False, allow_infinity=False)
)
pauses = st.one_of(st.just(0.0), st.floats(0.0, 3.0), st.floats(0.0, 60.0))
steps = st.lists(st.tuples(pauses, st.sampled_from(["call", "throttled", "answered"])), max_size=80)


def budget_of(rate: Rate) -> Budget:
    """Give a budget of one operation."""
    return Budget(Limits(rates={CALL: rate}))


def when_allowed(budget: Budget, now: float) -> float:
    """Wait as told, and give the time at which a call may go; it must not take many questions."""
    for _ in range(4):
        wait = budget.wait(CALL, now)
        if not wait:
            return now
        now += wait
    raise AssertionError("each wait was followed by another one")


def calls_in(budget: Budget, seconds: float, now: float) -> int:
    """Give how many calls may go in so many seconds, by somebody who calls whenever it is allowed."""
    count, end = 0, now + seconds
    while (now := when_allowed(budget, now)) <= end:
        budget.spend(CALL, now)
        count += 1
    return count


def test_burst_then_rate() -> None:
    """A full bucket goes at once; then calls go at the rate."""
    budget = budget_of(Rate(burst=3, per_second=2.0))
    waits = []
    for _ in range(4):
        waits.append(budget.wait(CALL, START))
        budget.spend(CALL, START)
    assert [0.0, 0.0, 0.0, 0.5] == waits
    assert 1.0 == budget.wait(CALL, START)
    assert 0.0 == budget.wait(CALL, START + 1.0)


def test_bucket_fills_no_further_than_the_burst() -> None:
    """An hour without a call allows no more at once than a minute."""
    budget = budget_of(Rate(burst=3, per_second=2.0))
    assert 3 == calls_in(budget, 0.0, START)
    assert 3 == calls_in(budget, 0.0, START + 3600.0)


def test_operations_do_not_share() -> None:
    """Each operation has a bucket of its own, and one without a rate is not limited."""
    budget = Budget(Limits(rates={"RunTask": Rate(burst=1, per_second=1.0)}))
    budget.spend("RunTask", START)
    budget.throttled("StopTask", START)
    for _ in range(1000):
        budget.spend("GetRole", START)
    waits = [budget.wait(name, START) for name in ("RunTask", "StopTask", "GetRole")]
    assert [1.0, FIRST_PAUSE_SECONDS, 0.0] == waits


def test_a_call_that_did_not_wait_is_paid_for_later() -> None:
    """Whoever cannot wait may call; whoever comes next waits for both."""
    budget = budget_of(Rate(burst=1, per_second=2.0))
    for _ in range(3):
        budget.spend(CALL, START)
    assert 1.5 == budget.wait(CALL, START)


@settings(max_examples=300)
@given(rates, steps)
def test_never_above_the_limit_over_any_window(rate: Rate, pattern: list[tuple[float, str]]) -> None:
    """Whatever happens, no window of any length has more calls than the burst and what the rate adds in it."""
    budget = budget_of(rate)
    now, calls = START, []
    for pause, what in pattern:
        now += pause
        if what == "call":
            for _ in range(rate.burst + 1):  # as much as may go, and one more
                now = when_allowed(budget, now)
                budget.spend(CALL, now)
                calls.append(now)
        elif what == "throttled":
            budget.throttled(CALL, now)
        else:
            budget.answered(CALL, now)
    # From call i to call j there are j - i + 1; so for each j the worst i is where i - rate * t is least.
    ahead = [number - rate.per_second * (moment - START) for number, moment in enumerate(calls)]
    most = max((last - least + 1 for last, least in zip(ahead, accumulate(ahead, min), strict=True)), default=0.0)
    assert most <= rate.burst + rate.per_second * NOISE


@given(rates, steps)
def test_the_limit_is_used(rate: Rate, pattern: list[tuple[float, str]]) -> None:
    """Where nothing is throttled, no call waits that the limit would have allowed."""
    budget = budget_of(rate)
    now, tokens, at = START, float(rate.burst), START
    for pause, _ in pattern:
        now = when_allowed(budget, now + pause)
        tokens, at = min(float(rate.burst), tokens + rate.per_second * (now - at)) - 1.0, now
        budget.spend(CALL, now)
        expected = (1.0 - tokens) / rate.per_second if tokens < 1.0 else 0.0
        assert expected == pytest.approx(budget.wait(CALL, now), abs=0.001 + NOISE)


@settings(max_examples=300)
@given(rates, steps)
def test_never_starves(rate: Rate, pattern: list[tuple[float, str]]) -> None:
    """However much is throttled, the next call may go within the longest pause, or what the least rate needs."""
    budget = budget_of(rate)
    now, longest = START, max(LONGEST_PAUSE_SECONDS, 1 / (LEAST_PART * rate.per_second))
    for pause, what in pattern:
        now += pause
        if what == "throttled":
            budget.throttled(CALL, now)
        elif what == "answered":
            budget.answered(CALL, now)
        else:
            went = when_allowed(budget, now)
            assert went - now <= longest + 0.01
            now = went
            budget.spend(CALL, now)


@settings(max_examples=200)
@given(rates, steps)
def test_gives_the_whole_rate_back(rate: Rate, pattern: list[tuple[float, str]]) -> None:
    """Some time after the last throttled call, and an answer, everything is as it was before the first."""
    budget = budget_of(rate)
    now = START
    for pause, what in pattern:
        now += pause
        (budget.throttled if what == "throttled" else budget.answered)(CALL, now)
    now += LONGEST_PAUSE_SECONDS + RECOVERY_SECONDS
    budget.answered(CALL, now)
    assert not budget.slowed(CALL, now)
    now += rate.burst / rate.per_second + NOISE
    assert rate.burst == calls_in(budget, 0.0, now)


def test_throttled_pauses_and_halves() -> None:
    """After a throttled call nothing goes for a second; then it goes at half the rate, and without a burst."""
    budget = budget_of(Rate(burst=100, per_second=20.0))
    budget.spend(CALL, START)
    budget.throttled(CALL, START)
    assert FIRST_PAUSE_SECONDS == budget.wait(CALL, START)
    # What came in during the pause, and ten a second from then on.
    assert 10 + 50 == calls_in(budget, 5.05, START + FIRST_PAUSE_SECONDS)


def test_bucket_is_small_while_the_rate_is() -> None:
    """A minute without a call fills the bucket as far as the rate has been given back, and no further."""
    budget = budget_of(Rate(burst=100, per_second=20.0))
    budget.throttled(CALL, START)
    assert 50 == calls_in(budget, 0.0, START + 60.0)


def test_calls_on_their_way_count_once() -> None:
    """Those of a burst that are throttled, or answered, after the first was throttled say nothing new."""
    budget = budget_of(Rate(burst=100, per_second=20.0))
    for moment in (0.0, 0.1, 0.2):
        budget.throttled(CALL, START + moment)
        budget.answered(CALL, START + moment)
    assert FIRST_PAUSE_SECONDS - 0.2 == pytest.approx(budget.wait(CALL, START + 0.2), abs=NOISE)
    assert 10 == calls_in(budget, 0.0, START + FIRST_PAUSE_SECONDS)
    budget.throttled(CALL, START + FIRST_PAUSE_SECONDS)
    assert 2 * FIRST_PAUSE_SECONDS == budget.wait(CALL, START + FIRST_PAUSE_SECONDS)


def test_back_off_grows_while_throttles_continue() -> None:
    """Each throttled call without an answer since the last doubles the pause, up to the longest; an answer resets."""
    budget = budget_of(Rate(burst=100, per_second=20.0))
    now, seen = START, []
    for _ in range(7):
        budget.throttled(CALL, now)
        seen.append(budget.wait(CALL, now))
        now += seen[-1]
    assert [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS] == seen
    budget.answered(CALL, now)
    budget.throttled(CALL, now)
    assert FIRST_PAUSE_SECONDS == budget.wait(CALL, now)


def test_the_least_rate() -> None:
    """A sixteenth of the rate is left, however often a call is throttled."""
    budget = budget_of(Rate(burst=16, per_second=16.0))
    now = START
    for _ in range(10):
        budget.throttled(CALL, now)
        now += budget.wait(CALL, now)
    budget.spend(CALL, now)
    assert 1.0 == pytest.approx(budget.wait(CALL, now), abs=NOISE)


def test_rate_comes_back_with_answers_as_time_passes() -> None:
    """Answers give the rate back at a constant pace: no faster when there are many, nothing without one."""
    often, seldom, never = (budget_of(Rate(burst=1, per_second=10.0)) for _ in range(3))
    after = START + FIRST_PAUSE_SECONDS
    for budget in (often, seldom, never):
        budget.throttled(CALL, START)
    for number in range(1, 101):
        often.answered(CALL, after + number * RECOVERY_SECONDS / 400)
    seldom.answered(CALL, after + RECOVERY_SECONDS / 4)
    now = after + RECOVERY_SECONDS / 4
    gaps = []
    for budget in (often, seldom, never):
        budget.spend(CALL, now)
        gaps.append(budget.wait(CALL, now))
    assert [1 / 7.5, 1 / 7.5, 1 / 5.0] == pytest.approx(gaps)
    assert [True, True, True] == [budget.slowed(CALL, now) for budget in (often, seldom, never)]


def test_settles_at_what_others_leave() -> None:
    """Where others use half of the quota, most of the rest is used, and few calls are throttled."""
    budget, aws = budget_of(Rate(burst=16, per_second=16.0)), budget_of(Rate(burst=8, per_second=8.0))
    now, answered, throttled = START, 0, 0
    while now < START + 600.0:
        now = when_allowed(budget, now)
        budget.spend(CALL, now)
        if aws.wait(CALL, now):
            throttled += 1
            budget.throttled(CALL, now)
        else:
            aws.spend(CALL, now)
            answered += 1
            budget.answered(CALL, now)
    assert answered > 0.7 * 8 * 600
    assert throttled < 0.02 * answered


def test_no_limits() -> None:
    """Without quotas nothing waits, but a throttled call is backed off from, and the operation said to be slow."""
    budget = Budget(UNLIMITED)
    for _ in range(10_000):
        budget.spend(CALL, START)
    assert 0.0 == budget.wait(CALL, START)
    budget.throttled(CALL, START)
    assert (FIRST_PAUSE_SECONDS, True) == (budget.wait(CALL, START), budget.slowed(CALL, START))
    now = START + FIRST_PAUSE_SECONDS + RECOVERY_SECONDS
    budget.answered(CALL, now)
    assert (0.0, False) == (budget.wait(CALL, now), budget.slowed(CALL, now))


def test_clock_that_is_set_back() -> None:
    """A clock that is set back by an hour neither delays a call by an hour nor allows one more."""
    budget = budget_of(Rate(burst=2, per_second=1.0))
    for _ in range(2):
        budget.spend(CALL, START)
    budget.throttled(CALL, START)
    back = START - 3600.0
    assert 2.0 == budget.wait(CALL, back)
    assert 1.0 == budget.wait(CALL, back + 1.0)
    assert 0.0 == budget.wait(CALL, back + 2.0)


def test_a_wait_is_never_too_short_to_pass() -> None:
    """A clock that counts in microseconds sees every wait pass."""
    budget = budget_of(Rate(burst=1, per_second=1000.0))
    budget.spend(CALL, START)
    assert 0.001 == budget.wait(CALL, START + 0.000999)


@pytest.mark.parametrize(
    ("burst", "per_second"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0), (1, float("inf")), (1, float("nan"))]
)
def test_rates_that_are_none(burst: int, per_second: float) -> None:
    """A rate allows something, and not everything."""
    with pytest.raises(ValueError, match="allows nothing, or everything"):
        Rate(burst=burst, per_second=per_second)


def test_limits_of_aws() -> None:
    """Four fifths of each quota; of RunTask, of the smallest of three."""
    rates = aws_limits("us-east-1").rates
    expected = {
        "RunTask": Rate(burst=16, per_second=16.0),
        "StopTask": Rate(burst=80, per_second=32.0),
        "DescribeTasks": Rate(burst=80, per_second=16.0),
        "RegisterTaskDefinition": Rate(burst=16, per_second=0.8),
        "DescribeTaskDefinition": Rate(burst=40, per_second=16.0),
        "CreateSchedule": Rate(burst=50, per_second=150.0),
        "PutRetentionPolicy": Rate(burst=1, per_second=3.0),
    }
    assert expected == {name: rates[name] for name in expected}


@pytest.mark.parametrize(
    ("region", "get", "filter_"),
    [
        ("us-east-1", 25, 25),
        ("eu-north-1", 25, 10),
        ("us-west-2", 10, 10),
        ("eu-west-1", 10, 10),
        ("eu-central-1", 10, 5),
        ("eu-west-3", 30, 10),
    ],
)
def test_limits_of_logs_depend_on_the_region(region: str, get: int, filter_: int) -> None:
    """In any one second, a full bucket and what fills it are four fifths of the region's quota."""
    rates = aws_limits(region).rates
    quotas = {"GetLogEvents": get, "FilterLogEvents": filter_}
    expected = {name: 0.8 * quota for name, quota in quotas.items()}
    assert expected == {name: rates[name].burst + rates[name].per_second for name in quotas}


def test_limits_are_frozen() -> None:
    """Nobody can raise them by accident."""
    with pytest.raises(TypeError, match="frozen"):
        UNLIMITED.rates["RunTask"] = Rate(burst=1, per_second=1.0)  # type: ignore[index]  # that is the point


def test_aws_own_bucket_is_never_empty() -> None:
    """A thousand starts, as fast as they may go, are all accepted by a bucket of AWS's size."""
    budget, aws = Budget(aws_limits("eu-west-1")), budget_of(Rate(burst=20, per_second=20.0))
    now, moments = START, []
    for _ in range(1000):
        now = when_allowed(budget, now)
        assert 0.0 == aws.wait(CALL, now)
        aws.spend(CALL, now)
        budget.spend(CALL, now)
        moments.append(now)
    assert (1000 - 16) / 16.0 == pytest.approx(moments[-1] - moments[0], abs=1.1)
    assert 1 / 16 + 0.002 > max(later - earlier for earlier, later in pairwise(moments[16:]))
