"""The state machine of scheduled runs, walked from its first state to its end with a scripted ECS."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata_world import evaluate
from state_machine_ecs import PREFIX, Ecs, Life
from state_machine_world import BEGIN, DEFINITION, CallError, Ended, World
from strategies import job_specs

from jobrunner.core import naming, state_machine_retry
from jobrunner.core.durations import format_duration
from jobrunner.core.ecs_json import pascal
from jobrunner.core.options import RunOptions, Trigger
from jobrunner.core.place import Place
from jobrunner.core.request import RunIdentity, relaunched, run_request
from jobrunner.core.retry import ON_DEMAND, SPOT, Position, launch_pause
from jobrunner.core.schedule_request import SCHEDULED_TIME, schedule_requests
from jobrunner.core.settings import Settings
from jobrunner.core.spec import JobSpec, Network, job_spec
from jobrunner.core.state_machine import definition
from jobrunner.core.state_machine_text import block, compact
from jobrunner.core.state_machine_watch import DURATION
from jobrunner.core.watch import timeout_reason
from jobrunner.errors import SpecError

SETTINGS = Settings(
    schedule_group="jobrunner-shop",
    project="shop",
    stage="prod",
    region="eu-west-1",
    cluster="blue",
    network=Network(subnets=("subnet-0123456789abcdef0",), security_groups=("sg-0123456789abcdef0",)),
    execution_role="arn:aws:iam::123456789012:role/exec",
    scheduler_role="jobrunner-scheduler",
    state_machine="jobrunner",
    log_group="/jobrunner/shop/prod",
    state_dir="unused",
)
PLACE = Place(region="eu-west-1", account="123456789012")
TIME = "2026-11-24T02:30:00Z"
RUN_ID = f"nightly@{TIME}"
CAPACITY = [{"Reason": "Capacity is unavailable at this time. Please try again later"}]
RATE = CallError("Ecs.EcsException", "Rate exceeded (Service: Ecs, Status Code: 400, Request ID: 0)")
LOST = CallError("Ecs.SdkClientException", "Unable to execute HTTP request")
DENIED = CallError("Ecs.AccessDeniedException", "not authorized (Service: Ecs, Status Code: 400, Request ID: 0)")
SPOT_TAKEN = Life(code="SpotInterruption", reason="Your Spot Task was interrupted.", exit_code=143)


def job(**fields: Any) -> JobSpec:
    """A job that needs the machine."""
    common = {"name": "nightly", "image": "python:3.13-slim", "schedule": {"cron": "30 2 * * *"}, "timeout": "2h"}
    return job_spec(**{**common, **fields})


def document(spec: JobSpec | None = None, time: str = TIME) -> dict[str, Any]:
    """The input of an execution, as EventBridge Scheduler sends it."""
    (request,) = schedule_requests(spec or job(), SETTINGS, PLACE, task_definition="nightly:7")
    found: dict[str, Any] = json.loads(request.body["Target"]["Input"].replace(SCHEDULED_TIME, time))
    return found


def sent(spec: JobSpec, at: Position) -> dict[str, Any]:
    """The request of a launch, as `core` makes it."""
    scope = naming.schedule_scope(project="shop", stage="prod", job=spec.name)
    identity = RunIdentity.of_schedule(job=spec.name, scope=scope, time=TIME)
    first = run_request(spec, SETTINGS, RunOptions(trigger=Trigger.SCHEDULE), identity, task_definition="nightly:7")
    body: dict[str, Any] = pascal(relaunched(first.body, naming.schedule_token(scope, TIME), at))
    return body


def other(spec: JobSpec, time: str = "2026-11-24T02:00:00Z") -> dict[str, Any]:
    """The request of another run of the job."""
    request: dict[str, Any] = document(spec, time)["request"]
    return request


def succeeded(number: int = 0, attempt: int = 1) -> Ended:
    """The end of a run whose task succeeded."""
    output = {"run_id": RUN_ID, "attempt": attempt, "task_arn": arn(number), "verdict": "succeeded"}
    return Ended("SUCCEEDED", output=output)


def arn(number: int) -> str:
    """The ARN of a task, by the order of their launches."""
    return f"{PREFIX}{number:032x}"


def failed(end: Ended) -> tuple[str | None, str, int, int | None]:
    """The error of a run, its reason, the attempt and the exit code."""
    assert end.cause["run_id"] == RUN_ID
    return end.error, end.cause["reason"], end.cause["attempt"], end.cause["exit_code"]


# -- one attempt ----------------------------------------------------------------------------------------------------


def test_a_task_is_started_looked_at_and_reported() -> None:
    """The request is the one of `run`, to the letter; the first look comes after `first_look`."""
    spec = job()
    ecs = Ecs([Life(starts=20, ends=100)])
    world = ecs.drive(document(spec))

    end = world.run()

    assert succeeded() == end
    assert [sent(spec, Position())] == world.asked("ecs:runTask")
    assert [30, 30, 30, 30] == world.waited
    assert [] == world.asked("ecs:listTasks")
    assert {"Cluster": "blue", "Tasks": [arn(0)]} == world.asked("ecs:describeTasks")[0]


def test_looks_become_rarer_and_are_never_over_half_an_hour_apart() -> None:
    """A tenth of the time since the launch; ECS forgets a stopped task after an hour."""
    ecs = Ecs([Life(ends=2 * 86_400)])
    world = ecs.drive(document(job(timeout="14d")))

    assert succeeded() == world.run()
    assert 1800 == max(world.waited)
    assert world.history < world.variables["events"] < 20_000
    assert all(later <= max(30, sum(world.waited[:number]) / 10 + 1) for number, later in enumerate(world.waited))


def test_a_failure_says_how() -> None:
    """The error is the verdict, the cause is the run's end as JSON."""
    ecs = Ecs([Life(exit_code=3)])

    end = ecs.drive(document()).run()

    cause = {
        "run_id": RUN_ID, "attempt": 1, "task_arn": arn(0), "verdict": "failed", "reason": "exit", "exit_code": 3,
        "detail": "exit code 3",
    }  # fmt: skip
    assert Ended("FAILED", error="jobrunner.failed", cause=cause) == end


