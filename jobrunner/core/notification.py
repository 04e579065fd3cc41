"""What somebody is told of a run: a ping for a webhook, a message for a topic.

A webhook is pinged as healthchecks.io wants it ("Pinging API" and "Measuring Script Run Time", its documentation):
`URL/start`, then `URL` for a success, `URL/EXITCODE` or `URL/fail` for a failure, with the same `rid` in both, so that
runs that overlap are told apart. Every run of a job with a webhook is pinged. A topic hears what `notify.on` names.

A run that somebody has stopped on purpose is pinged as failed: its work was not done, and a start without an end would
raise the same alarm later, with less to say. A topic is not told: who stopped it knows, and the next success is then no
recovery either.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from jobrunner.core.history import SKIPPED
from jobrunner.core.notice import Message, Ping
from jobrunner.core.outcome import Verdict, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobrunner.core.missed import Missed
    from jobrunner.core.outcome import Outcome

FAILURE: Final = "failure"
RECOVERY: Final = "recovery"
MISSED: Final = "missed"

#: Bytes of the log's end in a ping. healthchecks.io keeps 100 kB of a body, and its self-hosted form 10 kB.
LOG_BYTES: Final = 10_000
#: "less than 100 characters long" (botocore's model of SNS, PublishInput.Subject).
_SUBJECT: Final = 99
_LONGEST_DETAIL: Final = 2_000
_LARGEST_EXIT_CODE: Final = 255
#: `reason` of an outcome that somebody wanted (`core.stops`, and `overlap: forbid`). deploy/notify.yaml leaves out all
#: but the last, which no execution fails with.
WANTED: Final = frozenset({"user", "interrupt", "fail_fast", "replaced", SKIPPED})
_WORDS: Final = {
    Verdict.TIMED_OUT: "timed out",
    Verdict.STOPPED: "was stopped",
    Verdict.INTERRUPTED: "was interrupted",
    Verdict.OUT_OF_MEMORY: "ran out of memory",
    Verdict.NEVER_STARTED: "never started",
    Verdict.LOST: "was lost",
}
_RUNS: Final = uuid.UUID("7d1d5c0e-6a0b-4c5e-9a52-3c1d0a6f9b1e")


@dataclass(frozen=True, kw_only=True)
class Whose:
    """The run that is told of.

    Attributes:
        project: The project's name.
        stage: The stage's, or None.
        region: Of the cluster.
        cluster: Name or ARN.
    """

    project: str
    stage: str | None
    region: str
    cluster: str

    @property
    def place(self) -> str:
        """The project and, if there is one, the stage."""
        return "/".join(filter(None, (self.project, self.stage)))

    @property
    def where(self) -> str:
        """The region and the cluster."""
        return f"{self.region}, cluster {self.cluster.rsplit('/', 1)[-1]}"

    def command(self, *words: str) -> str:
        """Give a command line that means this stage."""
        return " ".join(("jobrunner", *words, *(("--stage", self.stage) if self.stage else ())))


def wanted(outcome: Outcome) -> bool:
    """Tell whether somebody wanted a run to end so, or not to begin: then it has neither failed nor succeeded."""
    return not outcome.succeeded and outcome.reason in WANTED


def failed(outcome: Outcome) -> bool:
    """Tell whether a run's end is a failure that somebody wants to hear of."""
    return not outcome.succeeded and not wanted(outcome)


def recovered(before: Iterable[Outcome]) -> bool:
    """Tell whether a success is a recovery.

    Args:
        before: The ends of the job's runs before it, the latest first.
    """
    return next((failed(one) for one in before if not wanted(one)), False)


# -- pings -----------------------------------------------------------------------------------------------------


def start_ping(url: str, whose: Whose, *, job: str, run_id: str, task_arn: str | None) -> Ping:
    """Give the ping of a run that ECS has accepted."""
    body = f"{job} started: run {run_id} of {whose.place}\n{task_arn or ''}".rstrip()
    return Ping(url=_url(url, "start", whose, run_id), body=body)


def end_ping(url: str, whose: Whose, outcome: Outcome, lines: Sequence[str]) -> Ping:
    """Give the ping of a run that is over.

    Args:
        url: The webhook's.
        whose: Of whose run.
        outcome: How it ended.
        lines: The end of its log.
    """
    head = f"{headline(outcome)}\nrun {outcome.run_id} of {whose.place}"
    tail = log_tail(lines)
    return Ping(url=_url(url, _signal(outcome), whose, outcome.run_id), body=f"{head}\n\n{tail}" if tail else head)


def missed_ping(url: str, whose: Whose, missed: Missed) -> Ping:
    """Give the ping of a run that a schedule was to start, and that there is none of."""
    body = f"{_missed(missed)}\nin {whose.place}: {missed.reason}"
    return Ping(url=_url(url, "fail", whose, missed.run_id), body=body)


