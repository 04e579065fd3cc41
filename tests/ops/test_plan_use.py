"""A plan is drawn from the project, the schedule group and the task definitions; and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from workshop import EITHER, GUARDED, HOURLY, NIGHTLY, actions, noted, sent

from jobrunner import JobRunner, SpecError, UnknownJobError
from jobrunner.core import local_stage
from jobrunner.core.connection import Connection
from jobrunner.core.schedule_group import ScheduleGroup
from jobrunner.document import load_project
from jobrunner.errors import AwsRefusedError, AwsThrottledError

if TYPE_CHECKING:
    from pathlib import Path

    from workshop import Workshop

    from jobrunner.core.plan import Plan
    from jobrunner.local.endpoint import Endpoint

LONG = "a" * 40 + "-b" * 12


def bodies(plan: Plan) -> dict[str, Any]:
    """The requests of a plan, by name."""
    return {change.name: change.body for change in plan.changes}


def test_a_first_plan_creates_everything_and_writes_nothing(workshop: Workshop) -> None:
    """Not even the group; the revision that is to be registered has no number yet."""
    workshop.write(nightly=NIGHTLY, either=EITHER, manual="image: busybox\n")
    runner = workshop.runner()
    plan = runner.plan()
    assert [("create", "either"), ("create", "either.1.2"), ("create", "nightly")] == actions(plan)
    assert ("either", "nightly") == plan.register
    family = f"jobrunner-{runner.settings.project}-local-nightly"
    assert f"{family}:(new revision)" == sent(bodies(plan)["nightly"])["TaskDefinition"]
    assert ([], [], {}) == (
        workshop.aws.schedules.writes,
        workshop.aws.definitions.registered,
        workshop.aws.logs.groups,
    )
    assert [] == noted(runner)


def test_what_is_registered_stands_in_the_plan_with_its_revision(workshop: Workshop) -> None:
    """A run has registered it: content decides, and not who has registered it or when."""
    workshop.write(nightly=NIGHTLY)
    runner = workshop.runner()
    runner.run("nightly")
    plan = runner.plan()
    arn = workshop.aws.definitions.registered[0]["taskDefinitionArn"]
    assert ((), arn) == (plan.register, sent(bodies(plan)["nightly"])["TaskDefinition"])


def test_an_older_revision_of_the_same_content_counts(workshop: Workshop) -> None:
    """A job that goes back to what it was needs no new revision."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.write(nightly=NIGHTLY + "command: [changed]\n")
    workshop.apply()
    workshop.write(nightly=NIGHTLY)
    plan = workshop.runner().plan()
    first = workshop.aws.definitions.registered[0]["taskDefinitionArn"]
    assert [("update", "nightly")] == actions(plan)
    assert ((), first) == (plan.register, sent(bodies(plan)["nightly"])["TaskDefinition"])


def test_a_changed_definition_updates_every_schedule_of_the_job(workshop: Workshop) -> None:
    """To the same revision; and each of them shows what changes inside."""
    workshop.write(either=EITHER)
    workshop.apply()
    workshop.write(either=EITHER + "command: [changed]\n")
    plan = workshop.runner().plan()
    assert [("update", "either"), ("update", "either.1.2")] == actions(plan)
    assert ("either",) == plan.register
    paths = ["Target.Input.TaskDefinition", "TaskDefinition.Containers[main].Command"]
    assert [paths, paths] == [[field.path for field in change.fields] for change in plan.changes]


def test_an_existing_task_definition_is_described(workshop: Workshop) -> None:
    """Its container is found as `run` finds it; one that is not there is an error before anything is written."""
    container = {"name": "worker", "image": "busybox"}
    workshop.aws.definitions.register({"family": "theirs", "containerDefinitions": [container]})
    workshop.write(borrowed="task_definition: theirs\nschedule: {rate: 1 hour}\n")
    plan = workshop.runner().plan()
    request = sent(bodies(plan)["borrowed"])
    arn = workshop.aws.definitions.registered[0]["taskDefinitionArn"]
    assert (arn, "worker") == (request["TaskDefinition"], request["Overrides"]["ContainerOverrides"][0]["Name"])
    assert () == plan.register
    workshop.write(borrowed="task_definition: nobodys\nschedule: {rate: 1 hour}\n")
    with pytest.raises(SpecError, match="task definition nobodys does not exist"):
        workshop.runner().plan()