@pytest.mark.parametrize("timeout", [65, 90, 3600, 93_784])
def test_a_task_is_stopped_at_its_timeout(timeout: int) -> None:
    """At the second, with the reason that `run` gives; the end is judged by it."""
    ecs = Ecs([Life(ends=None)])
    world = ecs.drive(document(job(timeout=timeout)))

    end = world.run()

    assert ("jobrunner.timed_out", "timeout", 1, 143) == failed(end)
    (stop,) = world.asked("ecs:stopTask")
    assert {"Cluster": "blue", "Task": arn(0), "Reason": timeout_reason(timeout)} == stop
    (task,) = ecs.tasks.values()
    assert timeout * 1000 == (task.told_at or 0) - task.born


def test_a_container_that_does_not_start_in_time_is_stopped() -> None:
    """Its task never started, and that may pass."""
    ecs = Ecs([Life(starts=None, ends=None)])
    world = ecs.drive(document(job(start_timeout="5m", timeout=None)))

    assert ("jobrunner.never_started", "start_timeout", 1, None) == failed(world.run())
    assert ["jobrunner: did not start within 5m"] == [one["Reason"] for one in world.asked("ecs:stopTask")]


def test_a_container_that_has_started_has_no_start_timeout() -> None:
    """However long it runs."""
    ecs = Ecs([Life(starts=299, ends=4000)])
    world = ecs.drive(document(job(start_timeout="5m", timeout=None)))

    assert succeeded() == world.run()
    assert [] == world.asked("ecs:stopTask")


def test_a_stop_without_effect_is_sent_again() -> None:
    """StopTask says of a task that ECS does not show yet that there is none."""
    ecs = Ecs([Life(starts=20, ends=200, stops_in=None)])
    world = ecs.drive(document(job(timeout="100s")))

    assert succeeded() == world.run()
    assert 2 <= len(world.asked("ecs:stopTask"))


