"""Two requests of a schedule, field by field."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning import NOW, job, requests

from jobrunner.core.plan_fields import compared, differences, effective, shown_fields, unmanaged

BODY = dict(requests(job())[0].body)
IN_INPUT = "Target.Input"


def differing(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """What differs between two requests."""
    return {one.path: (one.old, one.new) for one in differences(old, new, now=NOW)}


def of_input(old: Any, new: Any) -> dict[str, tuple[object, object]]:
    """What differs when two inputs do, with the paths inside them."""
    one, other = (
        {**BODY, "Target": {**BODY["Target"], "Input": json.dumps({**value, "same": 0})}} for value in (old, new)
    )
    return {path.removeprefix(f"{IN_INPUT}."): values for path, values in differing(one, other).items()}


def timed(expression: str, **dates: str) -> dict[str, Any]:
    """A schedule of other times."""
    return {**BODY, "ScheduleExpression": expression, "ScheduleExpressionTimezone": "UTC", **dates}


def test_what_is_the_same() -> None:
    """Nothing differs from itself; name and group say which one it is."""
    assert {} == differing(BODY, BODY)
    assert {} == differing(BODY, {**BODY, "Name": "other", "GroupName": "other"})


def test_defaults_of_aws() -> None:
    """GetSchedule fills in what was left out, so a default is no difference to nothing."""
    target = {key: value for key, value in BODY["Target"].items() if key != "RetryPolicy"}
    short = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    long = {
        **short,
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "ActionAfterCompletion": "NONE",
        "Target": {**target, "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}},
    }
    assert {} == differing(short, long)
    assert {} == differing(long, short)
    assert {"State": ("ENABLED", "DISABLED")} == differing(short, {**short, "State": "DISABLED"})
    retry = {**target, "RetryPolicy": {"MaximumRetryAttempts": 3}}
    expected: dict[str, tuple[object, object]] = {"Target.RetryPolicy.MaximumRetryAttempts": (185, 3)}
    assert expected == differing(long, {**short, "Target": retry})


def test_the_input_is_json() -> None:
    """Spaces and the order of keys make no difference; numbers and truth values are two things."""
    assert {} == of_input({"a": 1, "b": [{"x": 1}]}, {"b": [{"x": 1}], "a": 1})
    text = json.dumps(json.loads(BODY["Target"]["Input"]), indent=2, sort_keys=True)
    assert {} == differing(BODY, {**BODY, "Target": {**BODY["Target"], "Input": text}})
    assert {"a": (1, True)} == of_input({"a": 1}, {"a": True})


def test_lists_of_named_things() -> None:
    """They are compared by their names; a pair of name and value is one field."""
    old = {
        "Overrides": {"ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "LOG_LEVEL", "Value": "info"}]}]}
    }
    new = {
        "Overrides": {
            "ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "LOG_LEVEL", "Value": "debug"}]}]
        }
    }
    path = "Overrides.ContainerOverrides[main].Environment[LOG_LEVEL]"
    assert {path: ("info", "debug")} == of_input(old, new)
    tags = [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]
    assert {} == of_input({"Tags": tags}, {"Tags": tags[::-1]})
    assert {"Tags[c]": (None, "3")} == of_input({"Tags": tags}, {"Tags": [{"Key": "c", "Value": "3"}, *tags]})
    assert {"Tags[a]": ("1", None)} == of_input({"Tags": tags}, {"Tags": tags[:1]})
    spot, both = {"CapacityProvider": "FARGATE_SPOT", "Weight": 1}, {"CapacityProvider": "FARGATE", "Weight": 2}
    assert {"S[FARGATE].Weight": (None, 2)} == of_input({"S": [spot]}, {"S": [spot, both]})
    assert {"E[a]": ("1", "2")} == of_input({"E": [{"name": "a", "value": "1"}]}, {"E": [{"name": "a", "value": "2"}]})


def test_the_spelling_of_a_key_is_a_difference() -> None:
    """A universal target refuses ECS's own spelling, so what is named by another key is another thing."""
    expected: dict[str, tuple[object, object]] = {"E[a]": (None, "1")}
    one, other = {"E": [{"name": "a", "value": "1"}]}, {"E": [{"Name": "a", "Value": "1"}]}
    assert expected | {"E[a]": ("1", None)} == of_input(one, other)
    [first, second] = differences(*(
        {**BODY, "Target": {**BODY["Target"], "Input": json.dumps(value)}} for value in (one, other)
    ), now=NOW)  # fmt: skip
    assert [(None, "1"), ("1", None)] == [(first.old, first.new), (second.old, second.new)]


