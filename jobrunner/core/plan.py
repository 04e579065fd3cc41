"""What would have to change at AWS so that the schedules there are those of the project: a value, before any effect.

Ours is what our description says is ours, in our group. What else is there is not looked at, except where it has a
name that a schedule of the project needs: then it is somebody else's, and stays as it is unless it is to be adopted.

UpdateSchedule replaces the whole schedule, so each change carries the whole request: what jobrunner manages as the
project says it, and what somebody has set beside that as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.frozen import FrozenDict
from jobrunner.core.naming import TIMEOUT_PREFIX
from jobrunner.core.plan_changes import Action, Change, Plan
from jobrunner.core.plan_fields import FieldChange, differences, effective, shown_fields, unmanaged
from jobrunner.core.plan_times import moment_of, times_of
from jobrunner.core.schedule_request import job_of
from jobrunner.core.spend import Coming, Standing, together
from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from jobrunner.core.forecast import Assumptions
    from jobrunner.core.schedule_request import ScheduleRequest
    from jobrunner.core.settings import Settings

__all__ = ["Action", "Change", "FieldChange", "Plan", "make_plan"]

UNWANTED: Final = "not in the project any more; --prune deletes it"
FOREIGN: Final = "not jobrunner's, or not this project's: left alone; --adopt takes it over"
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """What a plan is drawn from."""

    actual: Mapping[str, Mapping[str, Any]]
    settings: Settings
    now: datetime
    prune: bool
    adopt: bool
    only: Collection[str] | None
    inside: Mapping[str, tuple[FieldChange, ...]]
    wanted: frozenset[str] = field(default_factory=frozenset)

    def owner(self, name: str) -> str | None:
        """Give the job of a schedule that is there; None when it is not ours."""
        return job_of(self.actual[name].get("Description"), self.settings)

    def changes(self, desired: Sequence[ScheduleRequest]) -> Iterator[Change]:
        for request in desired:
            there = self.actual.get(request.name)
            if there is None:
                yield self._missing(request)
            elif self.owner(request.name) is None and not self.adopt:
                yield _change(
                    request, Action.FOREIGN, self.now, body=None, note=f"{FOREIGN}; {_described(there, 'is')}"
                )
            else:
                yield self._there(request, there)
        for name in sorted(self.actual.keys() - self.wanted):
            job = self.owner(name)
            if job is not None and (self.only is None or job in self.only):
                yield self._unwanted(name, job)

    def _missing(self, request: ScheduleRequest) -> Change:
        if (over := _over(request.body, self.now)) is not None:
            return _change(request, Action.KEEP, self.now, body=None, note=f"{over}: nothing is created")
        body = effective(request.body, self.now)
        return _change(request, Action.CREATE, self.now, body=body, fields=differences(None, body, now=self.now))

    def _there(self, request: ScheduleRequest, there: Mapping[str, Any]) -> Change:
        kept = unmanaged(there)
        by_hand = shown_fields(kept)
        if (over := _over(request.body, self.now)) is not None:
            stays = f"{over}: it stays as it is"
            return _change(request, Action.KEEP, self.now, body=None, by_hand=by_hand, note=stays)
        body = self._body(request, there, kept)
        fields = differences(there, body, now=self.now)
        if not fields:
            return _change(request, Action.KEEP, self.now, body=None, shown=there, by_hand=by_hand)
        fields += self.inside.get(request.name, ())
        note = None if self.owner(request.name) is not None else f"adopted; {_described(there, 'was')}"
        return _change(request, Action.UPDATE, self.now, body=body, fields=fields, by_hand=by_hand, note=note)

    def _body(self, request: ScheduleRequest, there: Mapping[str, Any], kept: Mapping[str, Any]) -> Mapping[str, Any]:
        body = effective(request.body, self.now)
        # A file that does not say `paused` leaves it to whoever has paused the schedule.
        state = {} if request.paused is not None else {"State": there.get("State", "ENABLED")}
        return {**kept, **body, **state, "Target": {**kept.get("Target", {}), **body["Target"]}}

    def _unwanted(self, name: str, job: str) -> Change:
        there = self.actual[name]
        when, zone = there.get("ScheduleExpression"), there.get("ScheduleExpressionTimezone", "UTC")
        if self.prune:
            fields = differences(there, None, now=self.now)
            return Change(action=Action.DELETE, name=name, job=job, fields=fields, when=when, timezone=zone)
        return Change(
            action=Action.KEEP,
            name=name,
            job=job,
            by_hand=shown_fields(unmanaged(there)),
            note=UNWANTED,
            when=when,
            timezone=zone,
            **_outlook(there, self.now),
        )


def make_plan(
    desired: Sequence[ScheduleRequest],
    actual: Mapping[str, Mapping[str, Any]],
    *,
    settings: Settings,
    assumptions: Assumptions,
    prune: bool,
    adopt: bool,
    only: Collection[str] | None,
    register: Collection[str] = (),
    inside: Mapping[str, tuple[FieldChange, ...]] = FrozenDict(),
    budgets: Mapping[str, Decimal] = FrozenDict(),
) -> Plan:
    """Compare what the project wants with what is there.

    Args:
        desired: The schedules of the jobs, in the order in which they are to be shown.
        actual: Those of the group, by name, in the form of CreateSchedule's request; times in ISO 8601, UTC.
        settings: Of the project and stage; they say which schedules are ours.
        assumptions: For the estimate of a month; with the sizes of the tasks of `desired` (`forecast.sizes_of`) and of
            those of `actual`, by what ECS says of them. What has passed by their `now` needs no schedule.
        prune: Delete what is ours and not desired. Without it, that is kept, and named.
        adopt: Take over what has a desired name and is not ours.
        only: The jobs that it is about; None for all. The schedules of others are not looked at.
        register: The jobs whose task definition is not registered as it is now.
        inside: What differs between the task definition that a schedule names and the one that it is to name, by the
            schedule's name.
        budgets: Those of the jobs that it is about, by their names. The project's is in `settings`; for that one,
            `actual` has the schedules of all jobs, also of those that the plan is not about.
    """
    draft = _Draft(
        actual={name: body for name, body in actual.items() if not name.startswith(TIMEOUT_PREFIX)},
        settings=settings,
        now=assumptions.now,
        prune=prune,
        adopt=adopt,
        only=only,
        inside=inside,
        wanted=frozenset(request.name for request in desired),
    )
    changes = tuple(draft.changes(desired))
    written = {change.job for change in changes if change.body is not None}
    after = [*_after(changes, draft)]
    coming = assumptions.coming([*after, *_others(draft)])
    return Plan(
        group=settings.schedule_group,
        changes=changes,
        register=tuple(job for job in register if job in written),
        before=assumptions.month([*_before(changes, draft)]),
        after=assumptions.month(after),
        budgets=tuple(_standings(coming, budgets, settings)),
    )


def _standings(coming: Mapping[str, Coming], budgets: Mapping[str, Decimal], settings: Settings) -> Iterator[Standing]:
    for job, budget in budgets.items():
        yield Standing(job=job, project=settings.title, budget=budget, coming=coming.get(job, Coming()))
    if settings.budget is not None:
        whole = together(coming.values())
        yield Standing(job=None, project=settings.title, budget=settings.budget, coming=whole)


def _others(draft: _Draft) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the schedules of the jobs that the plan is not about."""
    for name, body in draft.actual.items():
        job = draft.owner(name)
        if job is not None and draft.only is not None and job not in draft.only and name not in draft.wanted:
            yield job, body