def test_a_refused_stop_ends_nothing() -> None:
    """The task is watched to its end, and stopped as soon as that is possible."""
    ecs = Ecs([Life(ends=None)], trouble={"ecs:stopTask": [DENIED, DENIED]})
    world = ecs.drive(document(job(timeout="100s")))

    assert ("jobrunner.timed_out", "timeout", 1, 143) == failed(world.run())
    assert 3 == len(world.asked("ecs:stopTask"))


def test_a_task_that_is_stopping_is_not_stopped_again() -> None:
    """Who stopped it first is who stopped it."""
    ecs = Ecs([Life(ends=None, stops_in=120)])
    world = ecs.drive(document(job(timeout="100s")))
    ecs.trouble["ecs:describeTasks"] = []

    world.run()

    assert 1 == len(world.asked("ecs:stopTask"))


def test_a_task_that_ecs_does_not_show_yet_is_not_lost() -> None:
    """ECS is eventually consistent: MISSING for up to a minute after RunTask."""
    ecs = Ecs([Life(shown=50)])

    assert succeeded() == ecs.drive(document()).run()


def test_a_task_that_ecs_has_forgotten_is_lost() -> None:
    """It is stopped all the same before the execution ends."""
    ecs = Ecs([Life(shown=10**9)])
    world = ecs.drive(document())

    assert ("jobrunner.lost", "vanished", 1, None) == failed(world.run())
    assert 1 == len(world.asked("ecs:stopTask"))


# -- several attempts -----------------------------------------------------------------------------------------------


def test_a_failed_attempt_is_followed_by_another() -> None:
    """After the pause, with the next JOBRUNNER_ATTEMPT and a token of its own; nothing else differs."""
    spec = job(retries={"attempts": 3, "backoff": "60s", "on": ["failure"]})
    ecs = Ecs([Life(exit_code=1), Life(exit_code=1), Life()])
    world = ecs.drive(document(spec))

    end = world.run()

    assert succeeded(2, attempt=3) == end
    launches = [sent(spec, Position(attempt=attempt)) for attempt in (1, 2, 3)]
    assert launches == world.asked("ecs:runTask")
    assert 48 <= world.waited[2] <= 72
    assert 96 <= world.waited[5] <= 144


def test_no_attempt_is_left() -> None:
    """The end is the last one's."""
    spec = job(retries={"attempts": 2, "backoff": "0s", "on": [1]})
    ecs = Ecs([Life(exit_code=1), Life(exit_code=1)])

    assert ("jobrunner.failed", "exit", 2, 1) == failed(ecs.drive(document(spec)).run())


def test_each_attempt_has_its_own_timeout() -> None:
    """It counts from the attempt's launch."""
    spec = job(timeout="100s", retries={"attempts": 2, "backoff": "10s", "on": ["timeout"]})
    ecs = Ecs([Life(ends=None), Life(ends=None)])
    world = ecs.drive(document(spec))

    assert ("jobrunner.timed_out", "timeout", 2, 143) == failed(world.run())
    assert [100_000, 100_000] == [(task.told_at or 0) - task.born for task in ecs.tasks.values()]


def test_what_dies_before_it_runs_costs_no_attempt() -> None:
    """The same attempt is launched again, with another token, up to five times."""
    spec = job(retries={"attempts": 2, "on": ["infrastructure"]})
    dead = Life(starts=None, ends=10, exit_code=None, code="TaskFailedToStart",
                reason="Timeout waiting for network interface provisioning to complete.")  # fmt: skip
    ecs = Ecs([dead] * 5)
    world = ecs.drive(document(spec))

    assert ("jobrunner.never_started", "network_interface", 1, None) == failed(world.run())
    assert [sent(spec, Position(launch=launch)) for launch in range(1, 6)] == world.asked("ecs:runTask")


def test_spot_falls_back_to_on_demand_at_once_and_for_nothing() -> None:
    """The attempt that Spot took away is not charged for; the request says FARGATE then, and no strategy."""
    spec = job(capacity="spot-then-on-demand", retries={"attempts": 1, "on": ["failure"]})
    ecs = Ecs([SPOT_TAKEN, Life()])
    world = ecs.drive(document(spec))

    assert succeeded(1, attempt=2) == world.run()
    spot, demand = Position(capacity=SPOT), Position(attempt=2, capacity=ON_DEMAND)
    assert [sent(spec, spot), sent(spec, demand)] == world.asked("ecs:runTask")


