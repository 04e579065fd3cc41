"""Reading on in history: the log of events, this machine's own records, and what ECS still lists."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from shelljobs import LIMIT_SECONDS, shell

from jobrunner.aws import open_gateways
from jobrunner.core import local_stage, naming
from jobrunner.core.history import Query, Source
from jobrunner.core.history_notes import ExecutionNote, LaunchNote
from jobrunner.core.outcome import UNREAD, LogReport, Outcome, Verdict
from jobrunner.core.record import RunRecord
from jobrunner.errors import AwsRefusedError, AwsThrottledError, AwsUnreachableError, StoreError
from jobrunner.local import serve
from jobrunner.local.stack import HISTORY
from jobrunner.ops.history import OVERLAP, Synced, sync
from jobrunner.ops.own_records import notes_of_record
from jobrunner.testing import MemoryRuns, TaskScript, stopped_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from jobrunner import JobRunner
    from jobrunner.core.history import Entry
    from jobrunner.ops.ports import Ports
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

DENIED = AwsRefusedError("not authorized", where="logs:FilterLogEvents", code="AccessDeniedException")
UNREACHABLE = AwsUnreachableError("there is no answer", where="logs:FilterLogEvents")
SLOW = AwsThrottledError("slow down", where="logs:FilterLogEvents")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STOPPED = ("RUNNING", "STOPPED")


class Counting:
    """A history that counts its transactions, and may break in one.

    Attributes:
        added: How many notes each transaction brought, and how far the log was read then.
        breaks_after: After so many, the process dies; None for never.
    """

    def __init__(self, history: Any) -> None:
        self._history = history
        self.added: list[tuple[int, str | None, datetime | None]] = []
        self.breaks_after: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)

    def add(self, source: Source, notes: Any, *, group: str | None = None, to: datetime | None = None) -> int:
        """Add notes, unless the process dies."""
        if self.breaks_after is not None and len(self.added) >= self.breaks_after:
            raise KeyboardInterrupt
        self.added.append((len(notes), group, to))
        changed: int = self._history.add(source, notes, group=group, to=to)
        return changed


class Past:
    """A project with its rule, and machines to read its history from."""

    def __init__(self, aws: FakeAws, scripted: Machine) -> None:
        self.aws = aws
        self.make = scripted
        self.settings = scripted().settings
        self.group = self.settings.history_log_group or ""
        self.start = aws.clock.now()

    def deploy(self) -> None:
        """Deploy the rule."""
        self.aws.events.groups.setdefault(self.group, [])

    def task(self, number: int, *, at: datetime | None = None, states: Sequence[str] = STOPPED, **fields: Any) -> str:
        """Let AWS tell of a task of a run; give the run's id."""
        run_id, began = naming.run_id_from(number.to_bytes(10, "big")), at or self.start
        for version, state in enumerate(states, start=1):
            self.write(began + version * MINUTE, run_id, number, state, version, **fields)
        return run_id

    def write(self, at: datetime, run_id: str, number: int, state: str, version: int, **fields: Any) -> None:
        """Let AWS tell of one state of a task, whose container ends after a minute."""
        variables = {"JOBRUNNER_RUN_ID": run_id, "JOBRUNNER_JOB": "etl", "JOBRUNNER_TRIGGER": "manual"}
        over = state == "STOPPED"
        times = {"createdAt": at, "pullStartedAt": at, "startedAt": at} | ({"stoppedAt": at + MINUTE} if over else {})
        detail = {
            "taskArn": self.arn(number),
            "lastStatus": state,
            **{key: time.isoformat() for key, time in times.items()},
            "updatedAt": at.isoformat(),
            "cpu": "256",
            "memory": "512",
            "launchType": "FARGATE",
            "containers": [{"name": "main", "lastStatus": state, **({"exitCode": 0} if over else {})}],
            "group": naming.task_group(project=self.settings.project, stage=self.settings.stage),
            "overrides": {
                "containerOverrides": [
                    {"name": "main", "environment": [{"name": n, "value": v} for n, v in variables.items()]}
                ]
            },
            "version": version,
        }
        event = {"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail | fields}
        self.aws.events.write(self.group, at, event)

    def arn(self, number: int) -> str:
        """Give the ARN of a task."""
        return f"arn:aws:ecs:us-east-1:123456789012:task/jobrunner/{number:032x}"

    def ports(self, name: str = "laptop", **changes: Any) -> Ports:
        """Give the ports of a machine, whose history counts."""
        ports = self.make(name)._ports
        return replace(ports, history=Counting(ports.history), **changes)

    def entries(self, ports: Ports) -> Sequence[Entry]:
        """Give the runs that a machine has in its history."""
        return ports.history.entries(Query(project=self.settings.project, stage=self.settings.stage))

    def record(self, number: int, *, at: datetime | None = None, **changes: Any) -> RunRecord:
        """Give a record of a run that is under way."""
        known: dict[str, Any] = {
            "run_id": naming.run_id_from(number.to_bytes(10, "big")),
            "job": "etl",
            "project": self.settings.project,
            "stage": self.settings.stage,
            "trigger": "manual",
            "created_at": at or self.start,
            "region": "us-east-1",
            "cluster": "jobrunner",
            "task_arn": self.arn(number),
        }
        return RunRecord(**known | changes)


def over(record: RunRecord, **changes: Any) -> RunRecord:
    """The record of a run that has succeeded, whose log was read."""
    known: dict[str, Any] = {
        "run_id": record.run_id,
        "job": record.job,
        "attempt": record.attempt,
        "verdict": Verdict.SUCCEEDED,
        "reason": "exit",
        "exit_code": 0,
        "detail": "exit code 0",
        "task_arn": record.task_arn,
        "created_at": record.created_at,
        "stopped_at": record.created_at + MINUTE,
        "billed_seconds": 60,
        "logs": LogReport(complete=True, events=3),
    }
    outcome = Outcome(**known | changes)
    seen = None if outcome.task_arn is None else stopped_task(task_arn=outcome.task_arn)
    return record.with_ended(seen).with_outcome(outcome)


@pytest.fixture
def past(aws: FakeAws, scripted: Machine) -> Past:
    """A project on the AWS in memory."""
    return Past(aws, scripted)


def test_a_task_of_windows_is_billed_as_one(past: Past) -> None:
    """Events do not name the system: that of somebody else's task definition is asked for, once."""
    windows = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}
    registered = past.aws.definitions.register(
        {"family": "theirs", "containerDefinitions": [{"name": "main"}], "runtimePlatform": windows}
    )
    past.task(1, taskDefinitionArn=registered.arn)
    past.task(2, taskDefinitionArn=registered.arn)
    past.task(3, taskDefinitionArn=registered.arn.replace("theirs", "jobrunner-shop-etl"))
    past.deploy()
    ports = past.ports()
    past.aws.clock.sleep(DAY.total_seconds())
    sync(ports, past.settings)
    assert [60, 300, 300] == sorted(one.outcome.billed_seconds for one in past.entries(ports) if one.outcome)
    assert 1 == past.aws.definitions.calls.count("describe")


