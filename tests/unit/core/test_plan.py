"""What the project wants and what is there make what is to be done."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import NOW, PLACE, SETTINGS, actions, applied, job, only, plan, requests, shown
from strategies import job_documents, schedules

from jobrunner.core.billing import Price, PriceTable
from jobrunner.core.cost import Past
from jobrunner.core.forecast import Assumptions, Month
from jobrunner.core.plan import FOREIGN, UNWANTED, Action, FieldChange, make_plan
from jobrunner.core.schedule_request import description, schedule_requests
from jobrunner.core.spec import job_spec
from jobrunner.core.task_size import TaskSize

if TYPE_CHECKING:
    from jobrunner.core.spec import JobSpec

NIGHTLY = "nightly"
RUN_TASK = "Target.Input.Overrides.ContainerOverrides[main]"


def there(*specs: JobSpec, **changes: Any) -> dict[str, dict[str, Any]]:
    """What AWS has after an apply of jobs, and of what somebody has changed by hand."""
    return {name: {**body, **changes} for name, body in applied(plan(*specs)).items()}


# -- create, update, delete, keep -----------------------------------------------------------------------------------


def test_what_is_missing_is_created() -> None:
    """With the request that the job makes; every field of it is shown."""
    change = only(plan(job()))
    assert ("create", NIGHTLY, NIGHTLY) == (change.action, change.name, change.job)
    assert requests(job())[0].body == change.body
    assert (None, "cron(30 2 * * ? *)") == shown(change)["ScheduleExpression"]
    assert (None, SETTINGS.cluster) == shown(change)["Target.Input.Cluster"]
    assert ("30 2 * * *", "Europe/London") == (change.when, change.timezone)
    assert datetime(2026, 11, 25, 2, 30, tzinfo=UTC) == change.next_fire
    assert not change.paused


def test_what_is_there_is_kept() -> None:
    """Nothing is done, and the next fire is known all the same."""
    found = plan(job(), actual=there(job()))
    assert [("keep", NIGHTLY)] == actions(found)
    assert not found.changed
    assert () == found.to_do
    change = only(found)
    assert (None, (), None) == (change.body, change.fields, change.note)
    assert datetime(2026, 11, 25, 2, 30, tzinfo=UTC) == change.next_fire


def test_what_differs_is_updated() -> None:
    """With the whole request, because UpdateSchedule replaces everything; what differs is shown."""
    new = job(schedule={"cron": "45 3 * * *", "timezone": "Europe/London"})
    found = plan(new, actual=there(job()))
    assert found.changed
    change = only(found)
    assert Action.UPDATE is change.action
    assert {"ScheduleExpression": ("cron(30 2 * * ? *)", "cron(45 3 * * ? *)")} == shown(change)
    assert requests(new)[0].body == change.body


def test_a_managed_field_that_somebody_has_changed() -> None:
    """It is an ordinary update, back to what the file says."""
    change = only(plan(job(), actual=there(job(), ScheduleExpressionTimezone="UTC")))
    assert {"ScheduleExpressionTimezone": ("UTC", "Europe/London")} == shown(change)


def test_what_the_project_has_no_more() -> None:
    """It is deleted when that is asked for; without it is named and kept."""
    before = there(job(), job("gone"), job("split", schedule=[{"cron": "@daily"}, {"cron": "@weekly"}]))
    split = job("split", schedule=[{"cron": "@daily"}])
    kept = plan(job(), split, actual=before)
    assert [("keep", NIGHTLY), ("keep", "split"), ("keep", "gone"), ("keep", "split.2")] == actions(kept)
    assert [None, None, UNWANTED, UNWANTED] == [change.note for change in kept.changes]
    assert not kept.changed
    pruned = plan(job(), split, actual=before, prune=True)
    assert [("delete", "gone"), ("delete", "split.2")] == actions(pruned)[2:]
    assert ["gone", "split"] == [change.job for change in pruned.to_do]
    assert ("cron(0 0 ? * SUN *)", None) == shown(pruned.changes[3])["ScheduleExpression"]
    assert {NIGHTLY, "split"} == applied(pruned, before).keys()


def test_only_some_jobs() -> None:
    """The schedules of other jobs are not looked at, and not deleted either."""
    before = there(job(), job("other"), job("third", schedule=[{"cron": "@daily"}, {"cron": "@weekly"}]))
    third = job("third", schedule=[{"cron": "@daily"}])
    found = plan(third, actual=before, prune=True, only={"third", "other"})
    assert [("keep", "third"), ("delete", "other"), ("delete", "third.2")] == actions(found)
    assert 30 + 30 == month_runs(found.before)
    assert 30 == month_runs(found.after)


def test_in_the_order_of_the_jobs() -> None:
    """What is needed comes first: an entry that is renamed is there before the old one is deleted."""
    before = there(job("b", schedule=[{"cron": "@daily", "name": "old"}]))
    found = plan(job("c"), job("b", schedule=[{"cron": "@daily", "name": "new"}]), job("a"), actual=before, prune=True)
    assert [("create", "c"), ("create", "b.new"), ("create", "a"), ("delete", "b.old")] == actions(found)


# -- whose it is ----------------------------------------------------------------------------------------------------


def test_what_is_not_ours_is_left_alone() -> None:
    """A schedule of a wanted name that somebody else has made: nothing is done, and it is said."""
    found = plan(job(), actual=there(job(), Description="by hand"))
    assert [("foreign", NIGHTLY)] == actions(found)
    assert (False, found.changes) == (found.changed, found.foreign)
    change = only(found)
    assert (None, (), f"{FOREIGN}; its description is 'by hand'") == (change.body, change.fields, change.note)
    assert [("foreign", NIGHTLY)] == actions(plan(job(), actual=there(job(), Description=None), prune=True))


def test_what_is_not_ours_may_be_adopted() -> None:
    """Then it is updated; its old description is shown. What belongs to another kind of target goes."""
    foreign = there(job(), Description="by hand")
    foreign[NIGHTLY]["Target"] = {
        "Arn": "arn:aws:ecs:eu-west-1:123456789012:cluster/default",
        "RoleArn": "arn:aws:iam::123456789012:role/other",
        "EcsParameters": {"TaskDefinitionArn": "etl", "TaskCount": 1},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1},
    }
    change = only(plan(job(), actual=foreign, adopt=True))
    assert (Action.UPDATE, "adopted; its description was 'by hand'") == (change.action, change.note)
    assert requests(job())[0].body == change.body
    assert ("by hand", description(NIGHTLY, SETTINGS)) == shown(change)["Description"]
    assert ("etl", None) == shown(change)["Target.EcsParameters.TaskDefinitionArn"]


def test_what_of_another_stage_is_not_ours() -> None:
    """The description names project and stage; a job of the same name elsewhere is another one."""
    other = replace(SETTINGS, stage="test")
    body = there(job(), Description=description(NIGHTLY, other))
    assert [("foreign", NIGHTLY)] == actions(plan(job(), actual=body, prune=True))
    assert [] == actions(plan(actual=body, prune=True))


def test_what_is_not_ours_and_not_wanted_is_nobody_s_business() -> None:
    """It is neither deleted nor shown."""
    assert [] == actions(plan(actual=there(job(), Description="by hand"), prune=True))
    assert [] == actions(plan(actual={"x": {**there(job())[NIGHTLY], "Description": ""}}, prune=True, adopt=True))


def test_the_timeouts_of_tasks_are_ignored() -> None:
    """They live in the same group and stop tasks that run."""
    timeout = {"jobrunner-timeout-4r9k2m8p3w7x5t1q-1": there(job())[NIGHTLY]}
    assert [] == actions(plan(actual=timeout, prune=True))


# -- what somebody has set by hand ----------------------------------------------------------------------------------


def test_what_jobrunner_does_not_manage_stays() -> None:
    """It is part of the request, because UpdateSchedule would lose it; and it is shown."""
    before = there(job(), KmsKeyArn="arn:aws:kms:eu-west-1:123456789012:key/k")
    before[NIGHTLY]["Target"] = {**before[NIGHTLY]["Target"], "Priority": 1}
    by_hand = (
        FieldChange(path="KmsKeyArn", old=before[NIGHTLY]["KmsKeyArn"], new=before[NIGHTLY]["KmsKeyArn"]),
        FieldChange(path="Target.Priority", old=1, new=1),
    )
    assert by_hand == only(plan(job(), actual=before)).by_hand
    new = job(command="new", environment={"A": "1"}, jitter="5m")
    change = only(plan(new, actual=before))
    assert by_hand == change.by_hand
    wanted = requests(new)[0].body
    expected = {**wanted, "KmsKeyArn": before[NIGHTLY]["KmsKeyArn"], "Target": {**wanted["Target"], "Priority": 1}}
    assert expected == change.body
    assert by_hand == only(plan(actual=before)).by_hand


def test_who_has_paused_it() -> None:
    """A file that does not say decides nothing; one that does is obeyed; a new schedule fires."""
    asleep = there(job(), State="DISABLED")
    assert ["keep", True] == [only(plan(job(), actual=asleep)).action, only(plan(job(), actual=asleep)).paused]
    change = only(plan(job(jitter="5m"), actual=asleep))
    assert ("DISABLED", True, None) == ((change.body or {})["State"], change.paused, change.next_fire)
    assert {"State": ("DISABLED", "ENABLED")} == shown(only(plan(job(paused="no"), actual=asleep)))
    assert {"State": ("ENABLED", "DISABLED")} == shown(only(plan(job(paused="yes"), actual=there(job()))))
    assert "ENABLED" == (only(plan(job())).body or {})["State"]
    assert "DISABLED" == (only(plan(job(paused="yes"))).body or {})["State"]


# -- what is over ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"at": "2026-11-24T09:37:09"}, "its time, 2026-11-24 09:37:09 UTC, has passed"),
        (
            {"at": "2026-11-24T10:00", "timezone": "Europe/Paris"},
            "its time, 2026-11-24 10:00:00 Europe/Paris, has passed",
        ),
        ({"cron": "@daily", "end": "2026-11-24T09:37:09"}, "it ended at 2026-11-24 09:37:09Z"),
        ({"rate": "1 hour", "end": "2026-11-24T09:00"}, "it ended at 2026-11-24 09:00:00Z"),
    ],
)
def test_what_can_never_fire_again(schedule: dict[str, str], said: str) -> None:
    """AWS refuses it, or deletes it itself: it is not created, and what is there is not touched."""
    over = job(schedule=schedule)
    change = only(plan(over))
    assert (Action.KEEP, None, f"{said}: nothing is created") == (change.action, change.body, change.note)
    then = plan(over, now=NOW - timedelta(days=1))
    assert [("create", NIGHTLY)] == actions(then)
    before = {NIGHTLY: {**applied(then)[NIGHTLY], "State": "DISABLED"}}
    change = only(plan(over, actual=before))
    assert (Action.KEEP, (), f"{said}: it stays as it is") == (change.action, change.fields, change.note)


def test_what_ends_at_this_very_moment() -> None:
    """It is over: AWS takes only an end in the future."""
    ending, moment = job(schedule={"rate": "1 hour", "end": "2026-11-24T09:37:09"}), NOW.replace(microsecond=0)
    assert [("keep", NIGHTLY)] == actions(plan(ending, now=moment))
    assert [("create", NIGHTLY)] == actions(plan(ending, now=moment - timedelta(seconds=1)))


def test_what_is_still_to_come() -> None:
    """A second later is soon enough."""
    found = only(plan(job(schedule={"at": "2026-11-24T09:37:10"})))
    assert (Action.CREATE, datetime(2026, 11, 24, 9, 37, 10, tzinfo=UTC)) == (found.action, found.next_fire)


def test_a_start_that_has_passed_is_not_sent() -> None:
    """AWS refuses it; without it a cron means the same."""
    begun = job(schedule={"cron": "@daily", "start": "2026-11-01T00:00"})
    assert "StartDate" not in (only(plan(begun)).body or {})
    before = there(job(schedule={"cron": "@daily"}), StartDate="2026-11-01T00:00:00Z")
    assert [("keep", NIGHTLY)] == actions(plan(begun, actual=before))
    assert [("keep", NIGHTLY)] == actions(plan(job(schedule={"cron": "@daily"}), actual=before))


def test_a_rate_goes_on_in_its_rhythm() -> None:
    """Its start becomes the next moment of the same rhythm, today and next week."""
    rated = job(schedule={"rate": "7 hours", "start": "2026-11-01T00:30"})
    change = only(plan(rated))
    assert "2026-11-24T15:30:00Z" == (change.body or {})["StartDate"]
    assert datetime(2026, 11, 24, 15, 30, tzinfo=UTC) == change.next_fire
    later = plan(rated, actual=there(rated), now=NOW + timedelta(days=7))
    assert [("keep", NIGHTLY)] == actions(later)


def test_a_rate_without_a_start() -> None:
    """It counts from its creation, which nobody knows: no next fire is claimed."""
    assert only(plan(job(schedule={"rate": "1 hour"}))).next_fire is None


def test_times_that_nobody_understands() -> None:
    """A schedule that somebody has changed into what is no expression is unwanted like any other."""
    change = only(plan(actual=there(job(), ScheduleExpression="banana")))
    assert (UNWANTED, "banana", None) == (change.note, change.when, change.next_fire)


def test_what_changes_inside_a_task_definition() -> None:
    """It is shown after the rest, of each schedule that is updated; what is kept has nothing to show."""
    image = FieldChange(path="TaskDefinition.Containers[main].Image", old="a", new="b")
    inside = {NIGHTLY: (image,), "new": (image,), "same": (image,)}
    changed = job(schedule={"cron": "45 3 * * *", "timezone": "Europe/London"})
    found = plan(changed, job("new"), job("same"), actual=there(job(), job("same")), inside=inside)
    assert [("update", NIGHTLY), ("create", "new"), ("keep", "same")] == actions(found)
    assert ["ScheduleExpression", image.path] == [*shown(found.changes[0])]
    assert [False, ()] == [image in found.changes[1].fields, found.changes[2].fields]


# -- task definitions, money, JSON ----------------------------------------------------------------------------------


def test_jobs_that_are_registered_first() -> None:
    """Only those of which a schedule is written."""
    before = there(job(), job("gone"))
    found = plan(job(), job("new"), actual=before, register=["new", NIGHTLY, "gone"], prune=True)
    assert ("new",) == found.register


def month_runs(found: Month | None) -> int | None:
    """How many runs an estimate counts."""
    assert found is not None
    return found.runs


def test_a_month_before_and_after() -> None:
    """What is there, and what will be: kept, created and updated; neither foreign nor deleted."""
    before = there(job(), job("gone"), job("changed"), job("theirs"))
    before["theirs"]["Description"] = "by hand"
    hourly = job("changed", schedule={"cron": "@hourly"})
    wanted = (job(), hourly, job("theirs"), job("new"), job("over", schedule={"at": "2026-01-01T00:00"}))
    found = plan(*wanted, actual=before)
    assert [30 + 30 + 30, 30 + 720 + 30 + 30] == [month_runs(found.before), month_runs(found.after)]
    found = plan(*wanted, actual=before, prune=True, adopt=True)
    assert [30 + 30 + 30, 30 + 720 + 30 + 30] == [month_runs(found.before), month_runs(found.after)]


def test_the_price_of_a_month_needs_prices() -> None:
    """Without a table, or without a size, it is unknown."""
    sizes = {"nightly:1": TaskSize(cpu=256, memory=512)}
    for more in ({}, {"sizes": sizes}, {"prices": PriceTable(prices={})}):
        assert Month(runs=30, least=None, most=None) == plan(job(), **more).after


def test_as_json() -> None:
    """The changes with their fields, and what they come to. The request is not part of it: it holds secrets."""
    found = plan(job(environment={"API_TOKEN": "${{ params.t }}"}, params={"t": "hunter2"}), actual=there(job()))
    document = found.to_json()
    [change] = document["changes"]
    expected = {
        "action": "update",
        "name": NIGHTLY,
        "job": NIGHTLY,
        "schedule": "30 2 * * *",
        "timezone": "Europe/London",
        "next": "2026-11-25T02:30:00Z",
        "paused": False,
        "fields": {f"{RUN_TASK}.Environment[API_TOKEN]": {"old": None, "new": "(hidden)"}},
        "by_hand": {},
        "note": None,
    }
    assert expected == change
    month = {"runs": 30, "least_usd": None, "most_usd": None, "expected_usd": None, "past_runs": 0}
    summary = {"group": "jobrunner-shop-prod", "create": 0, "update": 1, "delete": 0, "keep": 0, "foreign": 0}
    expected = {**summary, "register": [], "month": {"estimate": True, "before": month, "after": month}, "budget": []}
    assert expected == document["summary"]
    assert "hunter2" not in json.dumps(document)
    assert "hunter2" in json.dumps(dict(only(found).body or {}))


def test_as_json_without_a_next_fire() -> None:
    """Null stands for what is not known."""
    [change] = plan(job(schedule={"rate": "1 hour"}), actual=there(job(), KmsKeyArn="k")).to_json()["changes"]
    assert [None, {"KmsKeyArn": "k"}] == [change["next"], change["by_hand"]]


# -- what holds for every job ---------------------------------------------------------------------------------------


@st.composite
def scheduled(draw: st.DrawFn) -> JobSpec:
    """A job that can be scheduled, and is."""
    document = draw(job_documents())
    params = document.get("params", {})
    defaults = {
        name: param if isinstance(param, str) else (param or {}).get("default", "") for name, param in params.items()
    }
    when = draw(st.lists(schedules(), min_size=1, max_size=3))
    return job_spec(**{**document, "params": defaults, "schedule": when})


def drawn(spec: JobSpec, actual: dict[str, dict[str, Any]], now: datetime, **more: bool) -> Any:
    """The plan for a job with whatever it has."""
    wanted = schedule_requests(spec, SETTINGS, PLACE, task_definition=f"{spec.name}:1")
    flags = {"prune": False, "adopt": False, **more}
    assumed = Assumptions(now=now, region=SETTINGS.region)
    return make_plan(wanted, actual, settings=SETTINGS, assumptions=assumed, only=None, **flags)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  zone beside


@settings(max_examples=80, deadline=None)
@given(spec=scheduled(), now=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_plan_that_was_applied_is_followed_by_none(spec: JobSpec, now: datetime, later: timedelta) -> None:
    """For generated jobs: nothing is left to do, at that moment and at any later one."""
    first = drawn(spec, {}, now)
    after = applied(first)
    assert not drawn(spec, after, now).changed
    assert not drawn(spec, after, now + later, prune=True).changed


@settings(max_examples=50, deadline=None)
@given(old=scheduled(), new=scheduled(), now=MOMENTS)
def test_an_update_leads_where_a_creation_does(old: JobSpec, new: JobSpec, now: datetime) -> None:
    """From whatever was there, but for what a file leaves to others, and with pruning nothing is left over."""
    new = new.model_copy(update={"name": old.name})
    after = applied(drawn(new, applied(drawn(old, {}, now)), now, prune=True), applied(drawn(old, {}, now)))
    wanted = applied(drawn(new, {}, now))
    assert not drawn(new, after, now, prune=True).changed
    states = {name: {"State": after[name]["State"]} for name in after if "paused" not in new.model_fields_set}
    assert {name: {**body, **states.get(name, {})} for name, body in wanted.items()} == {
        name: after[name] for name in wanted
    }


@settings(max_examples=50, deadline=None)
@given(spec=scheduled(), now=MOMENTS, adopt=st.booleans())
def test_what_is_foreign_stays_until_it_is_adopted(spec: JobSpec, now: datetime, adopt: bool) -> None:  # noqa: FBT001  drawn
    """Nothing is written to it; adopted, it is ours from then on."""
    foreign = {name: {**body, "Description": "x"} for name, body in applied(drawn(spec, {}, now)).items()}
    found = drawn(spec, foreign, now, adopt=adopt, prune=True)
    after = applied(found, foreign)
    assert (foreign == after) is (not adopt or not foreign)
    assert not drawn(spec, after, now, adopt=adopt, prune=True).changed


SMALL = {"nightly:1": TaskSize(cpu=256, memory=512), "other:1": TaskSize(cpu=256, memory=512)}
#: A minute of the smallest task costs a quarter of a cent, and so 30 of them seven and a half cents.
PRICES = PriceTable(
    prices={
        ("eu-west-1", "linux", "x86_64", "on-demand", unit): Price(usd=Decimal(usd), as_of=NOW.date(), source="-")
        for unit, usd in (("vcpu-hour", "0.60"), ("gb-hour", "0"))
    }
)


def test_budgets_of_jobs() -> None:
    """Each beside the month of its job's schedules; a job without any spends nothing."""
    budgets = {"nightly": Decimal("0.07"), "other": Decimal("0.08"), "idle": Decimal(1)}
    found = plan(job(), job("other"), budgets=budgets, sizes=SMALL, prices=PRICES).budgets
    assert [("nightly", "0.075000", True), ("other", "0.075000", False), ("idle", "0", False)] == [
        (one.job, str(one.total), one.exceeded) for one in found
    ]
    by_past = plan(job(), budgets=budgets, sizes=SMALL, prices=PRICES, past={"nightly": Past(seconds=120, runs=1)})
    assert Decimal("0.15") == by_past.budgets[0].total
    assert [one.to_json() for one in by_past.budgets] == by_past.to_json()["summary"]["budget"]


def test_the_budget_of_the_project() -> None:
    """All jobs together, also those that the plan is not about, as AWS has them; what is not known is no less."""
    settings = replace(SETTINGS, budget=Decimal("0.1"))
    found = plan(job(), settings=settings, actual=there(job("other")), only=["nightly"], sizes=SMALL, prices=PRICES)
    [standing] = found.budgets
    assert (None, "shop/prod", 60, Decimal("0.15"), True) == (
        standing.job,
        standing.project,
        standing.coming.runs,
        standing.total,
        standing.exceeded,
    )
    assert [("create", "nightly")] == actions(found)
    alone = plan(job(), settings=settings, actual=there(job("other")), prune=True, sizes=SMALL, prices=PRICES)
    assert [(Decimal("0.075"), False)] == [(one.total, one.exceeded) for one in alone.budgets]
    blind = plan(job(), settings=settings, sizes=SMALL)
    assert [(Decimal(0), True)] == [(one.total, one.exceeded) for one in blind.budgets]