# -- placement and errors -------------------------------------------------------------------------------------------


def test_capacity_is_asked_for_again() -> None:
    """With a new token each time, after the pauses of `run` in whole seconds."""
    spec = job()
    ecs = Ecs([CAPACITY, CAPACITY, Life()])
    world = ecs.drive(document(spec))

    assert succeeded() == world.run()
    assert [sent(spec, Position(launch=launch)) for launch in (1, 2, 3)] == world.asked("ecs:runTask")
    pauses = [launch_pause(RUN_ID, Position(launch=launch)) for launch in (1, 2)]
    assert all(0 <= waited - pause < 1 for waited, pause in zip(world.waited, pauses, strict=False))


def test_capacity_is_given_up_after_the_start_window() -> None:
    """A minute, or the job's start timeout."""
    ecs = Ecs([CAPACITY] * 20)
    world = ecs.drive(document())

    end = world.run()

    assert ("jobrunner.never_started", "capacity", 1, None) == failed(end)
    assert end.cause["task_arn"] is None
    assert 30 < sum(world.waited) <= 60


def test_a_full_spot_is_left_at_once() -> None:
    """On demand, in the same attempt."""
    spec = job(capacity="spot-then-on-demand")
    ecs = Ecs([CAPACITY, Life()])
    world = ecs.drive(document(spec))

    assert succeeded() == world.run()
    second = Position(launch=2, capacity=ON_DEMAND)
    assert [sent(spec, Position(capacity=SPOT)), sent(spec, second)] == world.asked("ecs:runTask")
    assert 0 == world.waited[0]


def test_a_request_that_never_fits_is_not_repeated() -> None:
    """Only what passes by itself is."""
    ecs = Ecs([[{"Reason": "The requested CPU configuration is above your limit"}]])
    world = ecs.drive(document())

    assert ("jobrunner.never_started", "size_limit", 1, None) == failed(world.run())


@pytest.mark.parametrize("error", [RATE, LOST, CallError("Ecs.ServerException"), CallError("States.Timeout")])
def test_a_call_that_was_not_carried_out_is_repeated_with_its_token(error: CallError) -> None:
    """It starts nothing twice."""
    ecs = Ecs([error, error, Life()])
    world = ecs.drive(document())

    assert succeeded() == world.run()
    assert 3 == len(world.asked("ecs:runTask"))
    assert 1 == len({json.dumps(one) for one in world.asked("ecs:runTask")})
    assert [1, 1] == world.waited[:2]


@pytest.mark.parametrize(
    "error",
    [
        DENIED,
        CallError("Ecs.ClientException", "bad (Service: Ecs, Status Code: 400, Request ID: 0)"),
        CallError("Ecs.EcsException", "The token is invalid (Service: Ecs, Status Code: 403, Request ID: 0)"),
    ],
)
def test_a_refused_call_ends_the_run(error: CallError) -> None:
    """With AWS's own words."""
    ecs = Ecs([error])
    world = ecs.drive(document())

    end = world.run()

    assert ("jobrunner.never_started", "refused", 1, None) == failed(end)
    assert f"{error.error}: {error.cause}" == end.cause["detail"]
    assert [] == world.waited


def test_ecs_says_later_under_whatever_code() -> None:
    """Its texts are older than its codes."""
    ecs = Ecs([CallError("Ecs.InvalidParameterException", "Request limit exceeded. (Service: Ecs)"), Life()])

    assert succeeded() == ecs.drive(document()).run()


def test_who_gives_up_looks_for_the_task_first() -> None:
    """A call may have arrived although nobody has its answer: that task is watched, and its run succeeds."""
    spec = job()
    ecs = Ecs([LOST] * 20)
    world = ecs.drive(document(spec))
    ecs.add(sent(spec, Position()), Life(ends=300), "an answer that was lost")

    end = world.run()

    assert succeeded() == end
    assert 1 < len(world.asked("ecs:runTask"))
    assert 1 == len(ecs.tasks)