def test_who_may_not_read_task_definitions_may_read_history(past: Past) -> None:
    """What is not told is Linux, as nearly every task is."""
    past.task(1, taskDefinitionArn="arn:aws:ecs:us-east-1:123456789012:task-definition/theirs:1")
    past.deploy()
    past.aws.definitions.fail("describe", DENIED)
    past.aws.clock.sleep(DAY.total_seconds())
    assert (None, 2) == ((found := sync(past.ports(), past.settings)).trouble, found.events)


# -- the log of events -----------------------------------------------------------------------------------------


def test_what_aws_has_told(past: Past) -> None:
    """Page by page, also over empty pages; each is one transaction, which says how far it read."""
    runs = [past.task(number, at=past.start + number * HOUR) for number in range(3)]
    past.aws.events.page_size, past.aws.events.empty_pages = 4, True
    past.aws.clock.sleep(DAY.total_seconds())
    ports, told = past.ports(), list[int]()
    synced = sync(ports, past.settings, progress=told.append)
    assert Synced(events=6, changed=4, rule=True, unreadable=0, trouble=None) == replace(synced, changed=4)
    assert [0, 4, 4, 6] == told
    assert list(reversed(runs)) == [entry.identity.run_id for entry in past.entries(ports)]
    assert [Verdict.SUCCEEDED] * 3 == [one.outcome and one.outcome.verdict for one in past.entries(ports)]
    assert [(4, past.group, past.start + HOUR + 2 * MINUTE), (2, past.group, past.start + 2 * HOUR + 2 * MINUTE)] == (
        ports.history.added
    )


