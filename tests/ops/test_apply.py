"""A plan is carried out exactly as it was shown, change by change; and what has changed since is respected."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from workshop import EITHER, GUARDED, HOURLY, NIGHTLY, actions, failures, noted, sent

from jobrunner.core.ports import CONFLICT, NOT_FOUND, ROLE_NOT_TRUSTED
from jobrunner.core.schedule_group import ScheduleGroup
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError
from jobrunner.ops.revisions import with_revision

if TYPE_CHECKING:
    from workshop import Workshop

UNTRUSTED = AwsRefusedError(
    f"cannot create the schedule: The execution role you provide {ROLE_NOT_TRUSTED}", code="ValidationException"
)
ALL = {"nightly": NIGHTLY, "hourly": HOURLY, "guarded": GUARDED, "either": EITHER}


def test_the_group_is_there_before_the_first_schedule(workshop: Workshop) -> None:
    """Not every endpoint says that a group is missing when a schedule is created in it; who looks first knows."""
    workshop.write(nightly=NIGHTLY, hourly=HOURLY)
    workshop.apply()
    asked = [call for call in workshop.aws.schedules.calls if call in {"make_group", "create"}]
    assert ["make_group", "create", "create"] == asked


def test_a_group_that_goes_meanwhile_is_made_again(workshop: Workshop) -> None:
    """Somebody may delete it between our look and the first schedule."""
    schedules = workshop.aws.schedules
    workshop.write(nightly=NIGHTLY)
    schedules.make_group(workshop.group, {})
    seen = schedules.group

    def gone(name: str) -> ScheduleGroup | None:
        found = seen(name)
        schedules.groups.pop(name, None)
        return found

    runner = workshop.runner()
    plan = runner.plan()
    schedules.group = gone  # type: ignore[method-assign]  # what somebody else does at this moment
    assert [None] == [applied.error for applied in runner.apply(plan)]


def test_what_is_sent_is_the_plans_own_request(workshop: Workshop) -> None:
    """With the revision in place of the promise, and not a letter changed besides; the group is made with its tags."""
    tricky = 'environment: {TRICKY: "\\"TaskDefinition\\":\\"\\u00e9 (new revision) \\\\"}\n'
    workshop.write(**{**ALL, "guarded": GUARDED + tricky})
    runner = workshop.runner()
    plan = runner.plan()
    assert [None] * 5 == [one.error for one in runner.apply(plan)]
    registered = {str(body["family"]): str(body["taskDefinitionArn"]) for body in workshop.aws.definitions.registered}
    assert 4 == len(registered)
    for change in plan.changes:
        assert change.body is not None
        family = f"jobrunner-{runner.settings.project}-local-{change.job}"
        text = change.body["Target"]["Input"]
        target = {**change.body["Target"], "Input": text.replace(f"{family}:(new revision)", registered[family])}
        assert {**change.body, "Target": target} == workshop.there(change.name)
        assert registered[family] == sent(workshop.there(change.name))["TaskDefinition"]
    tags = {"managed-by": "jobrunner", "jobrunner:project": runner.settings.project, "jobrunner:stage": "local"}
    assert tags == workshop.aws.schedules.groups[workshop.group].tags


def test_a_request_without_the_promise_is_a_mistake() -> None:
    """Of jobrunner's own, which must not reach AWS."""
    body = {"Name": "n", "Target": {"Input": '{"TaskDefinition":"etl:3"}'}}
    with pytest.raises(ValueError, match="promises no new revision of etl"):
        with_revision(body, "etl", "arn")


def test_a_second_apply_makes_no_call_that_writes(workshop: Workshop) -> None:
    """Nor does a plan."""
    workshop.write(**ALL)
    workshop.apply()
    writes = list(workshop.aws.schedules.writes)
    registered = len(workshop.aws.definitions.registered)
    assert [] == workshop.apply(prune=True, adopt=True)
    assert (writes, registered) == (workshop.aws.schedules.writes, len(workshop.aws.definitions.registered))
    assert {"create", "make_group"} == {call for call, _ in writes}


def test_a_job_is_registered_once_and_the_log_group_too(workshop: Workshop) -> None:
    """Just before the first of its schedules; one group for all jobs."""
    workshop.write(either=EITHER, nightly=NIGHTLY)
    runner = workshop.runner()
    applying = runner.apply(runner.plan())
    assert "either" == next(applying).change.name
    assert 1 == len(workshop.aws.definitions.registered)
    assert ["either.1.2", "nightly"] == [one.change.name for one in applying]
    assert 2 == len(workshop.aws.definitions.registered)
    assert 1 == workshop.aws.logs.calls.count("ensure_group")


