"""Who started, stopped and finished what: JSON lines in a log group, written by watchtower.

It is written behind the run's back: a thread of its own takes the notes from a queue, and is the first to import
watchtower, to make clients and to ask who the caller is. Whatever goes wrong there becomes one text,
`trouble`, for whoever wants to warn about it; a run is neither delayed nor failed.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import queue
import socket
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobrunner.aws import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.aws.connection import Clients

#: How long `close()` waits for what was noted to be written.
FLUSH_SECONDS = 3.0

#: Where CI systems say which job they run: GitLab, Jenkins, Buildkite, CircleCI, Bitrise. GitHub's is composed.
_CI_VARIABLES = ("CI_JOB_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BITRISE_BUILD_URL")


class WatchtowerAudit:
    """`ports.Audit` on CloudWatch Logs, through watchtower.

    Args:
        clients: The connection's clients.
        group: The log group; watchtower creates it when it does not exist.
        flush_seconds: How long `close()` waits at most.
    """

    def __init__(self, clients: Clients, group: str, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._clients = clients
        self._group = group
        self._flush_seconds = flush_seconds
        self._notes: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.trouble: str | None = None

    def record(self, action: str, fields: Mapping[str, Any]) -> None:
        """Note that something was done, and when; see `ports.Audit.record`."""
        note = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "action": action, **fields}
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                # A daemon: a process that is told to leave at once does not wait for its audit trail.
                self._thread = threading.Thread(target=self._write_all, name="jobrunner-audit", daemon=True)
                self._thread.start()
            self._notes.put(note)

    def close(self) -> None:
        """Write out what was noted, waiting for `flush_seconds` at most; further notes are dropped."""
        with self._lock:
            thread, self._closed = self._thread, True
            self._notes.put(None)
        if thread is None:
            return
        thread.join(self._flush_seconds)
        if thread.is_alive():
            self._fail(f"not written within {self._flush_seconds:g} s")

    def _write_all(self) -> None:
        handler: logging.Handler | None = None
        try:
            handler = _handler(self._clients, self._group, self._fail)
            who = _identity(self._clients)
            while (note := self._notes.get()) is not None:
                handler.emit(_log_record({**note, **who}))
        except Exception as error:  # noqa: BLE001  an audit trail never fails a run; the text says what happened
            ours = faults.translate(error, where="logs:PutLogEvents", doing="write the audit trail")
            self._fail(ours.what if ours else repr(error))
        finally:
            if handler is not None:
                handler.close()

    def _fail(self, reason: str) -> None:
        if self.trouble is None:
            self.trouble = f"the audit trail in {self._group} is incomplete: {reason}"


def _log_record(note: Mapping[str, Any]) -> logging.LogRecord:
    text = json.dumps(note, default=str)
    return logging.LogRecord("jobrunner.audit", logging.INFO, "", 0, text, None, None)


def _identity(clients: Clients) -> dict[str, Any]:
    """Say who runs this: the person and machine, the CI job, and whom AWS takes us for."""
    who: dict[str, Any] = {"user": f"{_user()}@{socket.gethostname()}"}
    if ci := _ci_job():
        who["ci_job"] = ci
    try:
        who["caller"] = clients.client("sts").get_caller_identity()["Arn"]
    except Exception as error:  # noqa: BLE001  the note is worth more than the caller's ARN
        ours = faults.translate(error, where="sts:GetCallerIdentity", doing="ask who the caller is")
        who["caller_unknown"] = ours.what if ours else repr(error)
    return who


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user id has no name
        return str(os.getuid())


def _ci_job() -> str | None:
    environment = os.environ
    if "GITHUB_RUN_ID" in environment:
        server, repository = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_REPOSITORY", "")
        return f"{server}/{repository}/actions/runs/{environment['GITHUB_RUN_ID']}"
    return next((environment[name] for name in _CI_VARIABLES if environment.get(name)), None)


def _handler(clients: Clients, group: str, fail: Any) -> logging.Handler:
    """Make watchtower's handler write one event per call, in the calling thread, with our client."""
    client: Any = _Reporting(clients.logs(), fail)
    # After the client: watchtower imports boto3, and two threads importing botocore at once would wait for each other.
    import watchtower  # noqa: PLC0415

    class Handler(watchtower.CloudWatchLogHandler):
        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002  logging's name
            fail("an event could not be written")

    stream = f"jobrunner/{socket.gethostname()}/{os.getpid()}".translate({ord(":"): "-", ord("*"): "-"})
    handler: logging.Handler = Handler(
        log_group_name=group,
        # watchtower formats the name, so its braces are doubled.
        log_stream_name=stream.replace("{", "{{").replace("}", "}}"),
        use_queues=False,
        boto3_client=client,
    )
    return handler


class _Reporting:
    """A logs client that reports what PutLogEvents could not deliver.

    watchtower tells it with `warnings.warn`, which would land on the user's stderr, five times for one event.
    """

    def __init__(self, client: Any, fail: Any) -> None:
        self._client = client
        self._fail = fail
        self._created = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_log_events(self, **request: Any) -> dict[str, Any]:
        try:
            answer = dict(self._client.put_log_events(**request))
        except self._client.exceptions.ResourceNotFoundException as error:
            if not self._created:  # watchtower creates the stream and tries again
                self._created = True
                raise
            return self._report(error)
        except Exception as error:  # noqa: BLE001  it is reported
            return self._report(error)
        if rejected := answer.pop("rejectedLogEventsInfo", None):
            self._fail(f"CloudWatch Logs rejected events: {rejected}")
        return answer

    def create_log_stream(self, **request: Any) -> dict[str, Any]:
        try:
            return dict(self._client.create_log_stream(**request))
        except self._client.exceptions.ResourceAlreadyExistsException:
            return {}
        except Exception as error:  # noqa: BLE001  it is reported
            return self._report(error)

    def _report(self, error: Exception) -> dict[str, Any]:
        ours = faults.translate(error, where="logs:PutLogEvents", doing="write the audit trail")
        self._fail(ours.what if ours else repr(error))
        return {}