def _before(changes: Sequence[Change], draft: _Draft) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for change in changes:
        if change.action is not Action.FOREIGN and change.name in draft.actual and draft.owner(change.name):
            yield str(change.job), draft.actual[change.name]


def _after(changes: Sequence[Change], draft: _Draft) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for change in changes:
        kept = draft.actual.get(change.name) if change.action is Action.KEEP else None
        if (body := change.body or kept) is not None:
            yield str(change.job), body


def _change(
    request: ScheduleRequest,
    action: Action,
    now: datetime,
    *,
    body: Mapping[str, Any] | None,
    shown: Mapping[str, Any] | None = None,
    **more: Any,
) -> Change:
    entry, effect = request.schedule, body or shown
    return Change(
        action=action,
        name=request.name,
        job=request.job,
        body=body,
        when=entry.cron or request.body["ScheduleExpression"],
        timezone=entry.timezone,
        **({} if effect is None else _outlook(effect, now)),
        **more,
    )


def _outlook(body: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Give the next fire, if one can be known: of a rate without a start it cannot."""
    times, paused = times_of(body), body.get("State") == "DISABLED"
    if times is None or paused or (times.period is not None and times.start is None):
        return {"next_fire": None, "paused": paused}
    return {"next_fire": next(times.fires(now), None), "paused": paused}


def _over(body: Mapping[str, Any], now: datetime) -> str | None:
    """Say that a schedule can never fire any more; AWS refuses an `EndDate` in the past (CreateSchedule)."""
    end, times = moment_of(body.get("EndDate")), times_of(body)
    if end is not None and end <= now:
        return f"it ended at {end:%Y-%m-%d %H:%M:%SZ}"
    if times is not None and times.at is not None and next(times.fires(now), None) is None:
        return f"its time, {times.at:%Y-%m-%d %H:%M:%S} {body['ScheduleExpressionTimezone']}, has passed"
    return None


def _described(there: Mapping[str, Any], verb: str) -> str:
    text = there.get("Description")
    return f"its description {verb} {quoted(text) if text else 'empty'}"