def log_tail(lines: Sequence[str], limit: int = LOG_BYTES) -> str:
    """Give the end of a log: whole lines of at most so many bytes of UTF-8, or the end of a line that is longer."""
    text = "\n".join(lines)
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    # What is cut in the middle of a character loses that character.
    cut = encoded[-limit:].decode(errors="ignore")
    _, found, whole = cut.partition("\n")
    return whole if found and whole else cut


def run_uuid(whose: Whose, run_id: str) -> str:
    """Give the `rid` of a run: the same for its start and its end, whichever process tells of them."""
    return str(uuid.uuid5(_RUNS, f"{whose.place} {run_id}"))


def _signal(outcome: Outcome) -> str | None:
    if outcome.succeeded:
        return None
    code = outcome.exit_code
    return str(code) if code is not None and 0 < code <= _LARGEST_EXIT_CODE else "fail"


def _url(url: str, signal: str | None, whose: Whose, run_id: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/") if signal is None else f"{parts.path.rstrip('/')}/{signal}"
    query = "&".join(filter(None, (parts.query, f"rid={run_uuid(whose, run_id)}")))
    return urlunsplit((parts.scheme, parts.netloc, path or "/", query, ""))


# -- messages --------------------------------------------------------------------------------------------------


def failure_message(topic: str, whose: Whose, outcome: Outcome) -> Message:
    """Give the message of a run that has failed."""
    command = whose.command("explain", outcome.run_id)
    return _message(topic, whose, outcome, FAILURE, said=headline(outcome), command=command)


def recovery_message(topic: str, whose: Whose, outcome: Outcome) -> Message:
    """Give the message of a run that has succeeded after one that had failed."""
    said = f"{outcome.job} recovered: it succeeded after a failure"
    command = whose.command("history", outcome.job)
    return _message(topic, whose, outcome, RECOVERY, said=said, command=command)


def missed_message(topic: str, whose: Whose, missed: Missed) -> Message:
    """Give the message of a run that a schedule was to start, and that there is none of."""
    said = _missed(missed)
    rows = (
        ("project", whose.place),
        ("run", missed.run_id),
        ("where", whose.where),
        ("why", missed.reason),
        ("next", whose.command("history", missed.job, "--missed")),
    )
    attributes = _attributes(whose, missed.job, MISSED, MISSED)
    return Message(topic=topic, subject=_subject(whose, said), body=_body(said, rows), attributes=attributes)


def headline(outcome: Outcome) -> str:
    """Give what happened in a line: `etl failed: exit code 3`."""
    verdict = str(outcome.verdict).replace("_", " ")
    said, detail = _WORDS.get(outcome.verdict, verdict), _one_line(outcome.detail)[:_LONGEST_DETAIL]
    # The detail of a stop begins with the verdict's own word: `stopped: for the release`, `timed out after 2h`.
    more = detail.removeprefix(verdict) if detail.startswith(verdict) else f": {detail}"
    return f"{outcome.job} {said}{more}"


def _missed(missed: Missed) -> str:
    return f"{missed.job} missed its run of {iso(missed.due)}"


def _message(topic: str, whose: Whose, outcome: Outcome, event: str, *, said: str, command: str) -> Message:
    attempts = len(outcome.earlier) + 1
    rows = (
        ("project", whose.place),
        ("run", outcome.run_id if attempts == 1 else f"{outcome.run_id}, {attempts} attempts"),
        ("where", whose.where),
        ("task", outcome.task_arn or "none"),
        ("exit code", "none" if outcome.exit_code is None else str(outcome.exit_code)),
        ("why", _one_line(outcome.detail)[:_LONGEST_DETAIL]),
        ("ended", iso(outcome.stopped_at) or "unknown"),
        ("next", command),
    )
    attributes = _attributes(whose, outcome.job, event, str(outcome.verdict))
    return Message(topic=topic, subject=_subject(whose, said), body=_body(said, rows), attributes=attributes)


def _attributes(whose: Whose, job: str, event: str, verdict: str) -> dict[str, str]:
    """Give the attributes; without a stage there is none, because an empty one is refused (MessageAttributeValue)."""
    known = {"job": job, "project": whose.project, "stage": whose.stage, "event": event, "verdict": verdict}
    return {name: value for name, value in known.items() if value}


def _subject(whose: Whose, said: str) -> str:
    """Give a subject as mail wants it: SNS takes no line breaks and no control characters, and older clients ASCII."""
    text = f"[{whose.place}] {said}"
    plain = "".join(one if one.isascii() and one.isprintable() else "?" for one in text)
    return plain if len(plain) <= _SUBJECT else f"{plain[: _SUBJECT - 3]}..."


def _body(said: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join((said, "", *(f"{name:<10} {value}" for name, value in rows)))


def _one_line(text: str) -> str:
    return " ".join(text.split())
