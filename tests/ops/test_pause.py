"""Pausing and resuming changes the state of a job's schedules, and nothing else of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from workshop import EITHER, HOURLY, NIGHTLY, actions, noted

from jobrunner import UnknownJobError
from jobrunner.errors import AwsRefusedError, AwsThrottledError

if TYPE_CHECKING:
    from workshop import Workshop

#: The scripted clock begins on 2026-01-01 at 12:00 UTC.
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def states(workshop: Workshop) -> dict[str, str]:
    """The state of every schedule."""
    return {name: workshop.there(name)["State"] for name in workshop.names}


def later(workshop: Workshop, **time: float) -> None:
    """Let the clock go on."""
    workshop.aws.clock.sleep(timedelta(**time).total_seconds())


def without(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Leave out members of a schedule."""
    return {key: value for key, value in body.items() if key not in keys}


def test_every_schedule_of_the_job_is_paused_and_no_other(workshop: Workshop) -> None:
    """Nothing else of them changes, whoever has set it."""
    workshop.write(either=EITHER, nightly=NIGHTLY + "jitter: 10m\n")
    workshop.apply()
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    workshop.change("either", KmsKeyArn=key)
    before = {name: workshop.there(name) for name in workshop.names}
    runner = workshop.runner()
    done = runner.pause("either")
    assert [("either", True, True), ("either.1.2", True, True)] == [(one.name, one.paused, one.changed) for one in done]
    assert {"either": "DISABLED", "either.1.2": "DISABLED", "nightly": "ENABLED"} == states(workshop)
    assert ["schedule_paused", "schedule_paused"] == noted(runner)
    for name, body in before.items():
        assert without(body, "State") == without(workshop.there(name), "State")
    runner.resume("either")
    assert before == {name: workshop.there(name) for name in workshop.names}
    assert ["schedule_resumed", "schedule_resumed"] == noted(runner)[2:]


def test_once_more_changes_nothing(workshop: Workshop) -> None:
    """And writes nothing."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    runner = workshop.runner()
    runner.pause("nightly")
    writes = list(workshop.aws.schedules.writes)
    [done] = runner.pause("nightly")
    assert (True, False, False) == (done.paused, done.changed, done.over)
    assert writes == workshop.aws.schedules.writes


def test_a_pause_lasts_until_the_file_says_otherwise(workshop: Workshop) -> None:
    """A file that says nothing leaves it; one that says `paused:` decides with the next apply."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.runner().pause("nightly")
    assert [("keep", "nightly")] == actions(workshop.runner().plan())
    workshop.write(nightly=NIGHTLY + "paused: false\n")
    workshop.apply()
    assert {"nightly": "ENABLED"} == states(workshop)
    workshop.write(nightly=NIGHTLY + "paused: true\n")
    workshop.apply()
    assert {"nightly": "DISABLED"} == states(workshop)