def test_who_gives_up_and_finds_nothing_has_started_nothing() -> None:
    """After as long as ECS may take to show a task."""
    world = Ecs([LOST] * 20).drive(document())

    assert ("jobrunner.never_started", "refused", 1, None) == failed(world.run())
    assert ["RUNNING", "STOPPED"] == [one["DesiredStatus"] for one in world.asked("ecs:listTasks")]


def test_who_cannot_even_look_does_not_know() -> None:
    """Whether something runs."""
    ecs = Ecs([LOST] * 20, trouble={"ecs:listTasks": [DENIED]})

    end = ecs.drive(document()).run()

    assert ("jobrunner.lost", "unknown_start", 1, None) == failed(end)
    assert f"{DENIED.error}: {DENIED.cause}" == end.cause["detail"]


def test_a_token_of_another_request_names_the_run_of_it() -> None:
    """A schedule that was changed between two deliveries of one time has started this run's task before."""
    spec = job()
    ecs = Ecs([])
    world = ecs.drive(document(spec))
    before = sent(spec, Position())
    ecs.add({**before, "TaskDefinition": "nightly:6"}, Life(ends=90), before["ClientToken"])

    assert succeeded() == world.run()


def test_looks_that_fail_for_a_while_cost_nothing() -> None:
    """Throttling and answers that do not come."""
    ecs = Ecs([Life(ends=600)], trouble={"ecs:describeTasks": [RATE, LOST, *[RATE] * 8]})

    assert succeeded() == ecs.drive(document()).run()


def test_a_timeout_is_kept_while_looks_fail() -> None:
    """Stopping does not need to see."""
    ecs = Ecs([Life(ends=None)], trouble={"ecs:describeTasks": [DENIED] * 5})
    world = ecs.drive(document(job(timeout="100s")))

    assert ("jobrunner.timed_out", "timeout", 1, 143) == failed(world.run())
    (task,) = ecs.tasks.values()
    assert 100_000 == (task.told_at or 0) - task.born


def test_no_task_runs_on_unseen() -> None:
    """Who cannot look at it any more stops it, and then ends."""
    ecs = Ecs([Life(ends=None)], trouble={"ecs:describeTasks": [DENIED] * 1000, "ecs:stopTask": [RATE, LOST]})
    world = ecs.drive(document(job(timeout="14d")))

    end = world.run()

    assert ("jobrunner.lost", "unseen", 1, None) == failed(end)
    assert "not authorized" in end.cause["detail"]
    assert all(task.told_at is not None for task in ecs.tasks.values())
    assert 1800 <= sum(world.waited) <= 2400


# -- overlap --------------------------------------------------------------------------------------------------------


def test_forbid_skips_while_another_run_is_under_way() -> None:
    """The execution succeeds, and says who runs."""
    spec = job(overlap="forbid")
    ecs = Ecs([])
    world = ecs.drive(document(spec))
    task = ecs.add(other(spec), Life(ends=None), "other", age=100)

    end = world.run()

    running = [{"run_id": "nightly@2026-11-24T02:00:00Z", "task_arn": task.arn}]
    assert Ended("SUCCEEDED", output={"run_id": RUN_ID, "skipped": "overlap", "running": running}) == end
    first = {"Cluster": "blue", "StartedBy": document(spec)["request"]["StartedBy"], "DesiredStatus": "RUNNING"}
    assert {**first, "MaxResults": 10} == world.asked("ecs:listTasks")[0]


@pytest.mark.parametrize("overlap", ["forbid", "replace"])
def test_what_has_stopped_is_in_nobodys_way(overlap: str) -> None:
    """ECS lists it for an hour; all pages are read."""
    spec = job(overlap=overlap)
    ecs = Ecs([Life()])
    world = ecs.drive(document(spec))
    for number in range(25):
        ecs.add(other(spec), Life(ends=60), f"other-{number}", age=600)

    assert succeeded(25) == world.run()
    tokens = [one.get("NextToken") for one in world.asked("ecs:listTasks")]
    assert [None, None, "10", "20"] == tokens


