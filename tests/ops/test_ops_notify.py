"""Telling somebody how runs go: whom, of what, once, and never at the run's expense."""

from __future__ import annotations

import json
import threading
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from deliveries import RUN_ID, attempt, deliver
from shelljobs import shell, until

from jobrunner import (
    AwsRefusedError,
    AwsThrottledError,
    AwsUnreachableError,
    Outcome,
    RunOptions,
    SpecError,
    StoreError,
)
from jobrunner.aws.connection import open_clients
from jobrunner.core.history import Entry, Query, Source
from jobrunner.core.history_notes import Identity, LaunchNote
from jobrunner.core.missed import Missed
from jobrunner.core.notice import Ping, Undelivered
from jobrunner.core.outcome import Verdict
from jobrunner.ops.clock import SystemClock
from jobrunner.ops.deliver import LANES
from jobrunner.ops.notify import Telling
from jobrunner.testing import Line, MemoryAudit, MemoryTold, TaskScript

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobrunner import JobRunner, JobSpec
    from jobrunner.local.endpoint import Endpoint
    from jobrunner.testing import FakeAws

    Machine = Callable[..., JobRunner]

HOOK = "https://hc-ping.com/s3cret"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
EVERYTHING = {"on": ["failure", "recovery", "missed"], "sns": TOPIC, "webhook": HOOK}
FAILS = TaskScript(exit_codes={"main": 3}, lines=(Line(message="about to fail"),))
WORKS = TaskScript()
DOWN = Undelivered(why="it answered 503", passing=True)
GONE = Undelivered(why="it answered 404", passing=False)


def job(notify: dict[str, Any] | None = None, **fields: Any) -> JobSpec:
    """A job that tells somebody, everything by default."""
    return shell("true", notify=notify or EVERYTHING, **fields)


def signals(aws: FakeAws) -> list[str]:
    """What the webhook has been told, as the part of the URL that says it."""
    return [ping.url.removeprefix(HOOK).partition("?")[0] for ping in aws.webhooks.posted]


def events(aws: FakeAws) -> list[str]:
    """What the topic has been told."""
    return [message.attributes["event"] for message in aws.topics.published]


def noted(runner: JobRunner) -> list[dict[str, Any]]:
    """What the audit trail says of it."""
    audit = runner._ports.audit
    assert isinstance(audit, MemoryAudit)
    return [fields for action, fields in audit.records if action == "notification_sent"]


# -- runs ------------------------------------------------------------------------------------------------------


def test_every_run_is_pinged(scripted: Machine, aws: FakeAws) -> None:
    """At its start and at its end, with the end of its log; of a success, a topic hears nothing."""
    aws.script(TaskScript(lines=(Line(message="worked"),)))
    outcome = scripted().run(job())
    assert (["/start", ""], []) == (signals(aws), events(aws))
    start, end = aws.webhooks.posted
    assert start.url.partition("?")[2] == end.url.partition("?")[2]
    assert (True, True) == (str(outcome.task_arn) in start.body, end.body.endswith("\n\nworked"))


def test_a_failure_is_told_to_all(scripted: Machine, aws: FakeAws) -> None:
    """The webhook gets the exit code and the end of the log, the topic what `on` names."""
    aws.script(FAILS)
    outcome = scripted().run(job())
    assert (["/start", "/3"], ["failure"]) == (signals(aws), events(aws))
    assert aws.webhooks.posted[1].body.endswith("\n\nabout to fail")
    assert f"jobrunner explain {outcome.run_id}" in aws.topics.published[0].body


@pytest.mark.parametrize(
    ("notify", "expected"),
    [
        ({"sns": TOPIC, "on": "missed"}, ([], [])),
        ({"sns": TOPIC}, ([], ["failure"])),
        ({"webhook": HOOK, "on": "missed"}, (["/start", "/3"], [])),
    ],
)
def test_who_is_told_of_what(
    scripted: Machine, aws: FakeAws, notify: dict[str, Any], expected: tuple[list[str], list[str]]
) -> None:
    """A topic of what `on` names; a webhook of every run."""
    aws.script(FAILS)
    scripted().run(job(notify))
    assert expected == (signals(aws), events(aws))


def test_a_job_that_tells_nobody(scripted: Machine, aws: FakeAws) -> None:
    """Nothing is claimed for it."""
    runner = scripted()
    runner.run(shell("true"))
    assert ([], [], {}) == (signals(aws), events(aws), runner._ports.told.claimed)  # type: ignore[attr-defined]


