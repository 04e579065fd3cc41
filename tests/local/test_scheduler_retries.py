"""What happens when the call of a schedule's target fails, and to the thread that makes the calls."""

from __future__ import annotations

import datetime as dt
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until
from scheduling import TASK, at, exists, schedule, stop

from jobrunner.local import serve
from jobrunner.local.schedule_checks import created
from jobrunner.local.schedule_expression import BEGINNING
from jobrunner.local.schedule_store import ScheduleStore
from jobrunner.local.schedule_targets import Failure, Targets
from jobrunner.local.schedule_ticker import Ticker
from jobrunner.local.wire import ApiError, DropConnectionError, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.schedule_store import Schedule


class Trouble:
    """Fails the first calls of StopTask, one way after the other."""

    def __init__(self, *troubles: Exception | Reply) -> None:
        self.left = list(troubles)

    def __call__(self, request: Request) -> Reply | None:
        if request.operation != "StopTask" or not self.left:
            return None
        trouble = self.left.pop(0)
        if isinstance(trouble, Reply):
            return trouble
        raise trouble


@contextmanager
def troubled(*troubles: Exception | Reply) -> Iterator[tuple[Jobs, Any, str]]:
    """An endpoint with that trouble; jobs, a client of Scheduler, and a task that runs."""
    with serve(interceptors=[Trouble(*troubles)]) as endpoint:
        jobs = Jobs(endpoint.connection)
        yield jobs, client_of(endpoint.connection, "scheduler"), jobs.start(container("sleep", "600"))


def test_a_call_that_fails_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the failure is, with growing pauses and a counted attempt; each failure is logged."""
    with troubled(ApiError("ThrottlingException", "Rate exceeded"), DropConnectionError()) as (jobs, scheduler, arn):
        input_reason = "attempt <aws.scheduler.attempt-number>"
        scheduler.create_schedule(
            **schedule("s", ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=stop(arn, input_reason))
        )
        until(lambda: "attempt 1 failed" in caplog.text)
        assert exists(scheduler, "s")  # it is not complete yet
        assert "attempt 3" == jobs.reach(arn, "STOPPED")["stoppedReason"]
        until(lambda: not exists(scheduler, "s"))
    assert "attempt 1 failed: ThrottlingException: Rate exceeded" in caplog.text
    assert "attempt 2 failed: the connection was closed without an answer" in caplog.text


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(body=b"{}"), None),
        (Reply(body=b'{"__type":"ServerException","message":"later"}', status=500), "ServerException: later"),
        (Reply(body=b"<html>", status=503), "HTTP 503"),
        (Reply(body=b"[]", status=400), "HTTP 400"),
        (None, "nothing answered"),
    ],
)
def test_whatever_answers_is_a_success_or_a_problem(reply: Reply | None, problem: str | None) -> None:
    """An interceptor's answer may be anything."""
    asked: list[Request] = []

    def call(request: Request) -> Reply | None:
        asked.append(request)
        return reply

    made = created(schedule("s"), region="eu-west-1", now=dt.datetime.now(dt.UTC))
    failure = Targets(call).invoke(made, scheduled=dt.datetime.now(dt.UTC), attempt=1)
    assert problem == (None if failure is None else str(failure))
    [request] = asked
    assert ("StopTask", "eu-west-1", "ecs") == (request.operation, request.region, request.service)
    assert {"task": TASK} == request.json()


def test_a_policy_without_retries(caplog: pytest.LogCaptureFixture) -> None:
    """One attempt, and the schedule is complete."""
    with troubled(ApiError("ThrottlingException", "Rate exceeded")) as (jobs, scheduler, arn):
        one_call = stop(arn, "x", RetryPolicy={"MaximumRetryAttempts": 0})
        scheduler.create_schedule(
            **schedule("s", ScheduleExpression=at(0), ActionAfterCompletion="DELETE", Target=one_call)
        )
        until(lambda: not exists(scheduler, "s"))
        assert "given up after attempt 1: ThrottlingException: Rate exceeded" in caplog.text
        assert jobs.reach(arn, "RUNNING")


def test_a_deleted_schedule_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Deleting it ends its retries."""
    with troubled(ApiError("ThrottlingException", "Rate exceeded")) as (jobs, scheduler, arn):
        scheduler.create_schedule(**schedule("s", ScheduleExpression=at(0), Target=stop(arn, "s")))
        until(lambda: "attempt 1 failed" in caplog.text)
        scheduler.delete_schedule(Name="s")
        marker = jobs.start(container("sleep", "600"))
        scheduler.create_schedule(**schedule("marker", ScheduleExpression=at(2), Target=stop(marker, "m")))
        jobs.reach(marker, "STOPPED")
        assert "RUNNING" == jobs.describe(arn)["lastStatus"]


class Counting:
    """Targets that note their calls and never succeed."""

    def __init__(self) -> None:
        self.attempts: list[int] = []

    def invoke(self, schedule: Schedule, *, scheduled: dt.datetime, attempt: int) -> Failure:
        assert schedule.next_fire(BEGINNING) == scheduled
        self.attempts.append(attempt)
        return Failure(code=None, message="trouble", execution_id="0" * 16, body="{}")


def test_a_policy_ends_with_the_age_of_the_event() -> None:
    """Counted from the first attempt: of two seconds, the first pause leaves one, and the second pause is longer."""
    store, targets = ScheduleStore(), Counting()
    asked = schedule("s", ScheduleExpression=at(0), ActionAfterCompletion="DELETE")
    asked["Target"]["RetryPolicy"] = {"MaximumEventAgeInSeconds": 2}
    made = created(asked, region="r", now=dt.datetime.now(dt.UTC))
    store.add(made)
    ticker = Ticker(store, targets, time.time)  # type: ignore[arg-type]  # they are called as the real ones are
    ticker.arm(made, BEGINNING)
    until(lambda: not store.holds(made))
    ticker.close()
    assert [1, 2] == targets.attempts


def scheduler_threads() -> int:
    """How many threads keep time."""
    return sum(thread.name == "scheduler" for thread in threading.enumerate())


def test_the_thread_lives_from_the_first_schedule_to_the_end() -> None:
    """Nobody pays for it before, and a schedule of tomorrow does not hold the end up."""
    before = scheduler_threads()
    with serve() as endpoint:
        scheduler = client_of(endpoint.connection, "scheduler")
        scheduler.list_schedules()
        assert before == scheduler_threads()
        scheduler.create_schedule(**schedule("s", ScheduleExpression=at(86_400)))
        assert before + 1 == scheduler_threads()
    assert before == scheduler_threads()


def test_deleted_schedules_are_not_kept_for_ever() -> None:
    """A run's timeout of a day, deleted after a second, does not stay for the day."""
    store = ScheduleStore()
    ticker = Ticker(store, Counting(), time.time)  # type: ignore[arg-type]  # none is called
    for number in range(1000):
        made = created(schedule(f"s-{number}"), region="r", now=dt.datetime.now(dt.UTC))
        store.add(made)
        ticker.arm(made, BEGINNING)
        store.remove(made.key)
    ticker.close()
    assert len(ticker._due) <= 102