def test_a_task_that_is_stopping_still_runs() -> None:
    """Its desired status is STOPPED, and ListTasks does not show it among those that run."""
    spec = job(overlap="forbid")
    ecs = Ecs([])
    world = ecs.drive(document(spec))
    task = ecs.add(other(spec), Life(ends=None, stops_in=120), "other", age=100)
    task.told_at = world.now - 60_000

    assert "Skipped" in (world.run(), world.visited)[1]


def test_a_task_that_is_listed_and_not_shown_yet_runs() -> None:
    """It has just been started."""
    spec = job(overlap="forbid")
    ecs = Ecs([])
    world = ecs.drive(document(spec))
    ecs.add(other(spec), Life(shown=50), "other", age=1)

    end = world.run()

    assert [{"run_id": "", "task_arn": arn(0)}] == end.output["running"]


def test_replace_stops_the_others_and_waits_for_them() -> None:
    """With a reason that ends their runs; then the run begins as any other."""
    spec = job(overlap="replace")
    ecs = Ecs([Life()])
    world = ecs.drive(document(spec))
    tasks = [ecs.add(other(spec), Life(ends=None), f"other-{number}", age=100) for number in range(2)]

    end = world.run()

    assert succeeded(2) == end
    assert {f"jobrunner: replaced by {RUN_ID}"} == {task.told for task in tasks}
    assert [task.arn for task in tasks] == [one["Task"] for one in world.asked("ecs:stopTask")]
    assert [sent(spec, Position())] == world.asked("ecs:runTask")
    (task,) = [task for task in ecs.tasks.values() if task not in tasks]
    assert task.born - BEGIN >= 30_000


def test_the_timeout_counts_from_the_launch_and_not_from_the_wait_for_others() -> None:
    """As long as a run waits for others to stop, its start window waits too."""
    spec = job(overlap="replace", start_timeout="60s", timeout=None)
    ecs = Ecs([Life(starts=50, ends=90)])
    world = ecs.drive(document(spec))
    ecs.add(other(spec), Life(ends=None, stops_in=120), "other", age=100)

    assert succeeded(1) == world.run()


def test_what_does_not_stop_is_not_joined() -> None:
    """Two runs at once is what `replace` is not."""
    spec = job(overlap="replace")
    ecs = Ecs([])
    world = ecs.drive(document(spec))
    ecs.add(other(spec), Life(ends=None, stops_in=None), "other", age=100)

    assert ("jobrunner.never_started", "overlap", 1, None) == failed(world.run())
    assert [] == world.asked("ecs:runTask")


def test_a_late_delivery_replaces_no_newer_run() -> None:
    """It is skipped."""
    spec = job(overlap="replace")
    ecs = Ecs([])
    world = ecs.drive(document(spec))
    ecs.add(other(spec, "2026-11-24T03:30:00Z"), Life(ends=None), "newer")

    assert "overlap" == world.run().output["skipped"]
    assert [] == world.asked("ecs:stopTask")


@pytest.mark.parametrize("overlap", ["forbid", "replace"])
def test_a_run_between_two_attempts_gives_way(overlap: str) -> None:
    """It has no task then, so that a newer run has begun."""
    spec = job(overlap=overlap, retries={"attempts": 2, "backoff": "60s", "on": ["failure"]})
    ecs = Ecs([Life(exit_code=7, ends=20)])
    world = ecs.drive(document(spec))
    ecs.add(other(spec, "2026-11-24T02:31:00Z"), Life(ends=None), "newer", age=-45)

    end = world.run()

    assert "jobrunner.Overtaken" == end.error
    expected = {"verdict": "failed", "reason": "overtaken", "exit_code": 7, "attempt": 2, "task_arn": None}
    assert expected == {key: end.cause[key] for key in expected}
    assert "nightly@2026-11-24T02:31:00Z" in end.cause["detail"]


def test_a_replaced_run_is_not_tried_again() -> None:
    """Its task was stopped for the next run, whatever `retries` says."""
    spec = job(overlap="replace", retries={"attempts": 3, "on": ["infrastructure", "failure"]})
    ecs = Ecs([Life(code="UserInitiated", reason="jobrunner: replaced by nightly@later", exit_code=143)])

    assert ("jobrunner.stopped", "replaced", 1, 143) == failed(ecs.drive(document(spec)).run())