def test_a_recovery_is_told_once(scripted: Machine, aws: FakeAws) -> None:
    """The success after a failure; the next success is none any more, nor is one after a stop on purpose."""
    runner = scripted()
    aws.script(WORKS, FAILS, WORKS, WORKS)
    for _ in range(4):
        runner.run(job())
        aws.clock.sleep(1)
    assert ["failure", "recovery"] == events(aws)
    stopped = runner.start(job())
    stopped.stop()
    stopped.wait()
    runner.run(job())
    assert ["failure", "recovery"] == events(aws)


def test_a_failure_that_only_history_knows(scripted: Machine, aws: FakeAws) -> None:
    """Of a scheduled run for instance; one of another endpoint is another's."""
    runner = scripted()
    failure = entry(1, Verdict.FAILED)
    outcome = replace(failure.outcome, stopped_at=failure.at) if failure.outcome else None
    note = LaunchNote(
        identity=failure.identity, attempt=1, at=failure.at, main="main", task=None, outcome=outcome, version=1
    )
    project = runner.settings.project
    here = Source.at(runner.connection, project=project, stage=runner.settings.stage)
    runner._ports.history.add(replace(here, endpoint_id="another"), [note])
    runner.run(job())
    assert [] == events(aws)
    aws.clock.sleep(1)
    again = replace(note, identity=replace(note.identity, run_id="job@2026-01-01T01:00:00Z"), at=aws.clock.now())
    runner._ports.history.add(here, [replace(again, outcome=outcome and replace(outcome, stopped_at=again.at))])
    aws.clock.sleep(1)
    runner.run(job())
    assert ["recovery"] == events(aws)


def test_a_history_that_cannot_be_read(scripted: Machine, aws: FakeAws) -> None:
    """Then it is not known whether a success is a recovery; that is said, and the run has succeeded."""

    class Unreadable:
        def entries(self, query: Query) -> None:
            raise StoreError(f"history of {query.job} cannot be read")

    runner = scripted()
    ports = type(runner._ports)(**{**vars(runner._ports), "history": Unreadable()})
    tells = Telling(ports, runner.settings, lambda _: job().notify, threaded=False)
    run = a_run(runner)
    tells.ended(run.record, run.outcome)
    assert ([""], []) == (signals(aws), events(aws))
    assert ["somebody was not told: history of job cannot be read"] == list(tells.troubles)


def test_runs_at_the_same_time_are_no_recovery(scripted: Machine, aws: FakeAws) -> None:
    """Only a run that was over when this one began can have been recovered from."""
    aws.script(FAILS, WORKS)
    scripted().map(job(), [RunOptions()] * 2).wait()
    assert ["failure"] == events(aws)


def test_a_failure_of_another_job_is_not_recovered_from(scripted: Machine, aws: FakeAws) -> None:
    """Nor is one of the same job elsewhere."""
    runner = scripted()
    aws.script(FAILS, WORKS)
    runner.run(job(name="other"))
    runner.run(job())
    assert ["failure"] == events(aws)


def test_a_run_that_somebody_stops(scripted: Machine, aws: FakeAws) -> None:
    """Its start needs an end, which is no success; a topic is not told what somebody knows."""
    run = scripted().start(job())
    aws.clock.sleep(1)
    run.stop("jobrunner: stopped: enough")
    run.wait()
    assert (["/start", "/143"], []) == (signals(aws), events(aws))


def test_attempts_are_one_run(scripted: Machine, aws: FakeAws) -> None:
    """It starts once and ends once."""
    aws.script(FAILS, FAILS, WORKS)
    scripted().run(job(retries={"attempts": 3, "backoff": "0s"}))
    assert (["/start", ""], []) == (signals(aws), events(aws))


def test_a_run_that_never_starts(scripted: Machine, aws: FakeAws) -> None:
    """It has no start, and an end; a refusal is raised as ever."""
    aws.tasks.fail("run", AwsRefusedError("no", where="ecs:RunTask", code="AccessDeniedException"))
    with pytest.raises(AwsRefusedError):
        scripted().start(job())
    assert (["/fail"], ["failure"]) == (signals(aws), events(aws))


