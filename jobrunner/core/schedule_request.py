"""From a job to the schedules that start it: CreateSchedule requests as plain JSON documents. Nothing is sent here.

What a schedule sends is made by `core.request`, the builder of `run`; only the identity differs, because a run of a
schedule is known by the time for which it is scheduled. EventBridge Scheduler delivers at least once, and one cron
expression may need two schedules: whatever sends a RunTask for the same job and time sends the same one, with the same
`clientToken`, and ECS starts one task.

A job that AWS alone can run goes from the schedule to RunTask, as a universal target. What needs somebody who looks
after the task goes to the state machine (`core.state_machine`), with the same request as part of its input.

Sources: botocore scheduler CreateSchedule; Scheduler user guide, "Using universal targets", "Adding context
attributes". Target inputs are in PascalCase there, as ECS's parameters are in Step Functions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import naming
from jobrunner.core.ecs_json import pascal, present
from jobrunner.core.options import RunOptions, Trigger
from jobrunner.core.request import IDENTITY_VARIABLES, RunIdentity, run_request
from jobrunner.core.retry import SPOT_THEN_ON_DEMAND, policy_of
from jobrunner.core.wall_clock import iso_seconds
from jobrunner.core.wording import listed
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from jobrunner.core.place import Place
    from jobrunner.core.request import RunRequest
    from jobrunner.core.schedule import Schedule
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec

#: EventBridge Scheduler replaces it in a target's input: ISO 8601, UTC, whole seconds.
SCHEDULED_TIME: Final = "<aws.scheduler.scheduled-time>"
#: Every such keyword begins so ("Adding context attributes"), and nothing keeps Scheduler from replacing one.
_KEYWORD: Final = "<aws.scheduler."
#: How long Scheduler tries to deliver when the job has no `start_deadline`. Its own default, a day, would start what
#: was to run yesterday.
DELIVERY_SECONDS: Final = 3600
#: As often as Scheduler can: a delivery is a RunTask call, never a second run.
DELIVERY_ATTEMPTS: Final = 185
_MADE_BY: Final = "Made by jobrunner: job "
_RUN_TASK: Final = "scheduler:::aws-sdk:ecs:runTask"
#: BC scheduler TargetInput and "Quotas": what Scheduler takes, and Step Functions.
_INPUT_LIMIT: Final = 262_144


@dataclass(frozen=True, kw_only=True)
class ScheduleRequest:
    """The CreateSchedule request of one schedule.

    Attributes:
        job: The job's name.
        schedule: The entry of the job's file that it stands for.
        body: The request, without a `ClientToken`; times in ISO 8601.
        paused: What the file says about being paused; None when it says nothing, and whoever paused it decides.
    """

    job: str
    schedule: Schedule
    body: Mapping[str, Any]
    paused: bool | None = None

    @property
    def name(self) -> str:
        """The schedule's name, unique in its group."""
        return str(self.body["Name"])


def schedule_requests(
    spec: JobSpec,
    settings: Settings,
    place: Place,
    *,
    task_definition: str,
    container: str = naming.MAIN_CONTAINER,
) -> tuple[ScheduleRequest, ...]:
    """Build the requests of all schedules of a job; none when it has no schedule.

    Args:
        spec: The job.
        settings: Where it runs, with the role and the state machine of `deploy/`.
        place: For the ARNs of what the settings only name.
        task_definition: Family, family:revision or ARN.
        container: The job's own container in that task definition.

    Raises:
        SpecError: A setting is missing, a parameter has no value, or the request is too long.
    """
    if not spec.schedule:
        return ()
    check_schedulable(spec)
    target = _target(spec, settings, place, task_definition=task_definition, container=container)
    common = _common(spec, settings)
    paused = spec.paused if "paused" in spec.model_fields_set else None
    return tuple(
        ScheduleRequest(
            job=spec.name, schedule=entry, paused=paused, body={"Name": name, **common, **times, "Target": target}
        )
        for entry, name, times in _entries(spec)
    )


def check_schedulable(spec: JobSpec) -> None:
    """Make sure that a job can run when nobody is there to give it anything.

    Raises:
        SpecError: A parameter has no default.
    """
    missing = sorted(name for name, param in spec.params.items() if param.default is None)
    if missing:
        raise SpecError(
            f"job {spec.name} is scheduled, and a schedule gives no value for {', '.join(missing)}",
            hint=f"Give each a default in the job: params: {{{missing[0]}: …}}",
        )


def needs_state_machine(spec: JobSpec) -> str | None:
    """Name what a job asks for that EventBridge Scheduler alone does not do; None when it does it all."""
    if spec.overlap != "allow":
        return f"overlap: {spec.overlap}"
    if spec.capacity == SPOT_THEN_ON_DEMAND:
        return f"capacity: {spec.capacity}"
    kept = next((key for key in ("timeout", "start_timeout", "retries") if getattr(spec, key) is not None), None)
    if kept is not None:
        return kept
    # The state machine says how a run has ended, and a rule on that publishes to the topic. Of a task by itself, a
    # rule could tell an exit code, and neither whom to tell nor whether anything was placed.
    return "notify" if _topic(spec) is not None else None


def cautions(jobs: Mapping[str, JobSpec]) -> Iterator[str]:
    """Say what of the jobs' `notify` their schedules do not do."""
    names = [
        name
        for name, spec in sorted(jobs.items())
        if spec.schedule and spec.notify is not None and spec.notify.webhook and not spec.notify.sns
    ]
    if names:
        yield (
            f"notify.webhook of {listed(names)} is for runs that somebody follows; "
            "scheduled runs tell of failures through sns"
        )