def test_a_group_of_another_project_is_not_touched(workshop: Workshop) -> None:
    """The error says whose it is; a group without such tags, of somebody's own making, may be used."""
    workshop.write(nightly=NIGHTLY)
    group, project = workshop.group, workshop.runner().settings.project
    tags = {"jobrunner:project": "theirs", "jobrunner:stage": "prod"}
    workshop.aws.schedules.groups[group] = ScheduleGroup(name=group, tags=tags)
    with pytest.raises(SpecError, match=f"the schedule group {group} belongs to theirs/prod"):
        workshop.runner().plan()
    workshop.aws.schedules.groups[group] = ScheduleGroup(name=group, tags={"jobrunner:project": project})
    with pytest.raises(SpecError) as caught:
        workshop.runner().plan()
    assert f"the schedule group {group} belongs to {project}" == caught.value.what
    workshop.aws.schedules.groups[group] = ScheduleGroup(name=group, tags={"managed-by": "somebody"})
    assert [("create", "nightly")] == actions(workshop.runner().plan())


def test_a_group_that_is_being_deleted_is_no_ground_for_a_plan(workshop: Workshop) -> None:
    """Its schedules are still listed, and will be gone."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.aws.schedules.groups[workshop.group] = ScheduleGroup(name=workshop.group, deleting=True)
    with pytest.raises(AwsRefusedError, match="is being deleted"):
        workshop.runner().plan()


def test_nothing_is_asked_before_every_job_can_be_scheduled(workshop: Workshop) -> None:
    """What is wrong with one job is said offline."""
    workshop.write(nightly=NIGHTLY, needy=HOURLY + "params: {day: {}}\n")
    with pytest.raises(SpecError, match="a schedule gives no value for day"):
        workshop.runner().plan()
    assert ([], []) == (workshop.aws.schedules.calls, workshop.aws.definitions.calls)


def test_a_plan_of_some_jobs_is_about_them_alone(workshop: Workshop) -> None:
    """The others are neither planned nor pruned, nor are their schedules read."""
    workshop.write(nightly=NIGHTLY, hourly=HOURLY, gone=HOURLY)
    workshop.apply()
    workshop.remove("gone")
    workshop.write(nightly=NIGHTLY.replace("30 2", "45 2"), hourly=HOURLY.replace("0 *", "1 *"))
    reads = workshop.aws.schedules.calls.count("get")
    assert [("update", "nightly")] == actions(workshop.runner().plan(jobs=["nightly"], prune=True))
    assert reads + 1 == workshop.aws.schedules.calls.count("get")
    with pytest.raises(UnknownJobError):
        workshop.runner().plan(jobs=["gone"])


def test_the_schedules_of_a_long_name_are_found_again(workshop: Workshop) -> None:
    """Their names are cut, with a digest; a job whose name begins alike is another one."""
    entries = f"schedule:\n- {{rate: 1 hour}}\n- {{rate: 2 hours, name: {'n' * 32}}}\n"
    (workshop.directory / "jobs" / "long.yaml").write_text(f"name: {LONG}\nimage: busybox\n{entries}")
    (workshop.directory / "jobs" / "longer.yaml").write_text(f"name: {LONG[:-2]}\nimage: busybox\n{entries}")
    workshop.apply()
    plan = workshop.runner().plan(jobs=[LONG])
    assert ["keep", "keep"] == [action for action, _ in actions(plan)]
    assert {LONG} == {change.job for change in plan.changes}


def test_timeouts_of_tasks_are_not_looked_at(workshop: Workshop) -> None:
    """There may be hundreds, and they live in the same group."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    body = workshop.there("nightly")
    for name in ("jobrunner-timeout-4r9k2m8p3w7x5t1q-1", "jobrunner-timeout-4r9k2m8p3w7x5t1q-2.13"):
        workshop.aws.schedules.create({**body, "Name": name, "Description": "a timeout"})
    reads = workshop.aws.schedules.calls.count("get")
    plan = workshop.runner().plan(prune=True)
    assert [("keep", "nightly")] == actions(plan)
    assert reads + 1 == workshop.aws.schedules.calls.count("get")


