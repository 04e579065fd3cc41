"""A plan looks into the task definitions: what changes there, and what the tasks cost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from workshop import EITHER, HOURLY, NIGHTLY, actions, sent

from jobrunner import JobRunner
from jobrunner.core.billing import Tariff
from jobrunner.errors import AwsRefusedError
from jobrunner.store import load_prices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workshop import Workshop

    from jobrunner.core.plan import Plan
    from jobrunner.core.ports import Definition
    from jobrunner.testing import FakeDefinitions

MAIN = "TaskDefinition.Containers[main]"


# -- what changes inside a task definition --------------------------------------------------------------------------


def inside(plan: Plan) -> list[dict[str, tuple[object, object]]]:
    """What each change of a plan shows of its task definition."""
    return [
        {field.path: (field.old, field.new) for field in change.fields if field.path.startswith("TaskDefinition.")}
        for change in plan.changes
    ]


def described(workshop: Workshop) -> int:
    """How often a task definition was described so far."""
    return workshop.aws.definitions.calls.count("describe")


def versions(workshop: Workshop, *texts: str) -> None:
    """Apply one version of the job `nightly` after the other, and leave the last one in its file."""
    for text in texts:
        workshop.apply()
        workshop.write(nightly=text)


def test_what_changes_inside_is_named(workshop: Workshop) -> None:
    """Image, variables and size, old and new; a secret is hidden in both."""
    secret = "environment: {API_TOKEN: %s, LOG_LEVEL: %s}\n"
    workshop.write(nightly=NIGHTLY + secret % ("hunter1", "info"))
    versions(workshop, NIGHTLY.replace("busybox", "busybox:2") + "cpu: 512\n" + secret % ("hunter2", "debug"))
    plan = workshop.runner().plan()
    expected: dict[str, tuple[object, object]] = {
        f"{MAIN}.Image": ("busybox", "busybox:2"),
        f"{MAIN}.Environment[API_TOKEN]": ("(hidden)", "(hidden, changed)"),
        f"{MAIN}.Environment[LOG_LEVEL]": ("info", "debug"),
        "TaskDefinition.Cpu": (256, 512),
        "TaskDefinition.Memory": (512, 1024),
    }
    assert [expected] == inside(plan)
    assert "hunter" not in str(plan.to_json())


def test_the_revision_that_the_schedule_names_is_the_old_one(workshop: Workshop) -> None:
    """A run may have registered a newer one since: that is nothing that the schedule starts."""
    workshop.write(nightly=NIGHTLY)
    versions(workshop, NIGHTLY.replace("busybox", "busybox:2"))
    workshop.runner().start("nightly")
    workshop.write(nightly=NIGHTLY.replace("busybox", "busybox:3"))
    plan = workshop.runner().plan()
    assert [{f"{MAIN}.Image": ("busybox", "busybox:3")}] == inside(plan)
    assert 2 == len(workshop.aws.definitions.registered)


def test_a_way_back_is_a_change_as_well(workshop: Workshop) -> None:
    """The revision is registered already, and the schedule will do something else all the same."""
    workshop.write(nightly=NIGHTLY)
    versions(workshop, NIGHTLY.replace("busybox", "busybox:2"), NIGHTLY)
    plan = workshop.runner().plan()
    assert [("update", "nightly")] == actions(plan)
    assert () == plan.register
    assert [{f"{MAIN}.Image": ("busybox:2", "busybox")}] == inside(plan)


def test_schedules_of_one_job_that_name_different_revisions(workshop: Workshop) -> None:
    """Somebody has moved one by hand; each shows its own difference."""
    workshop.write(either=EITHER)
    workshop.apply()
    kept = workshop.there("either")
    workshop.write(either=EITHER.replace("busybox", "busybox:2"))
    workshop.apply()
    workshop.change("either", Target=kept["Target"])
    workshop.write(either=EITHER.replace("busybox", "busybox:3"))
    assert [{f"{MAIN}.Image": (old, "busybox:3")} for old in ("busybox", "busybox:2")] == inside(
        workshop.runner().plan()
    )


def test_what_is_taken_over_shows_its_task_definition_too(workshop: Workshop) -> None:
    """Only then: a schedule of somebody else is not looked into."""
    workshop.write(nightly=NIGHTLY)
    versions(workshop, NIGHTLY.replace("busybox", "busybox:2"))
    workshop.change("nightly", Description="by hand")
    before = described(workshop)
    assert [{}] == inside(workshop.runner().plan())
    assert before + 1 == described(workshop)
    assert [{f"{MAIN}.Image": ("busybox", "busybox:2")}] == inside(workshop.runner().plan(adopt=True))


def test_a_difference_that_nobody_can_name(workshop: Workshop) -> None:
    """Of a revision that is gone, or that ECS will not show, or whose content is the same: the revision alone."""
    workshop.write(nightly=NIGHTLY)
    versions(workshop, NIGHTLY.replace("busybox", "busybox:2"))
    target = workshop.there("nightly")["Target"]
    name = sent({"Target": target})["TaskDefinition"]
    for other in (f"{name}00", "", "?"):
        workshop.change("nightly", Target={**target, "Input": target["Input"].replace(name, other)})
        [change] = workshop.runner().plan().changes
        assert ["Target.Input.TaskDefinition"] == [field.path for field in change.fields]
    # An older jobrunner may have made another hash of the same.
    [registered] = workshop.aws.definitions.registered
    workshop.change("nightly", Target=target)
    workshop.write(nightly=NIGHTLY)
    workshop.aws.definitions.registered[0] = {**registered, "tags": []}
    [change] = workshop.runner().plan().changes
    assert ["Target.Input.TaskDefinition"] == [field.path for field in change.fields]


def test_a_revision_that_may_not_be_described(workshop: Workshop) -> None:
    """What a schedule names may be in another account: that is no reason not to plan."""
    workshop.write(nightly=NIGHTLY)
    versions(workshop, NIGHTLY.replace("busybox", "busybox:2"))
    workshop.runner().start("nightly")
    refused = Refusing(workshop.aws.definitions, "nightly:1")
    ports = replace(workshop.runner()._ports, definitions=refused)
    runner = JobRunner(workshop.runner().project, ports=ports)
    [change] = runner.plan().changes
    assert ["Target.Input.TaskDefinition"] == [field.path for field in change.fields]
    assert 1 == refused.refused
    workshop.aws.definitions.fail("describe", AwsRefusedError("not authorized"))
    with pytest.raises(AwsRefusedError):
        workshop.runner().plan()


class Refusing:
    """Task definitions of which one is of somebody else."""

    def __init__(self, definitions: FakeDefinitions, end: str) -> None:
        self._definitions = definitions
        self._end = end
        self.refused = 0

    def describe(self, name: str) -> Definition | None:
        """Describe the others."""
        if name.endswith(self._end):
            self.refused += 1
            raise AwsRefusedError("not authorized to perform: ecs:DescribeTaskDefinition")
        return self._definitions.describe(name)

    def revisions(self, family: str, limit: int) -> Sequence[str]:
        """List them."""
        return self._definitions.revisions(family, limit)

    def register(self, request: Mapping[str, Any]) -> Definition:
        """Register one."""
        return self._definitions.register(request)


def test_no_task_definition_is_described_twice(workshop: Workshop) -> None:
    """A job as it was costs the one call that it always did; so does a new one of a family that is described anyway."""
    workshop.write(nightly=NIGHTLY, either=EITHER, hourly=HOURLY, gone=HOURLY)
    workshop.apply()
    workshop.remove("gone")
    before = described(workshop)
    workshop.runner().plan()
    # The family of each job, and what the schedule of the one that has gone starts.
    assert before + 3 + 1 == described(workshop)
    workshop.write(either=EITHER.replace("busybox", "busybox:2"))
    before = described(workshop)
    assert {f"{MAIN}.Image": ("busybox", "busybox:2")} in inside(workshop.runner().plan())
    assert before + 3 + 1 == described(workshop)
    workshop.runner().start("either")
    workshop.write(either=EITHER.replace("busybox", "busybox:3"))
    before = described(workshop)
    workshop.runner().plan()
    # The older revisions of the family are looked through for the wanted content, and not once more for the schedules.
    assert before + 3 + 1 + 1 == described(workshop)


def test_a_definition_that_many_jobs_name_is_described_once(workshop: Workshop) -> None:
    """And by its ARN it is known as well."""
    workshop.aws.definitions.register({"family": "theirs", "containerDefinitions": [{"name": "main"}]})
    jobs = {f"job{number}": "task_definition: theirs\nschedule: {rate: 1 hour}\n" for number in range(5)}
    workshop.write(**jobs)
    workshop.apply()
    before = described(workshop)
    assert ["keep"] * 5 == [action for action, _ in actions(workshop.runner().plan())]
    assert before + 1 == described(workshop)


# -- a month --------------------------------------------------------------------------------------------------------

#: Of the smallest task half an hour a month at least, and an hour at most: 30 nights of one minute or two.
TIMED = NIGHTLY + "timeout: 2m\n"


Money = tuple[Decimal | None, Decimal | None]
NOTHING: Money = (Decimal(0), Decimal(0))


def money(plan: Plan) -> list[Money]:
    """The estimates before and after, to a hundredth of a cent."""
    months = [month for month in (plan.before, plan.after) if month is not None]
    return [(_rounded(one.least), _rounded(one.most)) for one in months]


def usd(vcpu: str, gib: str, architecture: str = "x86_64") -> Money:
    """What half an hour and an hour of such a task cost."""
    tariff = Tariff(region="us-east-1", operating_system="linux", architecture=architecture, capacity="on-demand")
    cpu, memory = (load_prices().find(tariff, unit) for unit in ("vcpu-hour", "gb-hour"))
    assert cpu is not None
    assert memory is not None
    hour = Decimal(vcpu) * cpu.usd + Decimal(gib) * memory.usd
    return _rounded(hour / 2), _rounded(hour)


def _rounded(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(Decimal("0.0001"))


def test_what_a_changed_job_has_cost_is_known(workshop: Workshop) -> None:
    """By the size of the revision that its schedule names, whatever the family has by now."""
    workshop.write(nightly=TIMED)
    versions(workshop, TIMED + "cpu: 512\n")
    smallest = usd("0.25", "0.5")
    assert [smallest, usd("0.5", "1")] == money(workshop.runner().plan())
    workshop.runner().start("nightly")
    workshop.write(nightly=TIMED + "cpu: 512\narchitecture: arm64\n")
    assert [smallest, usd("0.5", "1", "arm64")] == money(workshop.runner().plan())


def test_what_was_removed_has_cost_something_as_well(workshop: Workshop) -> None:
    """The schedule of a job that has gone says what it starts; `destroy` does not look."""
    workshop.write(nightly=TIMED)
    workshop.apply()
    workshop.remove("nightly")
    smallest = usd("0.25", "0.5")
    assert [smallest, smallest] == money(workshop.runner().plan())
    assert [smallest, NOTHING] == money(workshop.runner().plan(prune=True))
    before = described(workshop)
    assert [(None, None), NOTHING] == money(workshop.runner().removal())
    assert before == described(workshop)


def test_what_an_existing_definition_costs(workshop: Workshop) -> None:
    """Both the revision that the schedule names and the one that it is to name are described."""
    container = {"name": "main", "image": "busybox"}
    theirs = {"family": "theirs", "containerDefinitions": [container], "memory": "1024"}
    workshop.aws.definitions.register({**theirs, "cpu": "256"})
    workshop.write(borrowed=TIMED.replace("image: busybox", "task_definition: theirs"))
    workshop.apply()
    workshop.aws.definitions.register({**theirs, "cpu": "512"})
    plan = workshop.runner().plan()
    assert [usd("0.25", "1"), usd("0.5", "1")] == money(plan)
    [change] = plan.changes
    assert ["Target.Input.request.TaskDefinition"] == [field.path for field in change.fields]
    workshop.aws.definitions.register({"family": "theirs", "containerDefinitions": [container]})
    assert [usd("0.25", "1"), (None, None)] == money(workshop.runner().plan())