def test_a_second_sync_reads_the_last_hour(past: Past) -> None:
    """One call, and nothing changes; what was delivered late within that hour is still found."""
    past.task(1)
    past.task(2, at=past.start + 3 * HOUR)
    past.aws.clock.sleep(DAY.total_seconds())
    ports = past.ports()
    first = sync(ports, past.settings)
    past.aws.events.calls.clear()
    second = sync(ports, past.settings)
    assert (4, Synced(events=2, changed=0, rule=True, unreadable=0, trouble=None)) == (first.events, second)
    assert (["read"], []) == (past.aws.events.calls, past.aws.tasks.calls)
    past.task(3, at=past.start + 3 * HOUR - OVERLAP + MINUTE)
    assert (1, 3) == (sync(ports, past.settings).changed, len(past.entries(ports)))


def test_events_in_any_order_and_twice(past: Past) -> None:
    """Deliveries are at least once, and in no order: the same runs come of them."""
    ports, run_id = past.ports(), past.task(1, states=("STOPPED",))
    past.aws.clock.sleep(DAY.total_seconds())
    sync(ports, past.settings)
    past.write(past.start + 2 * MINUTE, run_id, 1, "RUNNING", 0)
    past.write(past.start + MINUTE, run_id, 1, "STOPPED", 1)
    before = past.entries(ports)
    assert 0 == sync(ports, past.settings).changed
    assert before == past.entries(ports)
    assert [Verdict.SUCCEEDED] == [one.outcome and one.outcome.verdict for one in before]


def test_an_interrupted_sync_goes_on_where_it_was(past: Past) -> None:
    """What the pages before have told is kept; they are not read again."""
    for number in range(6):
        past.task(number, at=past.start + number * DAY)
    past.aws.events.page_size = 2
    past.aws.clock.sleep(10 * DAY.total_seconds())
    ports = past.ports()
    ports.history.breaks_after = 4
    with pytest.raises(KeyboardInterrupt):
        sync(ports, past.settings)
    assert 4 == len(past.entries(ports))
    ports.history.breaks_after = None
    assert (6, 6) == (sync(ports, past.settings).events, len(past.entries(ports)))


def test_two_machines_read_the_same(past: Past) -> None:
    """History is AWS's: a machine that has started nothing knows all of it."""
    past.task(1)
    ports = [past.ports(name) for name in ("laptop", "server")]
    for one in ports:
        sync(one, past.settings)
    assert past.entries(ports[0]) == past.entries(ports[1])
    assert 1 == len(past.entries(ports[1]))


def test_what_cannot_be_read_is_counted(past: Past) -> None:
    """A log group is written to by whoever may; the events beside it are read."""
    past.task(1)
    past.aws.events.write(past.group, past.start, "no JSON", {"source": "me"})
    ports = past.ports()
    synced = sync(ports, past.settings)
    assert (2, 2, 1) == (synced.events, synced.unreadable, len(past.entries(ports)))


def test_other_projects_events_are_passed_over_for_good(past: Past) -> None:
    """They are not kept, but how far the log was read is."""
    past.task(1, group=naming.task_group(project="other", stage=None))
    past.aws.clock.sleep(DAY.total_seconds())
    ports = past.ports()
    assert (2, 0) == (sync(ports, past.settings).events, len(past.entries(ports)))
    assert [(0, past.group, past.start + 2 * MINUTE)] == ports.history.added
    ports.history.added.clear()
    assert (2, []) == (sync(ports, past.settings).events, ports.history.added)


def test_an_event_of_the_future_does_not_hide_the_present(past: Past) -> None:
    """CloudWatch Logs takes events of up to two hours in the future; the log is read no further than now."""
    past.task(1, at=past.start + 2 * HOUR)
    ports = past.ports()
    sync(ports, past.settings)
    past.task(2)
    sync(ports, past.settings)
    assert 2 == len(past.entries(ports))


def test_a_throttled_read_is_repeated(past: Past) -> None:
    """Patiently, as every call that can be made twice."""
    past.task(1)
    past.aws.events.fail("read", *[SLOW] * 3)
    synced = sync(past.ports(), past.settings)
    assert (2, None) == (synced.events, synced.trouble)


@pytest.mark.parametrize("error", [UNREACHABLE, SLOW], ids=["unreachable", "throttled"])
def test_aws_does_not_answer(past: Past, error: Any) -> None:
    """That is told, and is no exception; the machine's own records are taken, and nobody else is asked."""
    past.task(1)
    ports = past.ports()
    ports.runs.add(over(past.record(7)))
    past.aws.events.fail("read", *[error] * 6)
    synced = sync(ports, past.settings)
    assert (error, 0, True, 1) == (synced.trouble, synced.events, synced.rule, len(past.entries(ports)))
    assert [] == past.aws.tasks.calls