def _topic(spec: JobSpec) -> str | None:
    return None if spec.notify is None else spec.notify.topic_of_schedules


def description(job: str, settings: Settings) -> str:
    """Give the description by which jobrunner knows its own schedules: they take no tags."""
    return f"{_MADE_BY}{job} of {'/'.join(filter(None, (settings.project, settings.stage)))}"


def job_of(text: str | None, settings: Settings) -> str | None:
    """Read the job's name from the description of a schedule; None when it is not one of this project and stage."""
    job, _, _ = (text or "").removeprefix(_MADE_BY).partition(" of ")
    return job if job and text == description(job, settings) else None


def _common(spec: JobSpec, settings: Settings) -> dict[str, Any]:
    window: dict[str, Any] = {"Mode": "OFF"}
    if spec.jitter is not None:
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": spec.jitter // 60}
    return {
        "GroupName": settings.schedule_group,
        "Description": description(spec.name, settings),
        "State": "DISABLED" if spec.paused else "ENABLED",
        "FlexibleTimeWindow": window,
    }


def _entries(spec: JobSpec) -> Iterator[tuple[Schedule, str, dict[str, Any]]]:
    """Give each entry of the file once for each of its AWS expressions, with its name there and its times."""
    for number, entry in enumerate(spec.schedule, 1):
        key = naming.schedule_key(entry.name, number)
        for index, expression in enumerate(entry.expressions, 1):
            times = {
                "ScheduleExpression": expression,
                "ScheduleExpressionTimezone": entry.timezone,
                **present("StartDate", _utc(entry.starts_at)),
                **present("EndDate", _utc(entry.ends_at)),
                # A one-off that is over and still there would fire again if somebody resumed it ("Deleting a
                # schedule", Scheduler user guide).
                "ActionAfterCompletion": "NONE" if entry.at is None else "DELETE",
            }
            yield entry, naming.schedule_name(spec.name, entry=key, expression=index), times


def _target(spec: JobSpec, settings: Settings, place: Place, *, task_definition: str, container: str) -> dict[str, Any]:
    if settings.scheduler_role is None:
        raise SpecError(
            f"scheduler_role is not set, and the schedule of {spec.name} needs it",
            hint="It is in deploy/jobrunner.yaml, with what else schedules need; its outputs are the settings.",
        )
    scope = naming.schedule_scope(project=settings.project, stage=settings.stage, job=spec.name)
    identity = RunIdentity.of_schedule(job=spec.name, scope=scope, time=SCHEDULED_TIME)
    options = RunOptions(trigger=Trigger.SCHEDULE)
    request = run_request(spec, settings, options, identity, task_definition=task_definition, container=container)
    _check_keywords(spec, request)
    arn, document = f"arn:{place.partition}:{_RUN_TASK}", pascal(request.body)
    if (reason := needs_state_machine(spec)) is not None:
        arn = _state_machine(spec, settings, place, reason)
        document = _execution(spec, settings, document, scope=scope, container=container)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if (size := len(text.encode())) > _INPUT_LIMIT:
        raise SpecError(f"the request of job {spec.name} has {size} bytes, and a schedule takes {_INPUT_LIMIT}")
    queue = settings.dead_letter_queue
    return {
        "Arn": arn,
        "RoleArn": place.role(settings.scheduler_role),
        "Input": text,
        "RetryPolicy": {
            "MaximumEventAgeInSeconds": spec.start_deadline or DELIVERY_SECONDS,
            "MaximumRetryAttempts": DELIVERY_ATTEMPTS,
        },
        **present("DeadLetterConfig", None if queue is None else {"Arn": place.queue(queue)}),
    }


def _check_keywords(spec: JobSpec, request: RunRequest) -> None:
    """Make sure that Scheduler replaces nothing but the scheduled time of the run's identity: `run` would not.

    Raises:
        SpecError: The job's command or environment has one of Scheduler's keywords.
    """
    for override in request.body["overrides"]["containerOverrides"]:
        variables = {pair["name"]: pair["value"] for pair in override["environment"]}
        own = [value for name, value in variables.items() if name not in IDENTITY_VARIABLES]
        if any(_KEYWORD in text for text in (*override.get("command", ()), *own)):
            raise SpecError(
                f"job {spec.name} has {_KEYWORD}…> in its command or environment, which a schedule would replace",
                hint="The job is told the scheduled time in JOBRUNNER_SCHEDULED_TIME.",
            )


def _state_machine(spec: JobSpec, settings: Settings, place: Place, reason: str) -> str:
    if settings.state_machine is None:
        raise SpecError(
            f"job {spec.name} has {reason}: that needs the state machine of deploy/jobrunner.yaml in its schedule",
            hint="Deploy it, and set state_machine to its output StateMachineArn.",
        )
    return place.state_machine(settings.state_machine)


def _execution(
    spec: JobSpec, settings: Settings, request: Mapping[str, Any], *, scope: str, container: str
) -> dict[str, Any]:
    """Give the input of an execution; what each key means is said in `core.state_machine`."""
    return {
        "job": spec.name,
        "run_id": naming.scheduled_run_id(spec.name, SCHEDULED_TIME),
        "scope": scope,
        "scheduled_time": SCHEDULED_TIME,
        "container": container,
        "request": request,
        "policy": policy_of(spec, RunOptions()).to_json(),
        "timeout": spec.timeout,
        "overlap": spec.overlap,
        "first_look": settings.first_look,
        **present("notify", _topic(spec)),
    }


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else iso_seconds(moment)