def test_documents_beside_the_request() -> None:
    """Any two can be compared; only of what people write is anything hidden."""
    waits = [{"ContainerName": "db", "Condition": "START"}]
    fields = compared(
        {"W": waits, "Token": 1, "TaskDefinition": {"Token": 1}},
        {"W": [{**waits[0], "Condition": "SUCCESS"}], "Token": 2, "TaskDefinition": {"Token": 2}},
    )
    expected = {
        "W[db].Condition": ("START", "SUCCESS"),
        "Token": (1, 2),
        "TaskDefinition.Token": ("(hidden)", "(hidden, changed)"),
    }
    assert expected == {one.path: (one.old, one.new) for one in fields}


def test_other_lists() -> None:
    """What has no names, or one name twice, is numbered; a list of plain values is one value."""
    assert {"L[1].a": (2, 3)} == of_input({"L": [{"a": 1}, {"a": 2}]}, {"L": [{"a": 1}, {"a": 3}]})
    twice = [{"Name": "x", "Value": "1"}, {"Name": "x", "Value": "2"}]
    assert {"L[1].Value": ("2", "3")} == of_input({"L": twice}, {"L": [twice[0], {"Name": "x", "Value": "3"}]})
    assert {"Command": (["a"], ["a", "b"])} == of_input({"Command": ["a"]}, {"Command": ["a", "b"]})
    assert {"L": ([], None), "L[0].a": (None, 1)} == of_input({"L": []}, {"L": [{"a": 1}]})
    assert {"L[x]": ({}, 1)} == of_input({"L": [{"Name": "x"}]}, {"L": [{"Name": "x", "Value": 1}]})


def test_null_and_nothing() -> None:
    """To whoever reads an input, a null and no key may be two things; people see which is which."""
    assert {"timeout": ("null", 7200)} == of_input({"timeout": None}, {"timeout": 7200})
    assert {"timeout": (None, "null")} == of_input({}, {"timeout": None})


@pytest.mark.parametrize("text", ["", "no json", "[" * 100_000])
def test_an_input_that_is_no_json(text: str) -> None:
    """It is compared as text, and not shown: what is in it is not known."""
    foreign = {**BODY, "Target": {**BODY["Target"], "Input": text}}
    assert {} == differing(foreign, foreign)
    found = differing(foreign, BODY)
    assert ("(hidden)", None) == found[IN_INPUT]
    assert (None, "nightly:1") == found[f"{IN_INPUT}.TaskDefinition"]
    assert {IN_INPUT: ("(hidden)", "(hidden, changed)")} == differing(
        foreign, {**BODY, "Target": {**BODY["Target"], "Input": text + "x"}}
    )


def test_a_target_without_an_input() -> None:
    """A templated target needs none."""
    target = {"Arn": "arn:aws:lambda:eu-west-1:1:function:f", "RoleArn": BODY["Target"]["RoleArn"]}
    assert (None, "nightly:1") == differing({**BODY, "Target": target}, BODY)[f"{IN_INPUT}.TaskDefinition"]


def test_secrets_are_hidden() -> None:
    """By the name of a variable, or because they are secrets; the name of a container says nothing of its content."""

    def override(token: str, level: str) -> dict[str, Any]:
        environment = [{"Name": "API_TOKEN", "Value": token}, {"Name": "LOG_LEVEL", "Value": level}]
        return {"ContainerOverrides": [{"Name": "auth-proxy", "Environment": environment}], "ClientToken": token}

    expected = {
        "ContainerOverrides[auth-proxy].Environment[API_TOKEN]": ("(hidden)", "(hidden, changed)"),
        "ContainerOverrides[auth-proxy].Environment[LOG_LEVEL]": ("info", "debug"),
        "ClientToken": ("a", "b"),
    }
    assert expected == of_input(override("a", "info"), override("b", "debug"))
    assert {"Secrets[DB]": (None, "(hidden)")} == of_input({}, {"Secrets": [{"Name": "DB", "Value": "x"}]})
    assert {"Secrets[DB].ValueFrom": ("(hidden)", None)} == of_input(
        {"Secrets": [{"Name": "DB", "ValueFrom": "x"}]}, {}
    )
    assert {"credentials.user": (None, "(hidden)")} == of_input({}, {"credentials": {"user": "x"}})
    assert {"Command": (["--token", "(hidden)"], "(hidden, changed)")} == of_input(
        {"Command": ["--token", "a"]}, {"Command": ["--token", "b"]}
    )


