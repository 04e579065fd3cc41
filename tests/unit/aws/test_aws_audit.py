"""The audit trail: written behind the run's back, and its troubles are one text."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from jobrunner.aws import NoAudit, open_gateways
from jobrunner.aws.audit import WatchtowerAudit
from jobrunner.aws.connection import open_clients
from jobrunner.core.connection import Connection
from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "/jobrunner/audit"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The local endpoint."""
    workdir: Path = tmp_path_factory.mktemp("work")
    with serve(workdir=workdir) as endpoint:
        yield endpoint.connection


def written(connection: Connection, group: str) -> list[dict[str, Any]]:
    """Everything in a log group, by an ordinary client."""
    client: Any = botocore.session.get_session().create_client(
        "logs",
        region_name=connection.region,
        endpoint_url=connection.endpoint_url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    events = client.filter_log_events(logGroupName=group)["events"]
    client.close()
    return [json.loads(event["message"]) for event in events]


def test_what_was_noted_is_written_as_json_lines(local: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who, when, what: the person and machine, AWS's caller, the CI job, and the fields."""
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example/jobs/7")
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    audit = WatchtowerAudit(open_clients(local), GROUP, flush_seconds=30)
    audit.record("run_started", {"run_id": "1", "job": "etl"})
    audit.record("run_finished", {"run_id": "1", "verdict": "succeeded"})
    audit.close()
    assert None is audit.trouble
    notes = written(local, GROUP)
    assert ["run_started", "run_finished"] == [note["action"] for note in notes]
    assert {"https://ci.example/jobs/7"} == {note["ci_job"] for note in notes}
    assert {True} == {note["caller"].startswith("arn:aws:") and "@" in note["user"] for note in notes}
    assert ("etl", "succeeded") == (notes[0]["job"], notes[1]["verdict"])
    assert sorted(note["at"] for note in notes) == [note["at"] for note in notes]


def test_a_second_process_writes_beside_the_first(local: Connection) -> None:
    """An existing group and stream are no trouble."""
    group = f"{GROUP}/again"
    for _ in range(2):
        audit = WatchtowerAudit(open_clients(local), group, flush_seconds=30)
        audit.record("run_started", {"run_id": "1"})
        audit.close()
        assert None is audit.trouble
    assert 2 == len(written(local, group))


def test_an_audit_that_noted_nothing_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No thread, no client, no call; closing twice is fine."""
    connection = Connection(region="us-east-1", endpoint_url="http://127.0.0.1:9")
    audit = open_gateways(connection, audit_log_group=GROUP).audit
    audit.close()
    audit.close()
    audit.record("too_late", {})
    assert None is audit.trouble
    assert ("", "") == tuple(capsys.readouterr())


def test_an_endpoint_that_is_not_there_is_one_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is raised, nothing is printed, and the trouble says what and where."""
    connection = Connection(
        region="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        access_key_id="a",
        secret_access_key="b",
    )
    audit = WatchtowerAudit(open_clients(connection, attempts=1), GROUP, flush_seconds=30)
    for number in range(3):
        audit.record("run_started", {"run_id": number})
    audit.close()
    assert audit.trouble is not None
    assert audit.trouble.startswith(f"the audit trail in {GROUP} is incomplete: ")
    assert "127.0.0.1:9" in audit.trouble
    assert ("", "") == tuple(capsys.readouterr())


@pytest.mark.filterwarnings("error")
def test_events_that_are_refused_are_one_text(
    connection: Connection, canned: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """watchtower would warn five times on stderr."""
    canned.answer({"logGroups": [{"logGroupName": GROUP}]})
    canned.raw(b"", status=403)  # GetCallerIdentity: the note is written without
    canned.error("AccessDeniedException", "not authorized to perform: logs:PutLogEvents")
    audit = WatchtowerAudit(open_clients(connection), GROUP, flush_seconds=30)
    audit.record("run_started", {"run_id": "1"})
    audit.close()
    assert audit.trouble is not None
    assert "logs:PutLogEvents" in audit.trouble
    assert ("", "") == tuple(capsys.readouterr())


def test_an_endpoint_that_does_not_answer_delays_nobody(canned: Any, connection: Connection) -> None:
    """Noting takes no time, and closing waits for the bound only, and says so."""
    audit = WatchtowerAudit(open_clients(connection, attempts=1), GROUP, flush_seconds=0.2)
    canned.open.clear()
    began = time.monotonic()
    audit.record("run_started", {})
    noted = time.monotonic()
    audit.close()
    closed = time.monotonic()
    canned.open.set()
    assert 5 > noted - began
    assert 0.2 <= closed - noted < 10
    assert f"the audit trail in {GROUP} is incomplete: not written within 0.2 s" == audit.trouble


def test_without_a_group_there_is_no_audit() -> None:
    """The default."""
    audit = open_gateways(Connection(region="us-east-1")).audit
    audit.record("run_started", {})
    audit.close()
    assert isinstance(audit, NoAudit)
    assert None is audit.trouble