def test_nothing_is_done_that_is_not_asked_for(workshop: Workshop) -> None:
    """Whoever stops between two changes knows what was done."""
    workshop.write(**ALL)
    runner = workshop.runner()
    applying = runner.apply(runner.plan())
    assert [] == workshop.aws.schedules.writes
    next(applying)
    applying.close()
    assert ["either"] == workshop.names
    assert ["create"] * 4 == [action for action, _ in actions(runner.plan()) if action != "keep"]


def test_updates_and_deletions_are_carried_out(workshop: Workshop) -> None:
    """And noted, as is everything that writes."""
    workshop.write(nightly=NIGHTLY, hourly=HOURLY)
    workshop.apply()
    workshop.write(nightly=NIGHTLY.replace("30 2", "45 2"))
    workshop.remove("hourly")
    runner = workshop.runner()
    assert [] == failures(list(runner.apply(runner.plan(prune=True))))
    assert ["nightly"] == workshop.names
    assert "cron(45 2 * * ? *)" == workshop.there("nightly")["ScheduleExpression"]
    assert ["schedule_updated", "schedule_deleted"] == noted(runner)


def test_everything_that_writes_is_noted(workshop: Workshop) -> None:
    """In its order."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner()
    list(runner.apply(runner.plan()))
    assert [
        "log_group_created",
        "task_definition_registered",
        "schedule_group_created",
        "schedule_created",
    ] == noted(runner)


def test_a_failure_stops_nothing_else(workshop: Workshop) -> None:
    """The others are applied, and the next apply does the rest."""
    workshop.write(**ALL)
    refusal = AwsRefusedError("cannot create the schedule: too many (ServiceQuotaExceededException)")
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.fail("create", refusal)
    applied = workshop.apply()
    assert [("either", refusal.what)] == failures(applied)
    assert ["either.1.2", "guarded", "hourly", "nightly"] == workshop.names
    assert [("create", "either")] == [(str(one.change.action), one.change.name) for one in workshop.apply()]


def test_a_definition_that_cannot_be_registered_fails_its_own_schedules_only(workshop: Workshop) -> None:
    """It is tried once for all of them."""
    workshop.write(either=EITHER, nightly=NIGHTLY)
    workshop.aws.definitions.fail("register", AwsRefusedError("no such role"))
    applied = workshop.apply()
    assert [("either", "no such role"), ("either.1.2", "no such role")] == failures(applied)
    assert ["nightly"] == workshop.names
    assert 2 == workshop.aws.definitions.calls.count("register")


def test_a_role_that_iam_has_just_heard_of_is_waited_for(workshop: Workshop) -> None:
    """EventBridge Scheduler refuses it for some seconds."""
    workshop.write(nightly=NIGHTLY)
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.fail("create", UNTRUSTED, UNTRUSTED, UNTRUSTED)
    assert [] == failures(workshop.apply())
    assert ["nightly"] == workshop.names


def test_a_role_of_a_wrong_policy_is_waited_for_once(workshop: Workshop) -> None:
    """Half a minute for all schedules together; then each is refused at once."""
    workshop.write(**ALL)
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.fail("create", *[UNTRUSTED] * 50)
    began = workshop.aws.clock.now()
    applied = workshop.apply()
    assert 5 == len(failures(applied))
    waited = workshop.aws.clock.now() - began
    assert timedelta(seconds=30) <= waited < timedelta(seconds=31)


def test_another_refusal_is_not_waited_for(workshop: Workshop) -> None:
    """Nor is it repeated."""
    workshop.write(nightly=NIGHTLY)
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.fail("create", AwsRefusedError("Invalid Schedule Expression", code="ValidationException"))
    began = workshop.aws.clock.now()
    assert [("nightly", "Invalid Schedule Expression")] == failures(workshop.apply())
    assert began == workshop.aws.clock.now()


def test_an_apply_is_patient_with_aws(workshop: Workshop) -> None:
    """What is throttled is repeated; without an answer, the change counts as failed."""
    workshop.write(nightly=NIGHTLY, hourly=HOURLY)
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.fail("create", AwsThrottledError("Rate exceeded"), AwsUnreachableError("no route"))
    assert [("hourly", "no route")] == failures(workshop.apply())


def test_a_creation_that_has_worked_after_all_is_no_failure(workshop: Workshop) -> None:
    """AWS may fail on its side, and have created it: the second try meets the first one's work."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner()
    [first] = runner.apply(runner.plan())
    assert first.error is None
    conflict = AwsRefusedError("exists", code=CONFLICT)
    body = workshop.there("nightly")
    workshop.aws.schedules.delete(workshop.group, "nightly")
    plan = runner.plan()
    workshop.aws.schedules.create(body)
    workshop.aws.schedules.fail("create", conflict)
    assert [] == failures(list(runner.apply(plan)))


