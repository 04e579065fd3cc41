"""What schedules were due for and did not run, and whose last run has failed: on the AWS in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from remembering import DAY, GROUP, HOUR, MINUTE, NOON, deploy_rule, identity, launch, remember, skipped
from workshop import HOURLY, NIGHTLY

from jobrunner import AwsRefusedError, AwsUnreachableError, JobRunner, Verdict
from jobrunner.core.missed import NO_RULE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from workshop import Workshop

    from jobrunner.core.missed import Attendance
    from jobrunner.ops.missed import Health

ADHOC = "0000000000000009"
UNREACHABLE = AwsUnreachableError("there is no answer", where="logs:FilterLogEvents")
EVERY_SIX = 'image: busybox\nschedule: {cron: "0 */6 * * *"}\njitter: 30m\n'


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """An hourly and a nightly job, applied at noon; the rule is there; a day and ten minutes have passed since."""
    deploy_rule(workshop.aws)
    workshop.write(hourly=HOURLY, nightly=NIGHTLY)
    workshop.apply()
    workshop.aws.clock.sleep((DAY + 10 * MINUTE).total_seconds())
    return workshop


def hours(*numbers: int) -> list[datetime]:
    """Hours after noon."""
    return [NOON + number * HOUR for number in numbers]


def run_id(job: str, time: datetime) -> str:
    """The id of a scheduled run."""
    return f"{job}@{time:%Y-%m-%dT%H:%M:%SZ}"


def ran(workshop: Workshop, job: str, times: Sequence[datetime], exit_code: int = 0) -> None:
    """Let history have runs for these times."""
    notes = [
        launch(run_id(job, time), time + MINUTE, exit_code, number=100 * len(job) + (time - NOON) // HOUR)
        for time in times
    ]
    remember(workshop.runner(), *notes)


def found(workshop: Workshop, *jobs: str, **how: object) -> dict[str, Attendance]:
    """The attendance of each job."""
    return {one.job: one for one in workshop.runner().missed(*jobs, **how)}


def times(attendance: Attendance) -> list[datetime]:
    """What was missed."""
    return [one.due for one in attendance.missed]


# -- missed ----------------------------------------------------------------------------------------------------


def test_fires_without_a_run_are_missed(shop: Workshop) -> None:
    """By job and time, since the schedules were written; a run by hand at that very time is no run of the schedule."""
    ran(shop, "hourly", hours(*range(1, 20)))
    ran(shop, "nightly", [NOON + 14 * HOUR + 30 * MINUTE])
    remember(shop.runner(), launch(identity(ADHOC, "hourly"), NOON + 21 * HOUR, number=9))
    attended = found(shop)
    assert ["hourly", "nightly"] == list(attended)
    assert (24, hours(20, 21, 22, 23, 24)) == (attended["hourly"].fires, times(attended["hourly"]))
    assert (1, []) == (attended["nightly"].fires, times(attended["nightly"]))
    assert ["hourly"] == list(found(shop, "hourly"))
    assert [] == list(found(shop, "unknown"))


def test_a_run_that_another_one_held_back_is_not_missed(shop: Workshop) -> None:
    """Nor is one that failed, or goes on."""
    ran(shop, "hourly", hours(*range(1, 23)), 1)
    remember(shop.runner(), skipped(run_id("hourly", NOON + 23 * HOUR), NOON + 23 * HOUR))
    remember(shop.runner(), launch(run_id("hourly", NOON + DAY), NOON + DAY, over=False, number=7))
    assert [] == times(found(shop, "hourly")["hourly"])


def test_a_time_that_a_backfill_has_made_up_for_is_not_missed(shop: Workshop) -> None:
    """Whoever runs the job for that time makes up for it."""
    ran(shop, "hourly", hours(*range(1, 20)))
    runs = [(20, "backfill"), (21, "manual"), (22, "library")]
    for number, trigger in runs:
        made = identity(f"000000000000000{number - 20}", "hourly", trigger)
        made = type(made)(**{**vars(made), "scheduled_time": NOON + number * HOUR})
        remember(shop.runner(), launch(made, NOON + DAY, number=number))
    assert (24, hours(23, 24)) == ((attended := found(shop, "hourly")["hourly"]).fires, times(attended))


@pytest.mark.parametrize(
    ("how", "missed"),
    [
        ({}, 24),
        ({"grace": 11 * MINUTE}, 23),
        ({"grace": timedelta(), "until": NOON + DAY}, 24),
        ({"until": NOON + 3 * HOUR}, 2),
        ({"since": NOON + 22 * HOUR}, 3),
        ({"since": NOON - DAY}, 24),
    ],
)
def test_the_interval_is_the_last_day_and_the_grace_five_minutes(
    shop: Workshop, how: dict[str, object], missed: int
) -> None:
    """Unless others are asked for."""
    assert missed == len(found(shop, "hourly", **how)["hourly"].missed)


def test_what_was_due_before_a_schedule_was_written_is_not_known(shop: Workshop) -> None:
    """To pause and to resume is to write."""
    shop.runner().pause("hourly")
    assert (False, 0) == ((paused := found(shop)["hourly"]).watched, paused.fires)
    shop.aws.clock.sleep(3 * HOUR.total_seconds())
    resumed = shop.aws.clock.now()
    shop.runner().resume("hourly")
    shop.aws.clock.sleep(2 * HOUR.total_seconds())
    attended = found(shop)["hourly"]
    assert (hours(28, 29), resumed + MINUTE) == (times(attended), attended.since)


def test_a_schedule_that_may_start_late_is_waited_for(shop: Workshop) -> None:
    """For as long as its jitter, beside the grace."""
    shop.write(lax=EVERY_SIX)
    shop.apply()
    shop.aws.clock.sleep((6 * HOUR + 20 * MINUTE).total_seconds())
    assert (0, 1) == (found(shop, "lax")["lax"].fires, found(shop, "lax", grace=timedelta())["lax"].fires)


def test_a_schedule_that_is_deleted_meanwhile_promises_nothing(shop: Workshop) -> None:
    """It is listed no more."""
    schedules = shop.aws.schedules
    body = shop.there("hourly")
    schedules.delete(shop.group, "hourly")
    assert ["nightly"] == list(found(shop))
    schedules.create(body)
    assert ["hourly", "nightly"] == list(found(shop))


def test_the_rule_may_be_younger_than_the_schedules(shop: Workshop) -> None:
    """And its log group may keep less than is asked about; on a local endpoint it is there from the beginning."""
    shop.aws.logs.made[GROUP] = NOON + 20 * HOUR
    assert hours(20, 21, 22, 23, 24) == times(found(shop)["hourly"])
    runner = shop.runner()
    local = replace(runner._ports, connection=replace(runner.connection, endpoint_id="local"))
    [attended] = JobRunner(runner.project, ports=local).missed("hourly")
    assert 24 == len(attended.missed)


def test_without_the_rule_nobody_knows_what_was_missed(shop: Workshop) -> None:
    """But what is known to have run was not; that holds without a log group in the settings, too."""
    del shop.aws.logs.groups[GROUP], shop.aws.events.groups[GROUP]
    ran(shop, "nightly", [NOON + 14 * HOUR + 30 * MINUTE])
    attended = found(shop)
    assert ((NO_RULE,), ()) == (attended["hourly"].unknown, attended["hourly"].missed)
    assert ((), 1) == (attended["nightly"].unknown, attended["nightly"].fires)


def test_without_schedules_nothing_is_due(workshop: Workshop) -> None:
    """Then nobody asks when they were written."""
    deploy_rule(workshop.aws)
    workshop.write(nightly=NIGHTLY)
    assert {} == found(workshop)
    assert "written" not in workshop.aws.schedules.calls


@pytest.mark.parametrize("call", ["names", "get", "written"])
def test_what_cannot_be_asked_is_not_well(shop: Workshop, call: str) -> None:
    """Whoever cannot read the schedules knows nothing of them."""
    error = AwsRefusedError("not authorized", code="AccessDeniedException")
    shop.aws.schedules.fail(call, error)
    with pytest.raises(AwsRefusedError, match="not authorized"):
        found(shop)
    shop.aws.logs.fail("kept_since", error)
    with pytest.raises(AwsRefusedError, match="not authorized"):
        found(shop)
    shop.aws.events.fail("read", UNREACHABLE)
    with pytest.raises(AwsUnreachableError, match="no answer"):
        shop.runner().checkup()


# -- checkup ---------------------------------------------------------------------------------------------------


def checked(workshop: Workshop, *jobs: str, **how: object) -> dict[str, Health]:
    """How each job is."""
    return {one.job: one for one in workshop.runner().checkup(*jobs, **how)}


def well(shop: Workshop) -> None:
    """Let everything have run."""
    ran(shop, "hourly", hours(*range(1, 25)))
    ran(shop, "nightly", [NOON + 14 * HOUR + 30 * MINUTE])


def test_all_is_well(shop: Workshop) -> None:
    """Nothing was missed, and the last runs were successes."""
    well(shop)
    health = checked(shop)
    assert {"hourly": True, "nightly": True} == {job: one.ok for job, one in health.items()}
    last = {
        "run_id": "hourly@2026-01-02T12:00:00Z",
        "verdict": "succeeded",
        "reason": "exit",
        "exit_code": 0,
        "stopped_at": "2026-01-02T12:02:55.000Z",
    }
    assert {
        "job": "hourly",
        "ok": True,
        "since": "2026-01-01T12:10:00.000Z",
        "fires": 24,
        "missed": [],
        "unknown": [],
        "last": last,
    } == health["hourly"].to_json()


def test_a_job_that_has_missed_a_fire_is_not_well(shop: Workshop) -> None:
    """Its runs are named as they would be called."""
    well(shop)
    shop.aws.clock.sleep(HOUR.total_seconds())
    health = checked(shop)
    assert (False, True) == (health["hourly"].ok, health["nightly"].ok)
    assert ["hourly@2026-01-02T13:00:00Z"] == health["hourly"].to_json()["missed"]


def test_a_job_whose_last_run_failed_is_not_well(shop: Workshop) -> None:
    """Until one succeeds, whoever starts it; what runs or was skipped does not count."""
    well(shop)
    failed = identity(ADHOC, "nightly")
    remember(shop.runner(), launch(failed, NOON + 20 * HOUR, 75, number=1))
    remember(shop.runner(), launch(identity("0000000000000008", "nightly"), NOON + 21 * HOUR, over=False, number=2))
    remember(shop.runner(), skipped("nightly@2026-01-02T11:30:00Z", NOON + 23 * HOUR + 30 * MINUTE))
    health = checked(shop)["nightly"]
    assert (False, True, ADHOC, 75) == (
        health.ok,
        health.failed,
        health.to_json()["last"]["run_id"],
        health.to_json()["last"]["exit_code"],
    )
    remember(shop.runner(), launch(identity("0000000000000008", "nightly"), NOON + 21 * HOUR, number=2))
    assert checked(shop)["nightly"].ok


def test_the_failure_of_a_scheduled_job_does_not_grow_old(shop: Workshop) -> None:
    """That of another one does: nobody may ever run it again."""
    well(shop)
    for number, job in enumerate(("nightly", "adhoc", "paused"), start=1):
        failed = identity(f"000000000000000{number}", job)
        remember(shop.runner(), launch(failed, NOON + 15 * HOUR, 1, number=number))
    assert {"adhoc", "hourly", "nightly", "paused"} == checked(shop).keys()
    health = checked(shop, since=NOON + 20 * HOUR)
    assert {"hourly": True, "nightly": False} == {job: one.ok for job, one in health.items()}
    shop.runner().pause("nightly")
    assert {"hourly": True, "nightly": True} == {
        job: one.ok for job, one in checked(shop, since=NOON + 20 * HOUR).items()
    }
    assert {"adhoc": False} == {job: one.ok for job, one in checked(shop, "adhoc", since=NOON + 20 * HOUR).items()}


def test_a_job_that_nobody_knows_has_nothing_to_show(shop: Workshop) -> None:
    """Whoever asked must be told that, if they named it."""
    [health] = checked(shop, "unknown").values()
    assert (None, None, True) == (health.attendance, health.last, health.ok)
    assert (None, None) == (health.to_json()["since"], health.to_json()["last"])


def test_what_is_not_known_is_not_well(shop: Workshop) -> None:
    """Without the rule, fires of long ago may have run or not."""
    del shop.aws.logs.groups[GROUP], shop.aws.events.groups[GROUP]
    health = checked(shop)["hourly"]
    assert (False, False, [NO_RULE]) == (health.ok, health.failed, health.to_json()["unknown"])


def test_as_if_it_were_then(shop: Workshop) -> None:
    """What came later is not looked at."""
    ran(shop, "hourly", hours(1, 2), 1)
    ran(shop, "hourly", hours(*range(3, 25)))
    assert (False, True) == (
        checked(shop, until=NOON + 2 * HOUR + 30 * MINUTE)["hourly"].ok,
        checked(shop)["hourly"].ok,
    )


def test_a_run_that_was_replaced_has_not_failed(shop: Workshop) -> None:
    """`overlap: replace` asked for that; the run before it says how the job is."""
    ran(shop, "nightly", [NOON + 14 * HOUR + 30 * MINUTE])
    replaced = launch(run_id("hourly", NOON + 24 * HOUR), NOON + 24 * HOUR, 143, number=7)
    assert replaced.outcome is not None
    stop = replace(replaced.outcome, verdict=Verdict.STOPPED, reason="replaced")
    remember(shop.runner(), replace(replaced, outcome=stop))
    ran(shop, "hourly", hours(*range(1, 24)))
    [hourly] = shop.runner().checkup("hourly")
    assert (True, run_id("hourly", NOON + 23 * HOUR)) == (hourly.ok, hourly.last and hourly.last.identity.run_id)


# -- telling ---------------------------------------------------------------------------------------------------

TOPIC = "arn:aws:sns:us-east-1:123456789012:told"
TELLING = f"{HOURLY}notify: {{on: [missed, recovery], sns: {TOPIC!r}}}\n"


def told(workshop: Workshop, *, hours_back: float) -> tuple[int, list[str]]:
    """Check, tell in a process of its own, and give how many were new and the ids of all that were told so far."""
    runner = workshop.runner()
    since = workshop.aws.clock.now() - timedelta(hours=hours_back)
    new = runner.tell(runner.checkup("hourly", since=since), since=since)
    runner.close()
    bodies = [message.body for message in workshop.aws.topics.published]
    return new, [line.split()[1] for body in bodies for line in body.splitlines() if line.startswith("run ")]


def test_what_was_missed_and_what_recovered_is_told_once(shop: Workshop) -> None:
    """By whichever process looks first; a recovery of before the interval is nobody's news any more."""
    shop.write(hourly=TELLING)
    ran(shop, "hourly", hours(1, 3, 20, 22), exit_code=75)
    ran(shop, "hourly", [hour for hour in hours(*range(1, 25)) if hour not in hours(1, 3, 20, 22, 24)])
    new, names = told(shop, hours_back=6.5)
    assert (3, {run_id("hourly", hour) for hour in hours(21, 23, 24)}) == (new, set(names))
    assert (0, names) == told(shop, hours_back=6.5)


def test_a_recovery_from_a_failure_before_the_interval_is_told(shop: Workshop) -> None:
    """What failed last night and succeeds this morning."""
    shop.write(hourly=TELLING)
    ran(shop, "hourly", hours(*range(1, 20), 21, 22, 23, 24))
    ran(shop, "hourly", hours(20), exit_code=75)
    assert (1, [run_id("hourly", NOON + 21 * HOUR)]) == told(shop, hours_back=3.5)


def test_who_notifies_nobody_tells_nobody(shop: Workshop) -> None:
    """A job without `notify`."""
    assert (0, []) == told(shop, hours_back=24)