def test_no_secret_beside_the_input() -> None:
    """The names of AWS's own fields are no reason to hide anything."""
    [field] = shown_fields({"KmsKeyArn": "arn:aws:kms:eu-west-1:1:key/k"})
    assert ("KmsKeyArn", "arn:aws:kms:eu-west-1:1:key/k") == (field.path, field.new)
    assert field.old == field.new


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Name", "Value", "Key", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(one=st.dictionaries(st.text(max_size=3), JSON, max_size=3), other=st.dictionaries(st.text(max_size=3), JSON))
def test_nothing_is_overlooked(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Inputs without a difference are the same JSON but for the order of named things."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return sorted((key, ordered(item)) for key, item in value.items())
        return sorted(map(ordered, value), key=repr) if isinstance(value, list) else repr(value)

    assert (one == other) <= (of_input(one, other) == {})
    if of_input(one, other) == {}:
        assert ordered(one) == ordered(other)


# -- times that have passed -----------------------------------------------------------------------------------------

PAST, FUTURE = "2026-11-24T02:07:00Z", "2026-12-24T02:07:00Z"


def test_a_start_that_has_passed() -> None:
    """AWS refuses it; a cron needs it no more, and a rate counts from it: there it becomes the next of its moments."""
    assert "StartDate" not in effective(timed("cron(30 2 * * ? *)", StartDate=PAST), NOW)
    assert "2026-11-24T09:52:00Z" == effective(timed("rate(15 minutes)", StartDate=PAST), NOW)["StartDate"]
    for expression in ("cron(30 2 * * ? *)", "rate(15 minutes)"):
        assert FUTURE == effective(timed(expression, StartDate=FUTURE), NOW)["StartDate"]
    assert "StartDate" not in effective(timed("banana", StartDate=PAST), NOW)
    once = effective(timed("at(2026-12-01T09:00:00)", StartDate=FUTURE, EndDate=FUTURE), NOW)
    assert [] == [key for key in ("StartDate", "EndDate") if key in once]


@pytest.mark.parametrize(
    ("expression", "old", "new", "expected"),
    [
        ("cron(30 2 * * ? *)", {"StartDate": PAST}, {}, {}),
        ("cron(30 2 * * ? *)", {}, {"StartDate": PAST}, {}),
        ("cron(30 2 * * ? *)", {"StartDate": FUTURE}, {}, {"StartDate": (FUTURE, None)}),
        ("cron(30 2 * * ? *)", {"StartDate": PAST}, {"StartDate": FUTURE}, {"StartDate": (None, FUTURE)}),
        ("rate(15 minutes)", {"StartDate": "2026-11-24T09:52:00Z"}, {"StartDate": PAST}, {}),
        ("rate(15 minutes)", {"StartDate": "2026-11-24T09:37:00Z"}, {"StartDate": PAST}, {}),
        (
            "rate(15 minutes)", {"StartDate": "2026-11-24T09:40:00Z"}, {"StartDate": PAST},
            {"StartDate": ("2026-11-24T09:40:00Z", "2026-11-24T09:52:00Z")},
        ),
        (
            "rate(15 minutes)", {"StartDate": "2026-11-24T10:07:00Z"}, {"StartDate": PAST},
            {"StartDate": ("2026-11-24T10:07:00Z", "2026-11-24T09:52:00Z")},
        ),
        ("rate(15 minutes)", {}, {"StartDate": PAST}, {"StartDate": (None, "2026-11-24T09:52:00Z")}),
        ("rate(15 minutes)", {"EndDate": PAST}, {"EndDate": FUTURE}, {"EndDate": (PAST, FUTURE)}),
        ("at(2026-12-01T09:00:00)", {"StartDate": FUTURE}, {}, {}),
    ],
)  # fmt: skip
def test_differences_of_starts(
    expression: str, old: dict[str, str], new: dict[str, str], expected: dict[str, tuple[object, object]]
) -> None:
    """Past and none are one for a cron; two starts of a rate are one when the next fire is the same."""
    assert expected == differing(timed(expression, **old), timed(expression, **new))


@given(
    minutes=st.integers(1, 3000),
    ago=st.integers(-5000, 5000),
    seconds=st.integers(0, 59),
    later=st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds / 7)),
)
def test_a_rate_keeps_its_rhythm(minutes: int, ago: int, seconds: int, later: timedelta) -> None:
    """What was sent at one time is no difference to what is wanted at any later time."""
    unit = "minute" if minutes == 1 else "minutes"
    start = NOW.replace(microsecond=0) - timedelta(minutes=ago, seconds=seconds)
    wanted = timed(f"rate({minutes} {unit})", StartDate=f"{start:%Y-%m-%dT%H:%M:%SZ}")
    sent = effective(wanted, NOW)
    assert f"{NOW:%Y-%m-%dT%H:%M:%S}" < sent["StartDate"] or ago == seconds == 0
    assert () == differences(sent, wanted, now=NOW + later)


# -- what is not ours -----------------------------------------------------------------------------------------------


def test_what_jobrunner_does_not_manage() -> None:
    """A key of encryption, and what AWS may add one day, also to the target; not what belongs to a kind of target."""
    assert {} == unmanaged(BODY)
    more = {"KmsKeyArn": "k", "Novelty": {"a": 1}}
    target = {**BODY["Target"], "Priority": 1, "EcsParameters": {"TaskCount": 1}, "DeadLetterConfig": {"Arn": "q"}}
    assert {**more, "Target": {"Priority": 1}} == unmanaged({**BODY, **more, "Target": target})
    assert more == unmanaged({**BODY, **more})