def test_the_log_may_not_be_read(past: Past) -> None:
    """Then ECS is asked, as without a rule; that the log was refused is told."""
    past.deploy()
    run = past.make().run(shell("exit 0"))
    past.aws.events.fail("read", DENIED)
    ports = past.ports("server")
    synced = sync(ports, past.settings)
    assert (DENIED, [run.run_id]) == (synced.trouble, [one.identity.run_id for one in past.entries(ports)])


def test_the_store_of_history_fails(past: Past) -> None:
    """That is the caller's to tell."""
    ports = past.ports(runs=MemoryRuns())
    ports.runs.fail("begun_since", StoreError("the disk is full"))  # type: ignore[attr-defined]  # it is the fake
    with pytest.raises(StoreError, match="full"):
        sync(ports, past.settings)


# -- what ECS lists --------------------------------------------------------------------------------------------


def test_without_the_rule_ecs_is_asked(past: Past, aws: FakeAws) -> None:
    """It lists what it still knows of the project's; what is over is not described again."""
    run = past.make().run(shell("exit 0"))
    past.make().start(shell("sleep 600"))
    ports = past.ports("server")
    synced = sync(ports, past.settings)
    assert (0, 2, False, None) == (synced.events, synced.changed, synced.rule, synced.trouble)
    ended = {one.identity.run_id: one.outcome for one in past.entries(ports)}
    assert run == replace(ended[run.run_id] or run, logs=run.logs)
    aws.tasks.calls.clear()
    assert (0, ["find", "describe"]) == (sync(ports, past.settings).changed, aws.tasks.calls)


def test_a_run_that_goes_on_is_seen_to_go_on(past: Past, aws: FakeAws) -> None:
    """Of what ECS says at two times, the later state counts, and then the end."""
    aws.script(TaskScript(startup=20.0, runs=60.0))
    past.make().start(shell("sleep 60"))
    ports, states = past.ports("server"), list[tuple[str | None, Verdict | None]]()
    for _ in range(3):
        sync(ports, past.settings)
        (entry,) = past.entries(ports)
        task = entry.launches[-1].task
        states.append((task and task.last_status, entry.outcome and entry.outcome.verdict))
        aws.clock.sleep(50.0)
    assert [("PROVISIONING", None), ("RUNNING", None), ("STOPPED", Verdict.SUCCEEDED)] == states


def test_with_the_rule_ecs_is_asked_only_for_what_runs(past: Past, aws: FakeAws) -> None:
    """And only if somebody wants to know of this moment."""
    past.deploy()
    past.make().run(shell("exit 0"))
    past.make().start(shell("sleep 600"))
    ports = past.ports("server")
    aws.tasks.calls.clear()
    assert ((), []) == (tuple(sync(ports, past.settings) and past.entries(ports)), aws.tasks.calls)
    sync(ports, past.settings, running=True)
    assert [None] == [one.outcome for one in past.entries(ports)]


def test_many_tasks_are_described_a_hundred_at_a_time(past: Past, aws: FakeAws) -> None:
    """DescribeTasks takes no more."""
    runner = past.make()
    for _ in range(101):
        runner.start(shell("exit 0"))
    aws.tasks.calls.clear()
    ports = past.ports("server")
    assert 101 == sync(ports, past.settings).changed
    assert ["find", "describe", "describe"] == aws.tasks.calls


def test_ecs_refuses(past: Past, aws: FakeAws) -> None:
    """What the log said of that before is told first."""
    aws.tasks.fail("find", DENIED)
    assert DENIED is sync(past.ports(), past.settings).trouble
    past.deploy()
    refused = AwsRefusedError("no", where="ecs:ListTasks")
    aws.events.fail("read", DENIED)
    aws.tasks.fail("find", refused)
    assert DENIED is sync(past.ports(), past.settings).trouble


def test_settings_without_a_log_group(past: Past) -> None:
    """Then there is no rule."""
    assert not sync(past.ports(), replace(past.settings, history_log_group=None)).rule


# -- this machine's own records --------------------------------------------------------------------------------


def test_a_record_knows_of_the_log(past: Past) -> None:
    """What this machine has read of a run's log goes before what AWS says of its end, in whatever order they come."""
    past.task(1)
    for first in ("record", "log"):
        ports = past.ports(first, runs=MemoryRuns())
        if first == "log":
            sync(ports, past.settings)
        ports.runs.add(over(past.record(1)))
        sync(ports, past.settings)
        (entry,) = past.entries(ports)
        assert LogReport(complete=True, events=3) == (entry.outcome and entry.outcome.logs)


