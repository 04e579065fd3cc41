"""Clients: late, shared, and deaf to what a connection with its own credentials does not need."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jobrunner.aws import open_gateways
from jobrunner.aws.connection import open_clients
from jobrunner.core.connection import Connection
from jobrunner.errors import AwsRefusedError, AwsUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

    from jobrunner.aws import Gateways

#: A port of 127.0.0.1 on which nobody listens.
NOWHERE = "http://127.0.0.1:9"
AWS_SETTINGS = (
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine on which nobody has logged in."""
    for name in AWS_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def test_nothing_of_botocore_is_imported_before_the_first_call() -> None:
    """`import jobrunner.aws` and opening the gateways cost nothing that a wrong document would waste."""
    program = (
        "import sys; from jobrunner.aws import open_gateways; from jobrunner.core.connection import Connection;"
        "open_gateways(Connection(region='us-east-1'), audit_log_group='/audit');"
        "print([name for name in sys.modules if name.split('.')[0] in ('boto3', 'botocore', 'watchtower')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_boto3_itself_is_not_needed() -> None:
    """Its session costs as much again as botocore's client, for the same client."""
    program = (
        "import sys; from jobrunner.aws.connection import open_clients;"
        "from jobrunner.core.connection import Connection;"
        "open_clients(Connection(region='us-east-1', access_key_id='a', secret_access_key='b')).ecs();"
        "print('boto3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


def test_threads_share_one_client(connection: Connection) -> None:
    """Sessions are not thread-safe: many threads that ask first at once get one client."""
    clients = open_clients(connection)
    gate = threading.Barrier(6)
    found: list[object] = []

    def ask() -> None:
        gate.wait()
        found.append(clients.logs())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 6 == len(found)
    assert {id(found[0])} == {id(client) for client in found}


def test_calls_say_who_makes_them(gateways: Gateways, canned: Any) -> None:
    """CloudTrail shows the user agent."""
    canned.answer({"taskArns": []})
    gateways.tasks.find("batch", stopped=False)
    assert "jobrunner/" in canned.headers[0]["User-Agent"]


def test_a_connection_with_credentials_reads_no_file_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, connection: Connection, canned: Any
) -> None:
    """A broken ~/.aws/config, a profile of another machine or a proxy do not stop a run on the local endpoint."""
    (tmp_path / "config").write_text("[this is not\nan ini file")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "of-another-machine")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("HTTP_PROXY", NOWHERE)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    canned.answer({"taskArns": ["arn"]})
    assert ["arn"] == list(open_gateways(connection).tasks.find("batch", stopped=False))


def test_no_credentials_say_where_they_were_looked_for(nobody: pytest.MonkeyPatch) -> None:
    """The most frequent first error of all."""
    del nobody
    with pytest.raises(AwsUnreachableError, match="Unable to locate credentials") as caught:
        open_gateways(Connection(region="us-east-1", endpoint_url=NOWHERE)).tasks.find("batch")
    assert caught.value.hint is not None
    assert "aws sso login" in caught.value.hint


def test_an_unknown_profile_is_refused(nobody: pytest.MonkeyPatch) -> None:
    """Named by the project or by AWS_PROFILE."""
    with pytest.raises(AwsRefusedError, match="of-another-machine"):
        open_gateways(Connection(region="us-east-1", profile="of-another-machine")).tasks.find("batch")
    nobody.setenv("AWS_PROFILE", "also-unknown")
    with pytest.raises(AwsRefusedError, match="also-unknown"):
        open_gateways(Connection(region="us-east-1")).tasks.find("batch")


def test_a_broken_configuration_is_refused(nobody: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the file's name."""
    del nobody
    (tmp_path / "config").write_text("[this is not\nan ini file")
    with pytest.raises(AwsRefusedError, match="config") as caught:
        open_gateways(Connection(region="us-east-1")).tasks.find("batch")
    assert "ecs:ListTasks" == caught.value.where


def test_a_region_that_is_none_is_refused() -> None:
    """No traceback from the endpoint rules."""
    connection = Connection(region="not a region", access_key_id="a", secret_access_key="b")
    with pytest.raises(AwsRefusedError) as caught:
        open_gateways(connection).tasks.find("batch")
    assert caught.value.hint is not None
    assert "region" in caught.value.hint


def test_an_endpoint_that_is_not_there_is_unreachable() -> None:
    """Whether a call arrived is unknown: the kind says so."""
    connection = Connection(region="us-east-1", endpoint_url=NOWHERE, access_key_id="a", secret_access_key="b")
    with pytest.raises(AwsUnreachableError, match=r"127\.0\.0\.1:9"):
        open_gateways(connection).tasks.find("batch")


def test_the_garbage_collector_runs_again_after_a_client_was_made(connection: Connection) -> None:
    """It is paused while a client is made, and only if it was on."""
    program = (
        "import gc; from jobrunner.aws.connection import open_clients;"
        "from jobrunner.core.connection import Connection;"
        f"c = open_clients(Connection(region='us-east-1', endpoint_url={connection.endpoint_url!r},"
        " access_key_id='a', secret_access_key='b'));"
        "c.ecs(); print(gc.isenabled()); gc.disable(); c.logs(); print(gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "True\nFalse\n" == done.stdout