def test_a_key_that_runs_again_tells_again(scripted: Machine, aws: FakeAws) -> None:
    """What never began may begin later, by the same id; what is over is not told again."""
    runner = scripted()
    aws.tasks.fail("run", AwsRefusedError("no", where="ecs:RunTask", code="AccessDeniedException"))
    with pytest.raises(AwsRefusedError):
        runner.start(job(), key="k")
    aws.clock.sleep(1)
    runner.run(job(), key="k")
    runner.run(job(), key="k")
    assert ["/fail", "/start", ""] == signals(aws)


def test_who_attaches_tells_nothing_twice(scripted: Machine, aws: FakeAws) -> None:
    """Two processes of a machine follow one run to its end; and to look at it later tells nothing."""
    aws.script(FAILS)
    first, second = scripted(), scripted()
    run = first.start(job())
    second._inline["job"] = job()
    attached = second.attach(run.run_id)
    attached.wait()
    run.wait()
    second.attach(run.run_id).wait()
    assert (["/start", "/3"], ["failure"]) == (signals(aws), events(aws))


def test_a_run_that_was_left_is_told_by_who_attaches(scripted: Machine, aws: FakeAws, project: Path) -> None:
    """Its job's file says whom, also where no job was loaded."""
    (project / "jobs" / "job.yaml").write_text(f"image: busybox\nnotify: {{webhook: '{HOOK}'}}\n")
    run_id = scripted().start("job").run_id
    assert ["/start"] == signals(aws)
    scripted().attach(run_id).wait()
    assert ["/start", ""] == signals(aws)


def test_a_run_whose_job_has_gone(scripted: Machine, aws: FakeAws) -> None:
    """Then there is nobody to tell, which is no trouble."""
    run_id = scripted().start(job()).run_id
    later = scripted()
    later.attach(run_id).wait()
    assert (["/start"], []) == (signals(aws), list(later.untold))


def test_many_runs_are_pinged_each(scripted: Machine, aws: FakeAws) -> None:
    """In the order of what happens to each; one that a key has brought to its end before is not told again."""
    aws.script(FAILS, WORKS)
    runner, options = scripted(), [RunOptions(key="a"), RunOptions(key="b")]
    runner.map(job(), options).wait()
    scripted().map(job(), options).wait()
    assert ({"/start": 2, "": 1, "/3": 1}, ["failure"]) == (
        {one: signals(aws).count(one) for one in signals(aws)},
        events(aws),
    )


def test_a_stop_between_two_attempts_ends_a_run(scripted: Machine, aws: FakeAws) -> None:
    """Nobody else tells of it: whoever waited for the next attempt finds it over."""
    aws.script(FAILS)
    runner = scripted()
    run = runner.start(job(retries={"attempts": 2, "backoff": "1h"}))
    for event in run.stream():
        if type(event).__name__ == "Retrying":
            break
    runner.stop(run.run_id)
    assert (["/start", "/fail"], []) == (signals(aws), events(aws))


# -- scheduled runs --------------------------------------------------------------------------------------------


def test_a_scheduled_run_is_told_to_the_webhook_of_who_follows(scripted: Machine, aws: FakeAws) -> None:
    """The rule in `deploy/` publishes to the topic, so nobody else does; its start has passed."""
    runner, spec = scripted(), job(schedule={"cron": "30 2 * * *"})
    aws.script(FAILS)
    deliver(runner, spec)
    runner._inline["job"] = spec
    runner.attach(RUN_ID).wait()
    assert (["/3"], []) == (signals(aws), events(aws))


def test_the_end_of_an_attempt_is_not_that_of_a_scheduled_run(scripted: Machine, aws: FakeAws) -> None:
    """The next attempt, which another launches, ends it."""
    runner, spec = scripted(), job(schedule={"cron": "30 2 * * *"})
    aws.script(FAILS, WORKS)
    deliver(runner, spec)
    runner._inline["job"] = spec
    run = runner.attach(RUN_ID)
    aws.clock.after(1.6, lambda: deliver(runner, spec, at=attempt(2)))  # type: ignore[attr-defined]
    run.wait()
    assert [""] == signals(aws)


MISSED = Missed(job="job", due=datetime(2026, 1, 1, 2, 30, tzinfo=UTC), schedules=("job",))


def telling(runner: JobRunner, notify: dict[str, Any] | None = None) -> Telling:
    """What tells for a runner's job."""
    runner._inline["job"] = job(notify)
    return runner._telling


