"""Carry out a plan, one change after the other, exactly as it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.core.plan import Action, Change
from jobrunner.core.plan_fields import unmanaged
from jobrunner.core.ports import CONFLICT, NOT_FOUND
from jobrunner.core.schedule_group import tags_of_group
from jobrunner.core.schedule_request import job_of
from jobrunner.errors import AwsError, AwsRefusedError
from jobrunner.ops.noting import noted
from jobrunner.ops.patience import patiently
from jobrunner.ops.revisions import Revisions
from jobrunner.ops.role_patience import RolePatience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from jobrunner.core.plan import Plan
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.noting import Note
    from jobrunner.ops.ports import Ports


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A change of a plan that was carried out, or was not.

    Attributes:
        change: The change.
        error: Why it was not; None when it was.
    """

    change: Change
    error: AwsError | None = None


def apply_plan(ports: Ports, jobs: Mapping[str, JobSpec], settings: Settings, plan: Plan) -> Iterator[Applied]:
    """Create, update and delete what a plan says, in its order; go on after a failure.

    Lazy: a change is made when it is asked for, and what is not asked for is not made. A job's task definition is
    registered just before the first of its schedules that needs it. What has changed since the plan was drawn is
    reported and not overwritten; what is already as the plan wants it counts as done.

    Args:
        ports: The outside.
        jobs: Those that the plan was drawn from.
        settings: As above.
        plan: What to do.
    """
    writer = _Writer(ports, settings, plan.group)
    revisions = Revisions(ports, jobs, settings, plan.register)
    for change in plan.to_do:
        try:
            if change.action is Action.DELETE:
                writer.delete(change)
            else:
                body = revisions.filled_in(change.body or {}, change.job)
                (writer.create if change.action is Action.CREATE else writer.update)(change, body)
        except AwsError as error:
            yield Applied(change=change, error=error)
        else:
            yield Applied(change=change)


def destroy(ports: Ports, settings: Settings, plan: Plan) -> Iterator[Applied]:
    """Carry out a plan of deletions, then delete the schedule group if nothing is in it any more; lazy as well.

    The group stays while anything is in it, the timeout of a task that runs for instance, and when somebody else has
    made it. When it goes, that is the last change.
    """
    failed = False
    for applied in apply_plan(ports, {}, settings, plan):
        failed = failed or applied.error is not None
        yield applied
    group = Change(action=Action.DELETE, name=plan.group, job=None, note="the schedule group")
    try:
        if not failed and _delete_group(ports, settings, plan.group):
            yield Applied(change=group)
    except AwsError as error:
        yield Applied(change=group, error=error)


def _delete_group(ports: Ports, settings: Settings, name: str) -> bool:
    clock, schedules = ports.clock, ports.schedules
    group = patiently(clock, lambda: schedules.group(name))
    if group is None or group.deleting or group.kept is not None or group.of_another(settings) is not None:
        return False
    if patiently(clock, lambda: schedules.names(name)):
        return False
    with noted(ports.audit, "schedule_group_deleted", group=name):
        patiently(clock, lambda: schedules.delete_group(name))
    return True


class _Writer:
    """Makes the changes of one plan; each method raises AwsError when its change was not made."""

    def __init__(self, ports: Ports, settings: Settings, group: str) -> None:
        self._ports = ports
        self._settings = settings
        self._group = group
        self._patiently = RolePatience(ports.clock)
        self._group_known = False

    def create(self, change: Change, body: Mapping[str, Any]) -> None:
        """Create a schedule, and its group if there is none."""
        with self._noted("schedule_created", change) as note:
            try:
                self._create(body)
            except AwsRefusedError as error:
                if error.code != CONFLICT:
                    raise
                # Somebody applies the same project at this moment, or our own first try has worked after all.
                found = self._get(change.name)
                if found is None:
                    raise  # it is another conflict
                if found != {**found, **body}:
                    raise _changed(change, "exists now", "scheduler:CreateSchedule") from error
                note.only_if(changed=False)

    def update(self, change: Change, body: Mapping[str, Any]) -> None:
        """Replace a schedule, unless what the plan keeps of it is not as it was."""
        if (since := self._since(change, body)) is not None:
            raise _changed(change, since, "scheduler:UpdateSchedule")
        with self._noted("schedule_updated", change, fields=[field.path for field in change.fields]):
            try:
                self._patiently(lambda: self._ports.schedules.update(body))
            except AwsRefusedError as error:
                if error.code != NOT_FOUND:
                    raise
                raise _changed(change, "does not exist any more", "scheduler:UpdateSchedule") from error

    def delete(self, change: Change) -> None:
        """Delete a schedule; one that has gone is as good as deleted."""
        found = self._get(change.name)
        if found is None:
            return
        if job_of(found.get("Description"), self._settings) != change.job:
            raise _changed(change, f"is not one of {change.job} any more", "scheduler:DeleteSchedule")
        with self._noted("schedule_deleted", change) as note:
            schedules = self._ports.schedules
            note.only_if(patiently(self._ports.clock, lambda: schedules.delete(self._group, change.name)))

    def _create(self, body: Mapping[str, Any]) -> None:
        schedules = self._ports.schedules
        # Asked for once, and not only when a create says that there is none: emulators of AWS say other things then.
        if not self._group_known:
            self._group_known = True
            if patiently(self._ports.clock, lambda: schedules.group(self._group)) is None:
                self._make_group()
        try:
            self._patiently(lambda: schedules.create(body))
        except AwsRefusedError as error:
            if error.code != NOT_FOUND:
                raise
            self._make_group()  # somebody has deleted it since
            self._patiently(lambda: schedules.create(body))

    def _make_group(self) -> None:
        tags = tags_of_group(self._settings)
        with noted(self._ports.audit, "schedule_group_created", group=self._group) as note:
            schedules = self._ports.schedules
            note.only_if(patiently(self._ports.clock, lambda: schedules.make_group(self._group, tags)))

    def _since(self, change: Change, body: Mapping[str, Any]) -> str | None:
        """Say what has become of a schedule since the plan was drawn; None when its update may be sent."""
        found = self._get(change.name)
        if found is None:
            return "does not exist any more"
        planned = {field.path.partition(".")[0] for field in change.fields}
        if "Description" not in planned and job_of(found.get("Description"), self._settings) != change.job:
            return f"is not one of {change.job} any more"
        if "State" not in planned and found["State"] != body["State"]:
            return f"is {found['State']} now"
        if unmanaged(found) != unmanaged(body):
            return "was changed by somebody else"
        return None

    def _get(self, name: str) -> Mapping[str, Any] | None:
        return patiently(self._ports.clock, lambda: self._ports.schedules.get(self._group, name))

    def _noted(self, action: str, change: Change, **more: Any) -> AbstractContextManager[Note]:
        return noted(self._ports.audit, action, schedule=change.name, group=self._group, job=change.job, **more)


def _changed(change: Change, what: str, where: str) -> AwsRefusedError:
    return AwsRefusedError(
        f"the schedule {change.name} {what}: that was not so when the plan was drawn",
        where=where,
        hint="Run `jobrunner plan` again.",
    )
