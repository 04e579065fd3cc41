"""Clients of AWS's services for a `Connection`: created when first needed, safe to share between threads.

The clients are botocore's, which boto3's are a thin skin of: `boto3.client` returns the same object, but costs
another 10 ms of imports and 30 ms of a session with resource models that nothing here uses. Signing,
credentials, retries, proxies and endpoints are botocore's own, unmodified.
"""

from __future__ import annotations

import ipaddress
import os
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jobrunner.aws.collector import collector_paused

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.session import Session
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

    from jobrunner.core.connection import Connection

#: All tries of one call, the first included. Whoever follows a run asks again by itself, and says so meanwhile.
ATTEMPTS = 3
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


class Clients:
    """The clients of one connection.

    A client is made when it is first asked for, under one lock: botocore's clients may be shared between
    threads, its sessions may not ("Multithreading or multiprocessing with clients", Boto3 documentation).
    Whatever botocore finds wrong with the settings is raised here, as its own exception: callers are inside
    `faults.translated`.

    Args:
        connection: Where AWS is.
        attempts: All tries of one call.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        attempts: int = ATTEMPTS,
        connect_timeout: float = CONNECT_SECONDS,
        read_timeout: float = READ_SECONDS,
    ) -> None:
        self.connection = connection
        self._attempts = attempts
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._services: set[str] = set()
        self._clients: dict[str, BaseClient] = {}

    def ecs(self) -> ECSClient:
        """Give the client of ECS; what DescribeTasks answers is to be read with `raw_json.answer_of`."""
        client: ECSClient = self.client("ecs")
        return client

    def logs(self) -> CloudWatchLogsClient:
        """Give the client of CloudWatch Logs; for GetLogEvents, the same applies as for `ecs`."""
        client: CloudWatchLogsClient = self.client("logs")
        return client

    def client(self, service: str) -> Any:
        """Give the client of a service, by botocore's name of it; always the same one."""
        client = self._clients.get(service)
        if client is not None:
            return client
        with self._lock:
            if service not in self._clients:
                # The models that botocore parses are 100,000 objects that all stay. The collector would look at
                # all of them, and at the whole program, up to fifty times: 30 of 80 ms for ECS's and Logs' clients.
                with collector_paused():
                    self._clients[service] = self._create(service)
            return self._clients[service]

    def close(self) -> None:
        """Close the connections that are kept open; a client that is used again opens them again."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def _create(self, service: str) -> BaseClient:
        from jobrunner.aws.raw_json import keep_bodies  # noqa: PLC0415  late, as everything of botocore

        if self._session is None:
            self._session = _session(self.connection, self._services)
        self._services.add(service)
        client: BaseClient = self._session.create_client(
            service,
            region_name=self.connection.region,
            endpoint_url=self.connection.endpoint_url,
            config=self._config(),
        )
        keep_bodies(client)
        return client

    def _config(self) -> Any:
        from botocore.config import Config  # noqa: PLC0415  200 ms that only a call to AWS may cost

        local = _is_loopback(self.connection.endpoint_url)
        # A proxy of the environment cannot reach this machine's own addresses; {} means none, and no word of it
        # means "as the environment says". With a FIPS or dual-stack setting, botocore refuses other endpoints.
        hermetic: dict[str, Any] = {"proxies": {}, "use_fips_endpoint": False, "use_dualstack_endpoint": False}
        return Config(
            retries={"mode": "standard", "total_max_attempts": self._attempts},
            user_agent_extra=f"jobrunner/{_version()}",
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            **(hermetic if local else {}),
        )


def open_clients(
    connection: Connection,
    *,
    attempts: int = ATTEMPTS,
    connect_timeout: float = CONNECT_SECONDS,
    read_timeout: float = READ_SECONDS,
) -> Clients:
    """Give the clients of a connection; nothing is imported, read or called yet."""
    return Clients(connection, attempts=attempts, connect_timeout=connect_timeout, read_timeout=read_timeout)


def _session(connection: Connection, services: set[str]) -> Session:
    import botocore.session  # noqa: PLC0415  200 ms that only a call to AWS may cost
    from botocore.loaders import Loader  # noqa: PLC0415

    class KnownServices(Loader):
        """Takes the services that are asked for as known.

        botocore lists its 440 service folders, twice a client, to learn whether a service exists: a quarter
        of the time that a client takes. A wrong name is still an error, of the file that is not there.
        """

        def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  botocore's signature
            return sorted(services)

    key, secret = connection.access_key_id, connection.secret_access_key
    hermetic = key is not None and connection.profile is None
    session = botocore.session.Session(profile=connection.profile, session_vars=_NO_FILES if hermetic else None)
    paths = str(session.get_config_variable("data_path") or "")
    extra = [str(Path(os.path.expandvars(path)).expanduser()) for path in paths.split(os.pathsep) if path]
    session.register_component("data_loader", KnownServices(extra_search_paths=extra))
    if key is not None and secret is not None:
        session.set_credentials(key, secret)
    return session


#: With credentials given, the user's AWS files and AWS_PROFILE decide nothing: a file that cannot be parsed, or
#: a profile that does not exist here, must not stop a run on the local endpoint. The form is botocore's own:
#: key in the file, environment variable, default, conversion.
_NO_FILES: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def _is_loopback(endpoint_url: str | None) -> bool:
    host = urlsplit(endpoint_url).hostname if endpoint_url else None
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _version() -> str:
    try:
        return version("jobrunner")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