def test_a_missed_run_is_told_once(scripted: Machine, aws: FakeAws) -> None:
    """Also by the next check, in another process."""
    assert [True, False, False] == [
        telling(scripted()).missed(MISSED),
        telling(scripted()).missed(MISSED),
        telling(scripted(), {"sns": TOPIC, "on": "failure"}).missed(MISSED),
    ]
    assert (["/fail"], ["missed"]) == (signals(aws), events(aws))


def test_a_missed_run_that_could_not_be_told_is_told_later(scripted: Machine, aws: FakeAws) -> None:
    """One of two that has heard of it is enough."""
    runner = scripted()
    aws.topics.fail("publish", *[AwsUnreachableError("no network")] * 3)
    aws.webhooks.refuse(GONE, GONE)
    assert [True, True, False] == [telling(runner).missed(MISSED) for _ in range(3)]
    assert ([], ["missed"]) == (signals(aws), events(aws))


def test_nobody_wants_to_know_what_was_missed(scripted: Machine, aws: FakeAws) -> None:
    """A job that tells nobody, or that is not known."""
    runner = scripted()
    assert not runner._telling.missed(MISSED)
    assert ([], [], {}) == (signals(aws), events(aws), runner._ports.told.claimed)  # type: ignore[attr-defined]


def entry(day: int, verdict: Verdict | None, *, trigger: str = "schedule", reason: str = "exit") -> Entry:
    """A run of history."""
    due = datetime(2026, 1, day, tzinfo=UTC)
    run_id = f"job@2026-01-{day:02}T00:00:00Z"
    outcome = verdict and Outcome(
        run_id=run_id, job="job", attempt=1, verdict=verdict, reason=reason, exit_code=None, detail=""
    )
    return Entry(
        source=Source(project="p", stage=None, region="r"),
        identity=Identity(run_id=run_id, job="job", trigger=trigger, scheduled_time=due),
        launches=(),
        outcome=outcome,
        at=due,
    )


def test_recoveries_of_scheduled_runs(scripted: Machine, aws: FakeAws) -> None:
    """Each success after a failure, once; what runs still, or was skipped, is not looked at."""
    good, bad = Verdict.SUCCEEDED, Verdict.FAILED
    entries = [
        entry(1, good),
        entry(2, bad),
        entry(3, None),
        entry(4, Verdict.NEVER_STARTED, reason="skipped"),
        entry(5, good),
        entry(6, good),
        entry(7, bad),
        entry(8, good, trigger="manual"),
        entry(9, good),
    ][::-1]
    assert [1, 0] == [telling(scripted()).recoveries(entries) for _ in range(2)]
    assert ["job@2026-01-05T00:00:00Z"] == [
        line.split()[1] for message in aws.topics.published for line in message.body.splitlines() if line[:4] == "run "
    ]


@pytest.mark.parametrize("notify", [{"sns": TOPIC}, {"webhook": HOOK, "on": "recovery"}])
def test_recoveries_that_nobody_is_told(scripted: Machine, aws: FakeAws, notify: dict[str, Any]) -> None:
    """`on` does not name them, or there is no topic: to a webhook, a recovery is a success."""
    entries = [entry(2, Verdict.SUCCEEDED), entry(1, Verdict.FAILED)]
    assert [0, 0] == [telling(scripted(), notify).recoveries(given) for given in (entries, [])]
    assert ([], []) == (signals(aws), events(aws))


def test_a_topic_of_the_endpoint_hears_of_it(machine: Machine, endpoint: Endpoint) -> None:
    """Of a failure and of the recovery after it, before the runner is closed; with what its subscribers filter by."""
    clients = open_clients(endpoint.connection)
    sns, sqs = clients.client("sns"), clients.client("sqs")
    topic = sns.create_topic(Name="told")["TopicArn"]
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    with machine() as runner:
        for code in ("3", "0"):
            notify = {"sns": topic, "on": ["failure", "recovery"]}
            runner.run(shell("exit ${{ params.code }}", params={"code": "0"}, notify=notify), params={"code": code})
    assert [] == list(runner.untold)

    got = [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]]
    clients.close()
    attributes = [{name: one["Value"] for name, one in message["MessageAttributes"].items()} for message in got]
    assert {("failure", "failed"), ("recovery", "succeeded")} == {(one["event"], one["verdict"]) for one in attributes}
    assert {("job", "local")} == {(one["job"], one["stage"]) for one in attributes}


# -- what goes wrong -------------------------------------------------------------------------------------------