def test_who_cannot_look_for_others_does_not_begin() -> None:
    """`forbid` is a promise."""
    spec = job(overlap="forbid")
    ecs = Ecs([], trouble={"ecs:listTasks": [DENIED]})

    assert ("jobrunner.never_started", "refused", 1, None) == failed(ecs.drive(document(spec)).run())


# -- deliveries and histories ---------------------------------------------------------------------------------------


def test_a_delivery_starts_the_run_under_its_name_once() -> None:
    """EventBridge Scheduler delivers at least once; the second delivery ends, and says why."""
    ecs = Ecs([])
    given = document()
    name = f"{given['scope']}-2026-11-24T02.30.00Z"

    first = ecs.drive(given, name="one-delivery").run()
    second = ecs.drive(given, name="another").run()

    arn_of_it = f"arn:aws:states:eu-west-1:123456789012:execution:jobrunner:{name}"
    assert Ended("SUCCEEDED", output={"run_id": RUN_ID, "started": arn_of_it}) == first
    assert Ended("SUCCEEDED", output={"run_id": RUN_ID, "started_before": name}) == second
    assert given == json.loads(ecs.started[name])


def test_a_run_that_cannot_be_started_under_its_name_has_failed() -> None:
    """After two hours of trying."""
    error = CallError("Sfn.SfnException", "Rate exceeded")
    ecs = Ecs([], trouble={"sfn:startExecution": [error] * 500})

    assert ("jobrunner.never_started", "refused", 1, None) == failed(ecs.drive(document(), name="x").run())


def test_a_long_run_goes_on_in_another_execution() -> None:
    """Before Step Functions ends the first one for its history; deadlines, counts and the task stay."""
    spec = job(timeout="14d", retries={"attempts": 2, "backoff": "10s", "on": ["failure"]})
    ecs = Ecs([Life(ends=50, exit_code=1), Life(ends=9000)])
    world = ecs.drive(document(spec))
    _long_history(world, "ecs:describeTasks", after=5)

    first = world.run()

    assert "continued" in first.output
    ((name, given),) = ecs.started.items()
    assert f"{world.name}.2" == name
    following = ecs.drive(json.loads(given), name=name, now=world.now)
    assert succeeded(1, attempt=2) == following.run()
    assert [] == following.asked("ecs:runTask")
    kept = ("launched_at", "requested_at", "attempt", "died", "ended", "task_arn", "fallbacks")
    assert {key: world.variables[key] for key in kept} == {key: following.variables[key] for key in kept}


def _long_history(world: World, action: str, *, after: int) -> None:
    """After some calls of an action, the history is long."""
    answer = world.answers[action]

    def answered(arguments: dict[str, Any]) -> Any:
        if len(world.asked(action)) == after:
            world.variables["events"] = 10**6
        return answer(arguments)

    world.answers = {**world.answers, action: answered}


def test_launches_go_on_in_another_execution_too() -> None:
    """A day of start window is some 3,000 launches."""
    spec = job(start_timeout="1d", timeout=None)
    ecs = Ecs([*[CAPACITY] * 30, Life()])
    world = ecs.drive(document(spec))
    _long_history(world, "ecs:runTask", after=20)

    first = world.run()

    assert "continued" in first.output
    ((name, given),) = ecs.started.items()
    following = ecs.drive(json.loads(given), name=name, now=world.now)
    assert succeeded() == following.run()
    launches = [*world.asked("ecs:runTask"), *following.asked("ecs:runTask")]
    assert [sent(spec, Position(launch=launch)) for launch in range(1, 32)] == launches


def test_a_run_that_cannot_go_on_elsewhere_goes_on_here() -> None:
    """As long as Step Functions lets it."""
    ecs = Ecs([Life(ends=5000)], trouble={"sfn:startExecution": [CallError("Sfn.SfnException")] * 130})
    world = ecs.drive(document(job(timeout="14d")))
    _long_history(world, "ecs:describeTasks", after=5)

    assert succeeded() == world.run()
    assert "GoOnHere" in world.visited


