"""What `notify` makes of a schedule: with a topic for failures, the state machine looks after the run and knows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobrunner.core.parts import Notify
from jobrunner.core.place import Place
from jobrunner.core.schedule_request import cautions, needs_state_machine, schedule_requests
from jobrunner.core.settings import Settings
from jobrunner.core.spec import JobSpec, Network, job_spec

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HOOK = "https://hc-ping.com/s3cret"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:m"
RUN_TASK = "arn:aws:scheduler:::aws-sdk:ecs:runTask"
SETTINGS = Settings(
    project="shop",
    region="eu-west-1",
    cluster="blue",
    network=Network(subnets=("subnet-0123456789abcdef0",), security_groups=("sg-0123456789abcdef0",)),
    execution_role="exec",
    scheduler_role="scheduler",
    schedule_group="g",
    state_machine="m",
    log_group="/g",
    state_dir=Path("unused"),
)


def job(**fields: Any) -> JobSpec:
    """A job that runs at night."""
    return job_spec(**{"name": "etl", "image": "python:3.13-slim", "schedule": {"cron": "30 2 * * *"}, **fields})


def target(spec: JobSpec) -> tuple[str, dict[str, Any]]:
    """What a schedule calls, and with what."""
    place = Place(region="eu-west-1", account="123456789012")
    [request] = schedule_requests(spec, SETTINGS, place, task_definition="family:1")
    return request.body["Target"]["Arn"], json.loads(request.body["Target"]["Input"])


def test_a_topic_for_failures_needs_the_state_machine() -> None:
    """Its executions end with a verdict, on which a rule publishes; the topic stands in their input."""
    spec = job(notify={"sns": TOPIC, "webhook": HOOK})
    arn, document = target(spec)
    assert ("notify", MACHINE, TOPIC) == (needs_state_machine(spec), arn, document["notify"])


@pytest.mark.parametrize("notify", [{"webhook": HOOK}, {"sns": TOPIC, "on": ["missed", "recovery"]}])
def test_what_needs_no_state_machine(notify: dict[str, Any]) -> None:
    """What no rule on a failure tells: the schedule calls RunTask, and knows of nobody."""
    spec = job(notify=notify)
    arn, document = target(spec)
    assert (None, RUN_TASK, False) == (needs_state_machine(spec), arn, "notify" in document)


def test_without_a_topic_there_is_no_key() -> None:
    """So the schedules of all other jobs stay as they are, to the letter."""
    assert "notify" not in target(job(timeout="1h"))[1]
    assert "timeout" == needs_state_machine(job(timeout="1h", notify={"sns": TOPIC}))
    assert TOPIC == target(job(timeout="1h", notify={"sns": TOPIC}))[1]["notify"]


def test_a_webhook_is_in_no_request() -> None:
    """Whoever knows its URL can report in the job's name."""
    spec = job(timeout="1h", notify={"sns": TOPIC, "webhook": HOOK})
    assert "s3cret" not in json.dumps(target(spec)) + repr(spec)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sns": TOPIC}, TOPIC),
        ({"sns": TOPIC, "on": "missed"}, None),
        ({"webhook": HOOK}, None),
    ],
)
def test_which_topic_hears_of_scheduled_runs(fields: dict[str, Any], expected: str | None) -> None:
    """The one that is to hear of failures."""
    assert expected == Notify.model_validate(fields).topic_of_schedules


def test_a_webhook_alone_does_not_reach_scheduled_runs() -> None:
    """That is said once for all such jobs; a topic beside it, no schedule, or no webhook: nothing to say."""
    fields: dict[str, dict[str, Any]] = {
        "b": {"schedule": {"rate": "1h"}, "notify": {"webhook": HOOK}},
        "a": {"schedule": {"rate": "1h"}, "notify": {"webhook": HOOK}},
        "both": {"schedule": {"rate": "1h"}, "notify": {"webhook": HOOK, "sns": TOPIC}},
        "topic": {"schedule": {"rate": "1h"}, "notify": {"sns": TOPIC}},
        "manual": {"notify": {"webhook": HOOK}},
        "nobody": {"schedule": {"rate": "1h"}},
    }
    jobs = {name: job_spec(name=name, image="x", **more) for name, more in fields.items()}
    said = "notify.webhook of a and b is for runs that somebody follows; scheduled runs tell of failures through sns"
    assert ([said], []) == (list(cautions(jobs)), list(cautions({"both": jobs["both"]})))