def test_what_may_pass_is_tried_three_times(scripted: Machine, aws: FakeAws) -> None:
    """With pauses between; what arrives then is no trouble."""
    runner = scripted()
    aws.webhooks.refuse(DOWN, DOWN)
    assert Verdict.SUCCEEDED is runner.run(job({"webhook": HOOK})).verdict
    assert (["/start", ""], 4) == (signals(aws), len(aws.webhooks.tried))
    assert [1.0, 2.0] == aws.clock.slept[:2]  # type: ignore[attr-defined]
    assert [] == list(runner.untold)


def test_what_does_not_pass_is_not_tried_again(scripted: Machine, aws: FakeAws) -> None:
    """A refusal of the topic, a webhook that does not exist: the verdict stays what it is."""
    runner = scripted()
    aws.script(FAILS)
    aws.webhooks.refuse(GONE, GONE)
    aws.topics.fail("publish", AwsRefusedError("no such topic", where="sns:Publish"))
    outcome = runner.run(job())
    run_id = outcome.run_id
    assert (Verdict.FAILED, 2, ["publish"]) == (outcome.verdict, len(aws.webhooks.tried), aws.topics.calls)
    assert [
        f"https://hc-ping.com/… was not told of the start of {run_id}: it answered 404, and 1 more",
        f"{TOPIC} was not told of the end of {run_id}: no such topic",
    ] == list(runner.untold)


def test_a_topic_that_may_answer_later_is_asked_again(scripted: Machine, aws: FakeAws) -> None:
    """Unreachable or throttled."""
    aws.script(FAILS)
    aws.topics.fail("publish", AwsUnreachableError("no network"), AwsThrottledError("slow down"))
    scripted().run(job({"sns": TOPIC}))
    assert (["publish"] * 3, ["failure"]) == (aws.topics.calls, events(aws))


def test_who_was_down_is_not_waited_for_each_time(scripted: Machine, aws: FakeAws) -> None:
    """After three tries in vain, the next notices have one each, until one arrives."""
    aws.webhooks.refuse(*[DOWN] * 5)
    scripted().map(job({"webhook": HOOK}), [RunOptions()] * 4, parallel=1).wait()
    assert (8 + 2, 5) == (len(aws.webhooks.tried), len(aws.webhooks.posted))


def test_the_audit_trail_says_who_was_told(scripted: Machine, aws: FakeAws) -> None:
    """Of what, and who was not, and why; never by which URL."""
    runner = scripted()
    aws.script(FAILS)
    aws.webhooks.refuse(GONE)
    run_id = runner.run(job()).run_id
    hook = "https://hc-ping.com/…"
    assert [
        {"run_id": run_id, "event": "start", "to": hook, "error": "it answered 404"},
        {"run_id": run_id, "event": "end", "to": hook},
        {"run_id": run_id, "event": "end", "to": TOPIC},
    ] == noted(runner)


def test_the_url_is_nowhere(scripted: Machine, aws: FakeAws) -> None:
    """Neither in what is stored of a run, nor in what is said of it."""
    runner = scripted()
    aws.webhooks.refuse(GONE, GONE)
    run = runner.start(job())
    run.wait()
    said = [repr(run.record.to_json()), repr(runner._ports.audit.__dict__), repr(list(runner.untold))]
    assert [False] * 3 == ["s3cret" in text for text in said]


def test_a_log_that_cannot_be_read(scripted: Machine, aws: FakeAws) -> None:
    """The ping says so in its place."""
    runner = scripted()
    run = runner.start(job({"webhook": HOOK}))
    aws.logs.fail("tail", AwsRefusedError("not allowed", where="logs:GetLogEvents"))
    run.wait()
    assert aws.webhooks.posted[-1].body.endswith("\n\n(the log could not be read: not allowed)")


def test_claims_that_cannot_be_stored(scripted: Machine, aws: FakeAws) -> None:
    """It is told all the same: twice is better than never, and it is said."""
    runner = scripted()
    told = runner._ports.told
    assert isinstance(told, MemoryTold)
    told.fail("claim", StoreError("what has been told cannot be stored: full"))
    runner.run(job({"webhook": HOOK}))
    assert ["/start", ""] == signals(aws)
    assert ["what has been told cannot be stored: full; something may be told twice"] == list(runner.untold)