def test_nothing_new_costs_nothing(past: Past) -> None:
    """However many records there are: those that are over are not read again, and nothing is written."""
    past.deploy()
    ports = past.ports()
    for number in range(1200):
        ports.runs.add(over(past.record(number, at=past.start + number * MINUTE)))
    past.aws.clock.sleep(2 * DAY.total_seconds())
    assert 1200 == sync(ports, past.settings).changed
    ports.history.added.clear()
    since = ports.history.read_to(
        Source.at(ports.connection, project=past.settings.project, stage=past.settings.stage), "records of this machine"
    )
    left = ports.runs.begun_since(since, project=past.settings.project, stage=past.settings.stage)
    assert (0, []) == (sync(ports, past.settings).changed, ports.history.added)
    assert [] == list(left)


def test_a_run_that_ends_late_is_not_missed(past: Past) -> None:
    """A record that may still change is read again, however many there are after it."""
    past.deploy()
    ports = past.ports()
    early = past.record(1)
    ports.runs.add(early)
    ports.runs.add(over(past.record(2, at=past.start + DAY)))
    past.aws.clock.sleep(2 * DAY.total_seconds())
    sync(ports, past.settings)
    ports.runs.save(over(early, stopped_at=past.start + 2 * DAY))
    assert 1 == sync(ports, past.settings).changed
    assert [Verdict.SUCCEEDED] * 2 == [one.outcome and one.outcome.verdict for one in past.entries(ports)]
    ports.history.added.clear()
    assert (0, []) == (sync(ports, past.settings).changed, ports.history.added)


def test_a_run_that_aws_has_seen_end_is_awaited_for_its_log(past: Past) -> None:
    """Whoever follows it still reads; after an hour nobody does, and the record holds up no other."""
    past.task(1)
    ports = past.ports()
    ports.runs.add(past.record(1))
    past.aws.clock.sleep(10 * MINUTE.total_seconds())
    sync(ports, past.settings)
    ports.runs.save(over(past.record(1)))
    past.aws.clock.sleep(2 * HOUR.total_seconds())
    sync(ports, past.settings)
    (entry,) = past.entries(ports)
    assert 3 == (entry.outcome and entry.outcome.logs.events)


def test_a_record_that_nobody_follows_any_more(past: Past) -> None:
    """A month after its beginning it is left; it would be read for ever."""
    past.deploy()
    ports = past.ports()
    ports.runs.add(past.record(1))
    sync(ports, past.settings)
    past.aws.clock.sleep(31 * DAY.total_seconds())
    sync(ports, past.settings)
    ports.history.added.clear()
    assert ((0, []), [None]) == (
        (sync(ports, past.settings).changed, ports.history.added),
        [one.outcome for one in past.entries(ports)],
    )


def test_records_of_one_moment_are_all_read(past: Past) -> None:
    """A backfill stores thousands at once; a sync that is interrupted among them misses none."""
    past.deploy()
    ports = past.ports()
    ports.runs.add_all([over(past.record(number)) for number in range(1100)])
    past.aws.clock.sleep(DAY.total_seconds())
    ports.history.breaks_after = 1
    with pytest.raises(KeyboardInterrupt):
        sync(ports, past.settings)
    ports.history.breaks_after = None
    sync(ports, past.settings)
    assert 1100 == len(past.entries(ports))


def test_records_of_elsewhere_are_left_alone(past: Past) -> None:
    """Another project's, another stage's, another region's or endpoint's are no history of this one."""
    past.deploy()
    ports = past.ports()
    ports.runs.add(over(past.record(1, project="other")))
    ports.runs.add(over(past.record(2, stage="other")))
    ports.runs.add(over(past.record(3, region="eu-west-1")))
    ports.runs.add(over(past.record(4, endpoint_url="http://127.0.0.1:1", endpoint_id="gone")))
    assert (0, []) == (sync(ports, past.settings).changed, list(past.entries(ports)))


