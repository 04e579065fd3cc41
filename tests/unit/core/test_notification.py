"""What somebody is told: the URLs and texts of pings, the subjects and texts of messages, and who is told of what."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.missed import Missed
from jobrunner.core.notice import Message, Ping, masked
from jobrunner.core.notification import (
    LOG_BYTES,
    Whose,
    end_ping,
    failed,
    failure_message,
    headline,
    log_tail,
    missed_message,
    missed_ping,
    recovered,
    recovery_message,
    run_uuid,
    start_ping,
    wanted,
)
from jobrunner.core.outcome import Outcome, Verdict

WHOSE = Whose(project="shop", stage="prod", region="eu-west-1", cluster="arn:aws:ecs:eu-west-1:1:cluster/blue")
URL = "https://hc-ping.com/2f6a"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
TASK = "arn:aws:ecs:eu-west-1:1:task/blue/0f3c"
MISSED = Missed(job="etl", due=datetime(2026, 11, 24, 2, 30, tzinfo=UTC), schedules=("etl",))
OUTCOME = Outcome(
    run_id="4r9k2m8p3w7x5t1q",
    job="etl",
    attempt=1,
    verdict=Verdict.FAILED,
    reason="exit",
    exit_code=3,
    detail="exit code 3",
    task_arn=TASK,
    stopped_at=datetime(2026, 11, 24, 2, 31, tzinfo=UTC),
)
SUCCESS = replace(OUTCOME, verdict=Verdict.SUCCEEDED, exit_code=0, detail="exit code 0")
STOPPED = replace(OUTCOME, verdict=Verdict.STOPPED, reason="user", exit_code=143, detail="stopped: for the release")


def path(ping: Ping) -> str:
    """The URL of a ping without its query."""
    return ping.url.partition("?")[0]


# -- whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "reason", "expected"),
    [
        (Verdict.SUCCEEDED, "exit", (False, False)),
        (Verdict.FAILED, "exit", (False, True)),
        (Verdict.TIMED_OUT, "timeout", (False, True)),
        (Verdict.NEVER_STARTED, "start_timeout", (False, True)),
        (Verdict.LOST, "unknown", (False, True)),
        (Verdict.STOPPED, "spot_interruption", (False, True)),
        (Verdict.STOPPED, "user", (True, False)),
        (Verdict.STOPPED, "fail_fast", (True, False)),
        (Verdict.STOPPED, "replaced", (True, False)),
        (Verdict.NEVER_STARTED, "skipped", (True, False)),
        (Verdict.INTERRUPTED, "interrupt", (True, False)),
    ],
)
def test_what_somebody_wanted_is_no_failure(verdict: Verdict, reason: str, expected: tuple[bool, bool]) -> None:
    """What somebody has stopped on purpose, or what overlap has skipped; everything else that is no success is one."""
    outcome = replace(OUTCOME, verdict=verdict, reason=reason)
    assert expected == (wanted(outcome), failed(outcome))


def test_a_recovery_follows_a_failure() -> None:
    """The run before decides; one that somebody stopped is not looked at, and without any there is none."""
    assert [True, True, False, False, False] == [
        recovered(before) for before in ([OUTCOME], [STOPPED, OUTCOME, SUCCESS], [SUCCESS, OUTCOME], [STOPPED], [])
    ]


# -- pings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (SUCCESS, URL),
        (OUTCOME, f"{URL}/3"),
        (replace(OUTCOME, exit_code=255), f"{URL}/255"),
        (replace(OUTCOME, exit_code=256), f"{URL}/fail"),
        (replace(OUTCOME, exit_code=-1), f"{URL}/fail"),
        (replace(STOPPED, exit_code=0), f"{URL}/fail"),
        (replace(OUTCOME, verdict=Verdict.NEVER_STARTED, exit_code=None), f"{URL}/fail"),
        (STOPPED, f"{URL}/143"),
    ],
)
def test_the_end_is_signalled_as_healthchecks_io_reads_it(outcome: Outcome, expected: str) -> None:
    """The URL for a success, which no exit code 0 of another verdict is; the exit code, or `fail` without one."""
    assert expected == path(end_ping(URL, WHOSE, outcome, ()))


def test_start_and_end_belong_together() -> None:
    """They have the same `rid`, a UUID in the canonical form; another run, or another stage's, has another."""
    start = start_ping(URL, WHOSE, job="etl", run_id=OUTCOME.run_id, task_arn=TASK)
    rid = run_uuid(WHOSE, OUTCOME.run_id)
    assert f"{URL}/start" == path(start)
    assert [[rid], [rid]] == [
        parse_qs(urlsplit(ping.url).query)["rid"] for ping in (start, end_ping(URL, WHOSE, OUTCOME, ()))
    ]
    assert rid == str(uuid.UUID(rid))
    assert 3 == len({rid, run_uuid(WHOSE, "another"), run_uuid(replace(WHOSE, stage=None), OUTCOME.run_id)})