def test_a_job_whose_file_is_wrong_by_now(scripted: Machine) -> None:
    """Whoever attaches cannot know whom it tells; the run's end is what it is."""
    runner = scripted()
    run_id = runner.start(shell("true")).run_id

    def refuse(name: str) -> None:
        raise SpecError(f"{name} is not valid")

    later = Telling(runner._ports, runner.settings, refuse, threaded=False)
    later.ended(runner._ports.runs.get(run_id) or run_id, None)  # type: ignore[arg-type]
    assert ["whom job tells is not known: job is not valid"] == list(later.troubles)


def test_a_run_of_another_stage_is_not_this_ones_to_tell(scripted: Machine, aws: FakeAws) -> None:
    """The files that were read say nothing of it."""
    runner = scripted()
    run = runner.start(shell("true"))
    other = Telling(
        runner._ports, type(runner.settings)(**{**vars(runner.settings), "stage": "x"}), lambda _: job().notify
    )
    other.started(run.record, "task")
    other.close()
    assert [] == signals(aws)


# -- beside the run --------------------------------------------------------------------------------------------


class Held:
    """A webhook that answers when it is let; `ports.Webhooks`."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.posted: list[str] = []

    def post(self, ping: Ping) -> Undelivered | None:
        self.entered.set()
        assert self.open.wait(60)
        self.posted.append(ping.url.removeprefix(HOOK).partition("?")[0])
        return None


def beside(runner: JobRunner, webhooks: Any, **how: Any) -> Telling:
    """What tells in threads, on real time."""
    ports = type(runner._ports)(**{**vars(runner._ports), "webhooks": webhooks, "clock": SystemClock()})
    return Telling(ports, runner.settings, lambda _: job({"webhook": HOOK}).notify, **how)


def a_run(runner: JobRunner, **fields: Any) -> Any:
    """A run that is over, and whose job told nobody."""
    run = runner.start(shell("true"), **fields)
    run.wait()
    return run


def test_nobody_waits_for_a_webhook(scripted: Machine) -> None:
    """What happens is put down at once, told in its order, and `close` waits for it."""
    runner, held = scripted(), Held()
    run = a_run(runner)
    tells = beside(runner, held)
    tells.started(run.record, "task")
    tells.ended(run.record, run.outcome)
    assert held.entered.wait(60)
    assert [] == held.posted
    threading.Timer(0.05, held.open.set).start()
    tells.close()
    assert (["/start", ""], []) == (held.posted, list(tells.troubles))


def test_the_end_does_not_wait_for_ever(scripted: Machine) -> None:
    """What was not told by then is said; what comes afterwards is not told at all."""
    runner, held = scripted(), Held()
    run = a_run(runner)
    tells = beside(runner, held, close_seconds=0.05)
    tells.started(run.record, "task")
    tells.ended(run.record, run.outcome)
    tells.close()
    said = ["2 of what there was to tell was not told within 0.05 s"]
    assert said == list(tells.troubles)
    tells.started(a_run(runner).record, "task")
    held.open.set()
    until(lambda: len(held.posted) == 2, "the two that were put down before")


def test_a_bug_ends_no_thread(scripted: Machine) -> None:
    """What comes after it is told, and its text, which may quote a URL, is not passed on."""

    class Broken(Held):
        def post(self, ping: Ping) -> Undelivered | None:
            if ping.url.startswith(f"{HOOK}/start"):
                raise RuntimeError(ping.url)
            return super().post(ping)

    runner, broken = scripted(), Broken()
    broken.open.set()
    run = a_run(runner)
    tells = beside(runner, broken)
    tells.started(run.record, "task")
    tells.ended(run.record, run.outcome)
    tells.close()
    assert ([""], ["somebody was not told: RuntimeError"]) == (broken.posted, list(tells.troubles))


def test_several_runs_are_told_of_at_once(scripted: Machine) -> None:
    """One that hangs does not hold up those of all others."""
    runner, meet = scripted(), threading.Barrier(2, timeout=60)

    class Meeting(Held):
        def post(self, ping: Ping) -> Undelivered | None:
            meet.wait()
            return super().post(ping)

    meeting = Meeting()
    meeting.open.set()
    tells = beside(runner, meeting)
    first = a_run(runner)
    other = next(run for run in iter(lambda: a_run(runner), None) if _lane(run.run_id) != _lane(first.run_id))
    for run in (first, other):
        tells.started(run.record, "task")
    tells.close()
    assert ["/start", "/start"] == meeting.posted


def _lane(run_id: str) -> int:
    return zlib.crc32(run_id.encode()) % LANES