def test_the_account_comes_from_a_setting_that_is_an_arn(workshop: Workshop) -> None:
    """STS is asked only when there is none."""
    workshop.write(guarded=GUARDED)
    [change] = workshop.runner().plan().changes
    assert change.body is not None
    machine = f"arn:aws:states:us-east-1:{local_stage.ACCOUNT_ID}:stateMachine:jobrunner-local"
    assert ([], machine) == (workshop.aws.identity.calls, change.body["Target"]["Arn"])
    names = {"scheduler_role": "scheduler", "execution_role": "execution", "task_role": "task"}
    [change] = workshop.runner(**names).plan().changes
    assert change.body is not None
    role = f"arn:aws:iam::{local_stage.ACCOUNT_ID}:role/scheduler"
    assert (["account"], role) == (workshop.aws.identity.calls, change.body["Target"]["RoleArn"])


def test_a_plan_is_patient_with_aws(workshop: Workshop) -> None:
    """What AWS throttles is asked again: two people planning at once is no failure."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    for call in ("group", "names", "get"):
        workshop.aws.schedules.fail(call, AwsThrottledError("Rate exceeded"))
    workshop.aws.definitions.fail("describe", AwsThrottledError("Rate exceeded"))
    assert [("keep", "nightly")] == actions(workshop.runner().plan())


def test_a_plan_of_threads_is_that_of_one(machine: Any, project: Path, endpoint: Endpoint) -> None:
    """On an endpoint, where calls are under way at once: the changes stand in the jobs' order all the same."""
    names = [f"job-{number:02}" for number in range(40)]
    for name in names:
        (project / "jobs" / f"{name}.yaml").write_text(HOURLY)
    del endpoint
    runner = machine()
    assert [("create", name) for name in names] == actions(runner.plan())
    assert [None] * 40 == [one.error for one in runner.apply(runner.plan())]
    assert [("keep", name) for name in names] == actions(runner.plan())
    assert [None] * 41 == [one.error for one in runner.destroy()]


def test_an_endpoint_that_does_not_answer_ends_the_plan(project: Path, tmp_path: Path) -> None:
    """With the error of the tool, from whichever thread it comes."""
    (project / "jobs" / "nightly.yaml").write_text(NIGHTLY)
    connection = Connection(
        region="us-east-1", endpoint_url="http://127.0.0.1:9", access_key_id="x", secret_access_key="x"
    )
    loaded = load_project(project, environ={}, overrides={"state_dir": str(tmp_path / "state")})
    with JobRunner(loaded, connection=connection) as runner, pytest.raises(Exception, match="schedule group") as caught:
        runner.plan()
    assert "AwsUnreachableError" == type(caught.value).__name__


# -- a part of a project --------------------------------------------------------------------------------------------


def test_jobs_that_were_not_loaded_are_not_looked_at(workshop: Workshop) -> None:
    """They are not in the project that was loaded, and in the project all the same: nothing of them is pruned."""
    workshop.write(nightly=NIGHTLY, hourly=HOURLY, gone=HOURLY)
    workshop.apply()
    workshop.remove("gone")
    whole = workshop.runner()._scheduling
    assert not whole.partial
    expected = {("keep", "nightly"), ("keep", "hourly"), ("delete", "gone")}
    assert expected == set(actions(whole.plan(jobs=None, prune=True, adopt=False)))
    part = replace(whole, jobs={"nightly": whole.jobs["nightly"]}, partial=True)
    assert [("keep", "nightly")] == actions(part.plan(jobs=None, prune=True, adopt=True))
    assert [] == actions(replace(part, jobs={}).plan(jobs=None, prune=True, adopt=True))
    assert [("keep", "nightly")] == actions(part.plan(jobs=["nightly"], prune=True, adopt=False))
    assert 3 == len(part.removal().to_do)


def test_a_project_knows_that_it_was_loaded_in_part(workshop: Workshop) -> None:
    """Whoever loads two jobs and prunes deletes nothing of the third; a job's own entries are pruned all the same."""
    two = "schedule: [{rate: 1 hour}, {rate: 2 hours, name: more}]\n"
    workshop.write(nightly=NIGHTLY, twice=f"image: busybox\n{two}", other=HOURLY)
    workshop.apply()
    workshop.write(twice=f"image: busybox\n{two.replace(', {rate: 2 hours, name: more}', '')}")
    loaded = load_project(workshop.directory, environ={}, jobs=("nightly", "twice"))
    runner = JobRunner(loaded, ports=workshop.runner()._ports)
    assert (True, False) == (loaded.partial, workshop.runner().project.partial)
    plan = runner.plan(prune=True)
    assert [("keep", "nightly"), ("keep", "twice"), ("delete", "twice.more")] == actions(plan)
    assert [None] == [one.error for one in runner.apply(plan)]
    assert ["nightly", "other", "twice"] == workshop.names