def test_a_name_that_was_taken_meanwhile_is_a_failure(workshop: Workshop) -> None:
    """By something else: it stays, and the plan is to be drawn again."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner()
    plan = runner.plan()
    body = {**(plan.changes[0].body or {}), "Description": "somebody's"}
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.create(body)
    [applied] = runner.apply(plan)
    assert applied.error is not None
    assert "the schedule nightly exists now: that was not so when the plan was drawn" == applied.error.what
    assert "Run `jobrunner plan` again." == applied.error.hint
    assert "somebody's" == workshop.there("nightly")["Description"]


def test_another_conflict_is_not_mistaken_for_it(workshop: Workshop) -> None:
    """What AWS says of it is what is reported."""
    workshop.write(nightly=NIGHTLY)
    workshop.aws.schedules.make_group(workshop.group, {})
    workshop.aws.schedules.fail("create", AwsRefusedError("the group is being deleted", code=CONFLICT))
    assert [("nightly", "the group is being deleted")] == failures(workshop.apply())


def test_two_applies_of_one_project_at_once_are_one(workshop: Workshop) -> None:
    """Both have planned the same creation: whoever comes second finds it done."""
    workshop.write(guarded=GUARDED)
    workshop.runner().run("guarded")  # it is registered, so both name the same revision
    first, second = workshop.runner(), workshop.runner()
    plans = first.plan(), second.plan()
    assert [] == failures(list(first.apply(plans[0])))
    assert [] == failures(list(second.apply(plans[1])))
    assert [[], ["schedule_created"]] == sorted(
        [action for action in noted(one) if action == "schedule_created"] for one in (first, second)
    )


def test_a_definition_that_was_registered_meanwhile_is_used(workshop: Workshop) -> None:
    """By a run: the same content does not get two revisions."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner()
    plan = runner.plan()
    runner.run("nightly")
    assert [] == failures(list(runner.apply(plan)))
    [registered] = workshop.aws.definitions.registered
    assert registered["taskDefinitionArn"] == sent(workshop.there("nightly"))["TaskDefinition"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"State": "DISABLED"}, "is DISABLED now"),
        ({"Description": "somebody's"}, "is not one of nightly any more"),
        ({"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1"}, "was changed by somebody else"),
    ],
)
def test_an_update_overwrites_nothing_that_the_plan_did_not_see(
    workshop: Workshop, members: dict[str, str], said: str
) -> None:
    """Somebody has paused it, or made it their own, between plan and apply."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.write(nightly=NIGHTLY.replace("30 2", "45 2"))
    runner = workshop.runner()
    plan = runner.plan()
    workshop.change("nightly", **members)
    before = workshop.there("nightly")
    [(name, what)] = failures(list(runner.apply(plan)))
    assert ("nightly", f"the schedule nightly {said}: that was not so when the plan was drawn") == (name, what)
    assert before == workshop.there("nightly")


def test_what_the_update_sets_anyhow_may_have_changed(workshop: Workshop) -> None:
    """It becomes what the file says: that is what was planned."""
    workshop.write(nightly=NIGHTLY + "paused: true\n")
    workshop.apply()
    workshop.write(nightly=NIGHTLY + "paused: false\n")
    runner = workshop.runner()
    plan = runner.plan()
    workshop.change("nightly", State="ENABLED", ScheduleExpression="rate(1 day)")
    assert [] == failures(list(runner.apply(plan)))
    there = workshop.there("nightly")
    assert ("ENABLED", "cron(30 2 * * ? *)") == (there["State"], there["ScheduleExpression"])


def test_what_was_set_by_hand_survives_an_update(workshop: Workshop) -> None:
    """UpdateSchedule replaces the whole: the key that somebody encrypts it with would be lost."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    workshop.change("nightly", KmsKeyArn=key, State="DISABLED")
    workshop.write(nightly=NIGHTLY.replace("30 2", "45 2"))
    assert [] == failures(workshop.apply())
    there = workshop.there("nightly")
    assert (key, "DISABLED", "cron(45 2 * * ? *)") == (there["KmsKeyArn"], there["State"], there["ScheduleExpression"])


