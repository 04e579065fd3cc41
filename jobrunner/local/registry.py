"""The endpoints of this machine: which live, and how to reach them. Imports nothing heavy."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobrunner.core.connection import LOG_SETTLE_SECONDS, TASK_SETTLE_SECONDS, Connection
from jobrunner.local.environment import ACCESS_KEY_ID, SECRET_ACCESS_KEY, client_environment

#: An endpoint on this machine answers in a millisecond; a busy one may need longer.
_TIMEOUT = 2.0
#: An endpoint on this machine that does not answer for so long has gone; no network lies between.
_PATIENCE = 5.0


@dataclass(frozen=True, kw_only=True)
class EndpointInfo:
    """One endpoint.

    Attributes:
        id: Another one may later listen on the same port; this tells them apart.
        url: Where it answers.
        pid: Its process.
        region: Of its built-in resources.
        workdir: Where its containers run.
        started_at: Seconds since 1970.
        owned: It ends with another process, which started it for itself.
        late_logs: Somebody ordered that lines become readable late.
        late_tasks: Somebody ordered that tasks be unknown at first.
    """

    id: str
    url: str
    pid: int
    region: str
    workdir: str
    started_at: float
    owned: bool = False
    late_logs: bool = False
    late_tasks: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def parse(cls, document: dict[str, Any]) -> EndpointInfo:
        """From JSON; further members are ignored.

        Raises:
            ValueError: Members are missing.
        """
        try:
            return cls(**{name: document[name] for name in cls.__dataclass_fields__ if name in document})
        except TypeError as error:
            raise ValueError(str(error)) from None


def connection_for(info: EndpointInfo) -> Connection:
    """How to reach an endpoint.

    `log_settle` is 0: every line that a container wrote is readable before any answer shows its exit code.
    `task_settle` is 0: a task that RunTask has returned is known to every later call.
    Where somebody ordered faults that break these promises, both are what they are on AWS.
    """
    return Connection(
        region=info.region,
        endpoint_url=info.url,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        log_settle=LOG_SETTLE_SECONDS if info.late_logs else 0.0,
        task_settle=TASK_SETTLE_SECONDS if info.late_tasks else 0.0,
        patience=_PATIENCE,
        quotas=False,
        endpoint_id=info.id,
    )


def exports(info: EndpointInfo) -> list[str]:
    """The shell lines that point any AWS client at an endpoint."""
    environment = client_environment(info.url, info.region)
    return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]


def _directory(state_dir: Path) -> Path:
    return state_dir / "endpoints"


def register(state_dir: Path, info: EndpointInfo) -> Path:
    """Make an endpoint known to others: a file that only this user may read, complete from its first moment on."""
    directory = _directory(state_dir)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=directory, suffix=".new")
    with os.fdopen(handle, "w") as file:  # mkstemp makes the file 0600
        json.dump(info.document(), file)
    path = directory / f"{info.id}.json"
    Path(name).replace(path)
    return path


def endpoints(state_dir: Path) -> list[EndpointInfo]:
    """The living endpoints, newest first. Files of dead ones are removed."""
    found = []
    for path in _directory(state_dir).glob("*.json"):
        try:
            info = EndpointInfo.parse(json.loads(path.read_text()))
        except (OSError, ValueError):
            info = None
        living = None if info is None else living_as(info)
        if living is not None:
            found.append(living)
        else:
            path.unlink(missing_ok=True)
    return sorted(found, key=lambda info: info.started_at, reverse=True)


def discover(state_dir: Path, *, endpoint_id: str | None = None, owned: bool = False) -> EndpointInfo | None:
    """The newest living endpoint, or the one of an id.

    Args:
        state_dir: Where endpoints register.
        endpoint_id: Only this one.
        owned: Also those that another process started for itself: to look at a run there, not to start one that
            should outlive that process.
    """
    for info in endpoints(state_dir):
        if endpoint_id in (None, info.id) and (owned or endpoint_id is not None or not info.owned):
            return info
    return None


def living_as(info: EndpointInfo) -> EndpointInfo | None:
    """What this very endpoint is like now; None if it has gone.

    It lives if its process does, and what listens at its address says its id.
    """
    try:
        os.kill(info.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    address = urlsplit(info.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/_jobrunner/endpoint")
        document = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    if not isinstance(document, dict) or document.get("id") != info.id:
        return None
    # What has been ordered since it registered.
    return replace(info, late_logs=bool(document.get("late_logs")), late_tasks=bool(document.get("late_tasks")))