def test_a_url_keeps_its_query() -> None:
    """`create=1` of a slug; a fragment is nobody's business, and a slash at the end stays no part."""
    ping = start_ping("https://hc-ping.com/key/slug/?create=1#x", WHOSE, job="etl", run_id="r", task_arn=None)
    assert f"https://hc-ping.com/key/slug/start?create=1&rid={run_uuid(WHOSE, 'r')}" == ping.url
    assert (
        f"http://127.0.0.1:1/?rid={run_uuid(WHOSE, OUTCOME.run_id)}"
        == end_ping("http://127.0.0.1:1", WHOSE, SUCCESS, ()).url
    )


def test_the_bodies_of_pings() -> None:
    """The verdict first, then which run, then the end of the log."""
    assert (
        "etl started: run r of shop/prod\n" + TASK == start_ping(URL, WHOSE, job="etl", run_id="r", task_arn=TASK).body
    )
    assert "etl started: run r of shop/prod" == start_ping(URL, WHOSE, job="etl", run_id="r", task_arn=None).body
    head = f"etl failed: exit code 3\nrun {OUTCOME.run_id} of shop/prod"
    assert head == end_ping(URL, WHOSE, OUTCOME, ()).body
    assert f"{head}\n\none\ntwo" == end_ping(URL, WHOSE, OUTCOME, ("one", "two")).body


def test_a_missed_run_is_a_failure_without_a_run() -> None:
    """With the `rid` of the run that it would have been."""
    ping = missed_ping(URL, replace(WHOSE, stage=None), MISSED)
    assert f"{URL}/fail?rid={run_uuid(replace(WHOSE, stage=None), 'etl@2026-11-24T02:30:00Z')}" == ping.url
    assert (
        "etl missed its run of 2026-11-24T02:30:00.000Z\nin shop: the schedule etl was due, and no run of it is known"
    ) == ping.body


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{URL}/start?rid=1", "https://hc-ping.com/…"),
        ("http://127.0.0.1:8080/secret", "http://127.0.0.1:8080/…"),
        ("http:///secret", "http:///…"),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url: str, expected: str) -> None:
    """Only the host; nor does a ping's own text hold more."""
    ping = Ping(url=url, body="b")
    assert (expected, "Ping(body='b')") == (masked(url), repr(ping))
    assert expected == ping.target


# -- the end of the log ----------------------------------------------------------------------------------------


def test_the_end_of_a_log_is_whole_lines() -> None:
    """Of a line that is longer than what is sent, its end; what a terminal or an encoding cannot take is replaced."""
    assert "b\nc" == log_tail(("a" * 10, "b", "c"), limit=4)
    assert "a" * 4 == log_tail(("a" * 10,), limit=4)
    assert "?" == log_tail(("\ud800",), limit=4)
    assert "" == log_tail(())


def test_no_character_is_cut_in_the_middle() -> None:
    """A character of three bytes that does not fit is left out."""
    assert "€" == log_tail(("€€",), limit=5)


@given(st.lists(st.text()), st.integers(1, 40))
def test_the_end_of_a_log_fits(lines: list[str], limit: int) -> None:
    """In bytes of UTF-8, and it is the end of what was written."""
    tail = log_tail(lines, limit)
    text = "\n".join(lines).encode(errors="replace").decode()
    assert len(tail.encode()) <= limit or len(text.encode()) <= limit
    assert text.endswith(tail)


def test_a_ping_holds_ten_kilobytes_of_log() -> None:
    """healthchecks.io keeps more; its self-hosted form does not."""
    body = end_ping(URL, WHOSE, OUTCOME, [f"line {number:05}" for number in range(5_000)]).body
    assert body.endswith("line 04999")
    assert LOG_BYTES - 11 <= len(body.partition("\n\n")[2]) <= LOG_BYTES


# -- messages --------------------------------------------------------------------------------------------------