def test_a_job_that_the_project_has_no_more_can_be_paused(workshop: Workshop) -> None:
    """Its schedules fire until somebody prunes them."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.remove("nightly")
    workshop.runner().pause("nightly")
    assert {"nightly": "DISABLED"} == states(workshop)


@pytest.mark.parametrize("job", ["nothere", "manual", "theirs"])
def test_what_has_no_schedule_of_ours_is_an_error(workshop: Workshop, job: str) -> None:
    """A name that nobody knows, a job that is not applied, and a schedule that somebody else has made."""
    workshop.write(nightly=NIGHTLY, manual="image: busybox\n")
    workshop.apply()
    workshop.aws.schedules.create({**workshop.there("nightly"), "Name": "theirs", "Description": "theirs"})
    runner = workshop.runner()
    with pytest.raises(UnknownJobError) as caught:
        runner.pause(job)
    assert f"the job {job} has no schedules in the group {workshop.group}" == caught.value.what
    assert caught.value.hint is not None
    assert "jobrunner apply" in caught.value.hint
    assert {"ENABLED"} == set(states(workshop).values())


def test_a_job_whose_name_begins_like_another_is_another(workshop: Workshop) -> None:
    """`nightly-2` is not a schedule of `nightly`."""
    workshop.write(nightly=NIGHTLY, nightly_2=HOURLY)
    workshop.apply()
    workshop.runner().pause("nightly")
    assert {"nightly": "DISABLED", "nightly-2": "ENABLED"} == states(workshop)


def test_a_start_that_has_passed_is_not_sent_again(workshop: Workshop) -> None:
    """AWS refuses one of over five minutes ago, and what has begun needs none."""
    workshop.write(nightly=HOURLY.replace('"}', '", start: "2026-01-01T13:00"}'))
    workshop.apply()
    assert "2026-01-01T13:00:00Z" == workshop.there("nightly")["StartDate"]
    workshop.runner().pause("nightly")
    assert "2026-01-01T13:00:00Z" == workshop.there("nightly")["StartDate"]
    later(workshop, hours=2)
    workshop.runner().resume("nightly")
    assert "StartDate" not in workshop.there("nightly")
    assert [("keep", "nightly")] == actions(workshop.runner().plan())


def test_a_rate_keeps_its_rhythm(workshop: Workshop) -> None:
    """It counts from its start: the start that is sent is the next moment of the same rhythm."""
    workshop.write(rated='image: busybox\nschedule: {rate: 8 hours, start: "2026-01-01T13:00"}\n')
    workshop.apply()
    later(workshop, hours=2)
    workshop.runner().pause("rated")
    assert "2026-01-01T21:00:00Z" == workshop.there("rated")["StartDate"]
    assert [("keep", "rated")] == actions(workshop.runner().plan())


def test_what_is_over_is_not_resumed(workshop: Workshop) -> None:
    """AWS might fire a one-off whose time has passed at once, and refuses an end that has passed."""
    workshop.write(
        once='image: busybox\nschedule: {at: "2026-01-01T13:00"}\n',
        ended='image: busybox\nschedule: {rate: 1 hour, end: "2026-01-01T13:00"}\n',
    )
    workshop.apply()
    runner = workshop.runner()
    for job in ("once", "ended"):
        runner.pause(job)
    later(workshop, hours=2)
    writes = list(workshop.aws.schedules.writes)
    for job in ("once", "ended"):
        [done] = runner.resume(job)
        assert (True, False, True) == (done.paused, done.changed, done.over)
    assert {"once": "DISABLED", "ended": "DISABLED"} == states(workshop)
    assert writes == workshop.aws.schedules.writes


def test_an_expression_that_cannot_be_read_can_be_paused(workshop: Workshop) -> None:
    """Somebody has written it by hand, and AWS understands it."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    workshop.change("nightly", ScheduleExpression="cron(0/5 8-17 ? * MON-FRI/2 *)")
    [done] = workshop.runner().pause("nightly")
    assert (True, True, False) == (done.paused, done.changed, done.over)


def test_pausing_is_patient_and_can_be_repeated(workshop: Workshop) -> None:
    """What is throttled is sent again; after a refusal in the middle, a repetition does the rest."""
    workshop.write(either=EITHER)
    workshop.apply()
    runner = workshop.runner()
    refusal = AwsRefusedError("not allowed")
    workshop.aws.schedules.fail("update", AwsThrottledError("Rate exceeded"))
    runner.pause("either")
    assert {"DISABLED"} == set(states(workshop).values())
    workshop.aws.schedules.fail("update", AwsThrottledError("Rate exceeded"), refusal)
    with pytest.raises(AwsRefusedError, match="not allowed"):
        runner.resume("either")
    assert [True, True] == [one.changed for one in runner.resume("either")]
    assert {"ENABLED"} == set(states(workshop).values())


def test_a_change_is_a_json_object(workshop: Workshop) -> None:
    """As `--output json` prints it."""
    workshop.write(nightly=NIGHTLY)
    workshop.apply()
    [done] = workshop.runner().pause("nightly")
    expected = {"name": "nightly", "job": "nightly", "state": "paused", "changed": True, "over": False}
    assert expected == done.to_json()