# -- requests and texts ---------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    spec=job_specs(),
    at=st.builds(
        Position, attempt=st.integers(1, 20), launch=st.integers(1, 12), capacity=st.sampled_from([ON_DEMAND, SPOT])
    ),
)
def test_every_request_of_a_later_launch_is_the_one_of_run(spec: JobSpec, at: Position) -> None:
    """Token, capacity and JOBRUNNER_ATTEMPT; nothing else."""
    try:
        expected, first = sent(spec, at), sent(spec, Position(capacity=ON_DEMAND))
    except SpecError:
        return  # a parameter without a value: no schedule sends it
    scope = naming.schedule_scope(project="shop", stage="prod", job=spec.name)
    run = {"request": first, "scope": scope, "scheduled_time": TIME}
    position = {"attempt": at.attempt, "launch": at.launch, "capacity": at.capacity}

    assert expected == evaluate(block(state_machine_retry.relaunching(), "$relaunched()"), {"run": run, **position})


@given(seconds=st.integers(1, 14 * 86_400))
def test_a_duration_is_told_in_the_words_of_run(seconds: int) -> None:
    """Whoever reads `stoppedReason` later cannot tell who stopped the task."""
    assert format_duration(seconds) == evaluate(block(DURATION, "$duration($seconds)"), {"seconds": seconds})


# -- the document ---------------------------------------------------------------------------------------------------


def test_the_definition_is_whole() -> None:
    """Every state is reached and named; nothing is left of what was to be filled in; it is far below 1 MB."""
    states = DEFINITION["States"]
    reached = {DEFINITION["StartAt"]}
    for body in states.values():
        rules = [*body.get("Choices", ()), *body.get("Catch", ())]
        reached |= {one["Next"] for one in rules} | ({body["Next"]} if "Next" in body else set())
        reached |= {body["Default"]} if "Default" in body else set()
        assert body["Comment"]
    text = json.dumps(DEFINITION)

    assert set(states) == reached
    assert "<<" not in text
    assert len(text) < 100_000


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("  $a  in\n  $b ", "$a in $b"),
        ("$f( $a,\n  [ 1 ] ) ; $b", "$f($a,[1]);$b"),
        ("$a  :=  $b ? 'x' : - 1", "$a:=$b?'x': -1"),
        ("$a and 'x' in ['y']", "$a and 'x' in['y']"),
        ("$a & 'a  /* b */ :  c' & \"d ' ; e\"", "$a&'a  /* b */ :  c'&\"d ' ; e\""),
        ("'it\\' s  ( '  =  $a", "'it\\' s  ( '=$a"),
        ('$a /* it\'s\n a "comment" */ and $b', "$a and $b"),
        ("$a  /  2 * 3", "$a/2*3"),
    ],
)
def test_an_expression_is_deployed_without_what_separates_nothing(source: str, expected: str) -> None:
    """White space and comments; strings stay as they are, and names apart."""
    assert expected == compact(source)


def test_the_integrations_are_of_the_partition() -> None:
    """China's and GovCloud's ARNs begin otherwise."""
    resources = [one["Resource"] for one in definition(partition="aws-cn")["States"].values() if "Resource" in one]

    assert resources
    assert all(one.startswith("arn:aws-cn:states:::aws-sdk:") for one in resources)


def test_no_name_inside_an_expression_hides_a_variable() -> None:
    """What is meant by a name does not depend on how an engine resolves it."""
    text = json.dumps(DEFINITION)
    variables = {name for body in DEFINITION["States"].values() for name in _assigned(body)}
    parameters = {name for one in re.findall(r"function\(([^)]*)\)", text) for name in re.findall(r"[a-z_]+", one)}
    locals_ = set(re.findall(r"\$([a-z_]+) :=", text))

    assert parameters
    assert set() == variables & (parameters | locals_)


def _assigned(body: dict[str, Any]) -> set[str]:
    holders = [body, *body.get("Choices", ()), *body.get("Catch", ())]
    return {name for holder in holders for name in holder.get("Assign", {})}


def test_every_variable_has_a_value_from_the_beginning() -> None:
    """A reference to a variable that was never assigned fails."""
    first = _assigned(DEFINITION["States"]["Begin"])

    assert first == {name for body in DEFINITION["States"].values() for name in _assigned(body)}