def rows(message: Message) -> dict[str, str]:
    """The labelled lines of a message."""
    _, _, table = message.body.partition("\n\n")
    return {line[:10].strip(): line[11:] for line in table.splitlines()}


def test_a_message_says_what_where_why_and_what_next() -> None:
    """And has attributes that a subscriber can filter by."""
    message = failure_message(TOPIC, WHOSE, replace(OUTCOME, earlier=(OUTCOME,)))
    assert (TOPIC, "[shop/prod] etl failed: exit code 3") == (message.target, message.subject)
    assert "etl failed: exit code 3" == message.body.partition("\n")[0]
    assert {
        "project": "shop/prod",
        "run": f"{OUTCOME.run_id}, 2 attempts",
        "where": "eu-west-1, cluster blue",
        "task": TASK,
        "exit code": "3",
        "why": "exit code 3",
        "ended": "2026-11-24T02:31:00.000Z",
        "next": f"jobrunner explain {OUTCOME.run_id} --stage prod",
    } == rows(message)
    assert {
        "job": "etl",
        "project": "shop",
        "stage": "prod",
        "event": "failure",
        "verdict": "failed",
    } == message.attributes


def test_what_is_not_known_is_said() -> None:
    """Of a run without a task; and without a stage there is neither an option nor an attribute for it."""
    bare = replace(OUTCOME, verdict=Verdict.NEVER_STARTED, exit_code=None, task_arn=None, stopped_at=None)
    message = failure_message(TOPIC, replace(WHOSE, stage=None), bare)
    known = rows(message)
    assert ("none", "none", "unknown", f"jobrunner explain {bare.run_id}") == (
        known["task"],
        known["exit code"],
        known["ended"],
        known["next"],
    )
    assert {"job", "project", "event", "verdict"} == set(message.attributes)


def test_the_message_of_a_recovery() -> None:
    """It leads to the history."""
    message = recovery_message(TOPIC, WHOSE, SUCCESS)
    assert "[shop/prod] etl recovered: it succeeded after a failure" == message.subject
    assert "jobrunner history etl --stage prod" == rows(message)["next"]
    assert ("recovery", "succeeded") == (message.attributes["event"], message.attributes["verdict"])


def test_the_message_of_a_missed_run() -> None:
    """It says which, and leads to all of them."""
    message = missed_message(TOPIC, WHOSE, MISSED)
    assert "[shop/prod] etl missed its run of 2026-11-24T02:30:00.000Z" == message.subject
    assert {
        "project": "shop/prod",
        "run": "etl@2026-11-24T02:30:00Z",
        "where": "eu-west-1, cluster blue",
        "why": "the schedule etl was due, and no run of it is known",
        "next": "jobrunner history etl --missed --stage prod",
    } == rows(message)
    assert ("missed", "missed") == (message.attributes["event"], message.attributes["verdict"])


@pytest.mark.parametrize(
    ("verdict", "detail", "expected"),
    [
        (Verdict.SUCCEEDED, "exit code 0", "etl succeeded: exit code 0"),
        (Verdict.TIMED_OUT, "timed out after 2h", "etl timed out after 2h"),
        (Verdict.STOPPED, "stopped: for\nthe release", "etl was stopped: for the release"),
        (Verdict.INTERRUPTED, "interrupted", "etl was interrupted"),
        (Verdict.OUT_OF_MEMORY, "killed", "etl ran out of memory: killed"),
        (Verdict.NEVER_STARTED, "no capacity", "etl never started: no capacity"),
        (Verdict.LOST, "the host has gone", "etl was lost: the host has gone"),
    ],
)
def test_what_happened_in_a_line(verdict: Verdict, detail: str, expected: str) -> None:
    """The verdict is not said twice."""
    assert expected == headline(replace(OUTCOME, verdict=verdict, detail=detail))


@given(st.text(min_size=1))
def test_a_subject_is_short_printable_ascii(detail: str) -> None:
    """SNS refuses line breaks and control characters, and 100 characters or more."""
    subject = failure_message(TOPIC, WHOSE, replace(OUTCOME, detail=detail)).subject
    assert (True, True, True) == (subject.isascii(), subject.isprintable(), len(subject) < 100)


def test_a_long_subject_says_that_it_is_cut() -> None:
    """And a body does not hold a megabyte."""
    message = failure_message(TOPIC, WHOSE, replace(OUTCOME, detail="x" * 1_000_000))
    assert (99, "x...") == (len(message.subject), message.subject[-4:])
    assert len(message.body) < 5_000