def test_an_update_of_what_has_gone_is_a_failure(workshop: Workshop) -> None:
    """Also if it goes in the very moment of the update."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.write(nightly=NIGHTLY.replace("30 2", "45 2"))
    runner = workshop.runner()
    plan = runner.plan()
    workshop.aws.schedules.fail("update", AwsRefusedError("not allowed"))
    assert [("nightly", "not allowed")] == failures(list(runner.apply(plan)))
    workshop.aws.schedules.fail("update", AwsRefusedError("gone", code=NOT_FOUND))
    gone = "the schedule nightly does not exist any more: that was not so when the plan was drawn"
    assert [("nightly", gone)] == failures(list(runner.apply(plan)))
    workshop.aws.schedules.delete(workshop.group, "nightly")
    assert [("nightly", gone)] == failures(list(runner.apply(plan)))


def test_a_deletion_of_what_has_gone_is_done(workshop: Workshop) -> None:
    """And of what is somebody else's by now, it is a failure."""
    workshop.write(nightly=NIGHTLY, hourly=HOURLY)
    workshop.apply()
    runner = workshop.runner()
    plan = runner.removal()
    workshop.aws.schedules.delete(workshop.group, "nightly")
    workshop.change("hourly", Description="somebody's")
    said = "the schedule hourly is not one of hourly any more: that was not so when the plan was drawn"
    assert [("hourly", said)] == failures(list(runner.apply(plan)))
    assert ["hourly"] == workshop.names


def test_a_crash_in_the_middle_leaves_what_the_next_apply_completes(workshop: Workshop) -> None:
    """Whatever call it was: nothing is registered or created twice."""
    for crash in range(1, 8):
        workshop.write(**{f"job_{crash}_{number}": NIGHTLY + f"command: [n{number}]\n" for number in range(2)})
        runner = workshop.runner()
        calls = workshop.aws.schedules if crash % 2 else workshop.aws.definitions
        name = "create" if crash % 2 else "register"
        calls.fail(name, KeyboardInterrupt())  # type: ignore[arg-type]  # what a crash is here
        with pytest.raises(KeyboardInterrupt):
            list(runner.apply(runner.plan()))
        assert [] == failures(workshop.apply())
    assert 14 == len(workshop.names) == len(workshop.aws.definitions.registered)
    assert not workshop.runner().plan().changed


def test_destroy_takes_the_group_when_it_is_empty(workshop: Workshop) -> None:
    """Task definitions and logs stay."""
    workshop.write(**ALL)
    workshop.apply()
    runner, group = workshop.runner(), workshop.group
    applied = list(runner.destroy())
    assert ["either", "either.1.2", "guarded", "hourly", "nightly", group] == [one.change.name for one in applied]
    assert [] == failures(applied)
    assert None is workshop.aws.schedules.group(group)
    assert ["schedule_deleted"] * 5 + ["schedule_group_deleted"] == noted(runner)
    assert 4 == len(workshop.aws.definitions.registered)
    assert [] == list(runner.destroy())


def test_destroy_leaves_what_is_not_ours_and_its_group(workshop: Workshop) -> None:
    """The timeout of a task that runs, and what somebody has put there."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    body = workshop.there("nightly")
    others = ["jobrunner-timeout-4r9k2m8p3w7x5t1q-1", "theirs"]
    for name in others:
        workshop.aws.schedules.create({**body, "Name": name, "Description": "another"})
    assert ["nightly"] == [one.change.name for one in workshop.runner().destroy()]
    assert others == workshop.names


@pytest.mark.parametrize(
    "tags",
    [
        {"aws:cloudformation:stack-name": "jobrunner-prod", "jobrunner:project": "PROJECT", "jobrunner:stage": "local"},
        {"jobrunner:project": "theirs"},
    ],
)
def test_destroy_leaves_a_group_that_somebody_else_has_made(workshop: Workshop, tags: dict[str, str]) -> None:
    """A stack would miss it; and a project of another name may have got it in the meantime."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    runner, group = workshop.runner(), workshop.group
    plan = runner.removal()
    named = {key: value.replace("PROJECT", runner.settings.project) for key, value in tags.items()}
    workshop.aws.schedules.groups[group] = ScheduleGroup(name=group, tags=named)
    assert ["nightly"] == [one.change.name for one in runner.destroy(plan)]
    assert workshop.aws.schedules.group(group) is not None


def test_destroy_keeps_the_group_after_a_failure(workshop: Workshop) -> None:
    """Deleting it would delete what could not be deleted; one that cannot be deleted itself is reported."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.aws.schedules.fail("delete", AwsRefusedError("no"))
    assert [("nightly", "no")] == failures(list(workshop.runner().destroy()))
    workshop.aws.schedules.fail("delete_group", AwsRefusedError("not allowed"))
    assert [(workshop.group, "not allowed")] == failures(list(workshop.runner().destroy()))


def test_the_default_group_stays(workshop: Workshop) -> None:
    """It cannot be deleted."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner(schedule_group="default")
    assert [] == failures(list(runner.apply(runner.plan())))
    assert ["nightly"] == [one.change.name for one in runner.destroy()]


def test_an_applied_change_is_the_plans_own(workshop: Workshop) -> None:
    """So that whoever shows the plan can tick it off."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner()
    plan = runner.plan()
    [applied] = runner.apply(plan)
    assert applied.change is plan.changes[0]
    assert replace(plan, changes=()).changed is False
