"""What moto lacks, one test for each reason of a module in `jobrunner/local`.

Each test states what moto does today. When one fails, moto has closed that gap, and our part may go.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any

import pytest
from moto.ecs.models import EC2ContainerServiceBackend
from moto.events.models import EventPattern, Rule
from moto.events.utils import EventTemplateParser
from moto.logs.models import LogGroup, logs_backends
from moto.logs.utils import EventMessageFilter

from jobrunner.local import streams

REGION, ACCOUNT = "eu-central-1", "111122223333"
MESSAGE = "moto closed this gap: our part may go"


@pytest.fixture
def ecs() -> EC2ContainerServiceBackend:
    """moto's own ECS, with a cluster and a definition (not Fargate's awsvpc: no EC2 is needed)."""
    backend = EC2ContainerServiceBackend(REGION, ACCOUNT)
    backend.create_cluster("c", capacity_providers=["FARGATE", "FARGATE_SPOT"])
    definition = {"name": "main", "image": "i", "memory": 512, "command": ["false"]}
    backend.register_task_definition("f", [definition], cpu="333", memory="1")
    return backend


def run(backend: EC2ContainerServiceBackend, count: int = 1, **members: Any) -> list[Any]:
    """moto's RunTask."""
    settings = {"launch_type": "FARGATE"} | members
    return backend.run_task("c", "f", count, overrides=None, started_by="", tags=None, **settings)


@pytest.fixture
def stream() -> Any:
    """moto's own log stream, not the one that the endpoint puts in its place."""
    return streams._MotoStream(LogGroup(ACCOUNT, REGION, "g"), "s")


def test_tasks_do_not_execute(ecs: EC2ContainerServiceBackend) -> None:
    """A task is RUNNING at once, whatever its command. → engine, task_run, container_run."""
    assert "RUNNING" == run(ecs)[0].last_status, MESSAGE


def test_no_timestamps(ecs: EC2ContainerServiceBackend) -> None:
    """A task has no time of anything, so no bill can be made of it. → task."""
    assert [] == [name for name in vars(run(ecs)[0]) if name.endswith("_at")], MESSAGE


def test_no_client_token() -> None:
    """RunTask is not idempotent. → tokens."""
    assert "client_token" not in inspect.signature(EC2ContainerServiceBackend.run_task).parameters, MESSAGE


def test_count_and_sizes_are_not_checked(ecs: EC2ContainerServiceBackend) -> None:
    """Eleven tasks of an impossible size start. → checks."""
    assert 11 == len(run(ecs, 11)), MESSAGE


def test_strategy_is_not_spread(ecs: EC2ContainerServiceBackend) -> None:
    """Every task gets the first provider, weights and base notwithstanding. → checks.spread."""
    strategy = [{"capacityProvider": name, "weight": 1} for name in ("FARGATE", "FARGATE_SPOT")]
    tasks = run(ecs, 4, launch_type=None, capacity_provider_strategy=strategy)
    assert {"FARGATE"} == {task.capacity_provider_name for task in tasks}, MESSAGE


def test_missing_tasks_are_no_failures(ecs: EC2ContainerServiceBackend) -> None:
    """An unknown task is left out without a word. → ecs_api.describe_tasks."""
    run(ecs)
    assert [] == ecs.describe_tasks("c", ["0" * 32]), MESSAGE


def test_stop_has_no_code(ecs: EC2ContainerServiceBackend) -> None:
    """A stopped task does not say who stopped it. → ecs_api.stop_task, task_run."""
    task = ecs.stop_task("c", run(ecs)[0].task_arn, "because")
    assert (None, None) == (getattr(task, "stop_code", None), getattr(task, "stopped_at", None)), MESSAGE


def test_only_the_first_container(ecs: EC2ContainerServiceBackend) -> None:
    """A task of two containers shows one. → task."""
    definitions = [{"name": name, "image": "i", "memory": 512} for name in ("main", "side")]
    ecs.register_task_definition("f", definitions)
    assert 1 == len(run(ecs)[0].containers), MESSAGE


def test_end_time_is_inclusive(stream: Any) -> None:
    """GetLogEvents includes the event at endTime; AWS excludes it. → log_store."""
    stream.put_log_events([{"timestamp": 5, "message": "m"}])
    assert 1 == len(stream.get_log_events(None, 5, None, None, start_from_head=True)[0]), MESSAGE


def test_pages_have_no_limit_of_bytes(stream: Any) -> None:
    """A page of GetLogEvents may be larger than 1 MB. → log_store."""
    stream.put_log_events([{"timestamp": 5, "message": "x" * 1_000_000}] * 3)
    assert 3 == len(stream.get_log_events(None, None, None, None, start_from_head=True)[0]), MESSAGE