def test_local_endpoints_that_have_ended_are_part_of_the_local_stage(past: Past) -> None:
    """Each is a source of its own, and each new one takes up where the last one was."""
    past.deploy()
    ports = past.ports()
    here = replace(ports.connection, endpoint_url="http://127.0.0.1:2", endpoint_id="two")
    ports.runs.add(over(past.record(1, endpoint_url="http://127.0.0.1:1", endpoint_id="one")))
    ports.runs.add(past.record(2, endpoint_url="http://127.0.0.1:1", endpoint_id="one"))
    ports.runs.add(over(past.record(3, endpoint_url="http://127.0.0.1:2", endpoint_id="two")))
    past.aws.clock.sleep(2 * DAY.total_seconds())
    assert 3 == sync(replace(ports, connection=here), past.settings).changed
    assert {"one", "two"} == {one.source.endpoint_id for one in past.entries(ports)}
    ports.history.added.clear()
    new = replace(ports.connection, endpoint_url="http://127.0.0.1:3", endpoint_id="three")
    assert (0, []) == (sync(replace(ports, connection=new), past.settings).changed, ports.history.added)


def test_the_notes_of_a_record(past: Past) -> None:
    """One for each launch that made a task, with its own bill and log, and one of an end without a task."""
    first = over(past.record(1), verdict=Verdict.FAILED, exit_code=75).outcome
    assert first is not None
    spot = stopped_task(task_arn=past.arn(2), capacity_provider="FARGATE_SPOT")
    record = over(
        past.record(1, attempt=2, task_arn=past.arn(2), earlier=(first,)),
        capacity="spot",
        billed_seconds=170,
        logs=LogReport(complete=True, events=5),
        earlier=(first,),
    ).with_ended(spot)
    one, two = notes_of_record(record, past.make()._ports.prices)
    assert isinstance(one, LaunchNote)
    assert isinstance(two, LaunchNote)
    assert [(1, past.arn(1), 60, 3, None), (2, past.arn(2), 110, 2, spot)] == [
        (note.attempt, note.task_arn, note.outcome.billed_seconds, note.outcome.logs.events, note.task)
        for note in (one, two)
        if note.outcome is not None
    ]
    assert [True, False] == [note.on_demand_usd is None for note in (one, two)]
    assert [] == notes_of_record(past.record(1, task_arn=None), past.make()._ports.prices)


def test_a_run_that_was_never_placed(past: Past) -> None:
    """It has a launch without a task; of a scheduled run it is the end that its execution told."""
    ended: dict[str, Any] = {"verdict": Verdict.NEVER_STARTED, "task_arn": None, "created_at": None, "stopped_at": None}
    (manual,) = notes_of_record(over(past.record(1, task_arn=None), **ended), past.make()._ports.prices)
    assert isinstance(manual, LaunchNote)
    assert (None, past.start, Verdict.NEVER_STARTED) == (
        manual.task_arn,
        manual.at,
        manual.outcome and manual.outcome.verdict,
    )
    first = over(past.record(1)).outcome
    assert first is not None
    record = past.record(1, run_id="etl@2026-01-01T12:00:00Z", task_arn=None, earlier=(first,))
    launch, execution = notes_of_record(over(record, earlier=(first,), **ended), past.make()._ports.prices)
    assert isinstance(launch, LaunchNote)
    assert isinstance(execution, ExecutionNote)
    assert (False, Verdict.NEVER_STARTED) == (execution.running, execution.end and execution.end.verdict)
    assert first.stopped_at is not None
    assert execution.at > first.stopped_at


# -- at an endpoint --------------------------------------------------------------------------------------------


def test_the_local_endpoints_rule(machine: Machine, tmp_path: Path) -> None:
    """Another machine, without a record of the run, knows its end and its bill from the log of events alone.

    And keeps what it knows when the rule has gone; the endpoints of one process share it.
    """
    with serve(workdir=tmp_path, history=True) as endpoint:
        run = machine("laptop", connection=endpoint.connection).run(shell("exit 3"))
        server = machine("server", connection=endpoint.connection)
        ports, settings = server._ports, server.settings
        limit = time.monotonic() + LIMIT_SECONDS
        found: Sequence[Entry] = ()
        while not found or found[0].outcome is None:
            assert time.monotonic() < limit
            synced = sync(ports, settings)
            assert (True, 0, None) == (synced.rule, synced.unreadable, synced.trouble)
            found = ports.history.entries(Query(project=settings.project, stage=settings.stage))
        with closing(open_gateways(endpoint.connection)) as gateways:
            gateways.clients.client("cloudformation").delete_stack(StackName=HISTORY)
            # A stack leaves its log group, which holds what cannot be made again.
            gateways.clients.logs().delete_log_group(logGroupName=local_stage.HISTORY_LOG_GROUP)
        assert not sync(ports, settings).rule
    assert found[0].outcome == replace(run, logs=UNREAD)
    assert found == ports.history.entries(Query(project=settings.project, stage=settings.stage))