def test_an_object_for_each_event(stream: Any) -> None:
    """Events are objects in a list that is sorted for each page: 11 full pages a second. → log_chunk, streams."""
    stream.put_log_events([{"timestamp": 5, "message": "m"}] * 2)
    assert ["LogEvent"] * 2 == [type(event).__name__ for event in stream.events], MESSAGE


def test_missing_stream_is_called_a_missing_group() -> None:
    """GetLogEvents of a stream that does not exist says that the group does not. → logs_api."""
    with pytest.raises(Exception, match="log group does not exist"):
        LogGroup(ACCOUNT, REGION, "g").get_log_events("s", "", "", 1, None, "")


def test_filter_patterns_with_operators_match_everything() -> None:
    """`?a`, `-a` and JSON patterns select every event. → filter_pattern."""
    assert EventMessageFilter("?never").matches("anything"), MESSAGE


def test_event_without_transformer_loses_the_account() -> None:
    """The default template of a rule's target drops `account`. → rules."""
    event: Any = {"version": "0", "id": "i", "source": "s", "detail-type": "t", "account": ACCOUNT, "time": 0}
    event |= {"region": REGION, "resources": [], "detail": {}, "ingestion-time": 0}
    assert "account" not in EventTemplateParser.parse("", {}, event), MESSAGE


def test_ecs_loads_ec2() -> None:
    """Importing ECS imports EC2's tables, half a second that no task here needs. → moto_state."""
    code = "import sys, moto.ecs.models; print('moto.ec2.models' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "True\n" == done.stdout, MESSAGE


def test_our_way_around_ec2_still_works() -> None:
    """The stand-in for EC2 is enough for moto's ECS: if it is not, the endpoint starts half a second later."""
    code = (
        "import sys; from jobrunner.local import moto_state; moto_state._import_ecs();"
        "print('moto.ec2.models' in sys.modules, hasattr(sys.modules['moto'], 'ec2'));"
        "import moto.ec2; print(len(moto.ec2.ec2_backends['123456789012']['us-east-1'].vpcs))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False False\n1\n" == done.stdout


EVENT: dict[str, Any] = {"detail-type": "t", "source": "s", "detail": {"text": 'a "b"'}, "time": 5.0}


def rule(target: str) -> Any:
    """A rule of moto's with a target."""
    return Rule(
        "r", ACCOUNT, REGION, None, "{}", None, None, "default", None, targets=[{"Id": "1", "Arn": target}]
    )  # fmt: skip


def test_a_rule_has_a_stream_for_each_event_and_asks_no_policy() -> None:
    """Two events are two streams, in a group that no policy is about. → rules."""
    backend = logs_backends[ACCOUNT][REGION]
    backend.create_log_group("rules", {})
    for _ in range(2):
        rule(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:rules").send_to_targets(dict(EVENT), transform_input=False)
    assert (2, {}) == (len(backend.groups["rules"].streams), backend.resource_policies), MESSAGE


def test_a_rule_publishes_to_no_topic() -> None:
    """A topic is no target. → rules."""
    with pytest.raises(NotImplementedError):
        rule(f"arn:aws:sns:{REGION}:{ACCOUNT}:topic").send_to_targets(dict(EVENT), transform_input=False)


@pytest.mark.parametrize("template", ['{"text": <text>}', '"of"\n"two lines"'])
def test_a_transformer_knows_no_text_and_no_lines(template: str) -> None:
    """A value outside of quotes is put in without any, and a template is one JSON value. → input_transformer."""
    with pytest.raises(ValueError, match=r"."):
        EventTemplateParser.parse(template, {"text": "$.detail.text"}, EVENT | {"ingestion-time": 5.0})


def test_patterns_match_as_our_templates_need() -> None:
    """No gap: exact, prefix, anything-but, exists and wildcard are moto's, and nothing of ours replaces them."""
    pattern: dict[str, Any] = {
        "exact": ["a", "b"],
        "prefix": [{"prefix": "jobrunner--"}],
        "but": [{"anything-but": ["x", "y"]}],
        "there": [{"exists": True}],
        "wild": [{"wildcard": '*"notify":"arn"*'}],
    }
    event = {"exact": "b", "prefix": "jobrunner--a--", "but": "z", "there": None, "wild": '{"x":1,"notify":"arn"}'}
    matching = EventPattern.load(json.dumps(pattern))
    assert matching.matches_event(event)
    others = {"exact": "c", "prefix": "jobrunner-a", "but": "y", "wild": '{"notify":"arn2"}'}
    assert {} == {key: value for key, value in others.items() if matching.matches_event({**event, key: value})}
    gone = [{name: value for name, value in event.items() if name != key} for key in event]
    assert [] == [one for one in gone if matching.matches_event(one)]
