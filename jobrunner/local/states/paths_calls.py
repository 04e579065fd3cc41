"""How moto's interpreter reaches the endpoint whose execution it executes.

It makes clients for `http://localhost:PORT` with the port of moto's own server, and lets them wait for three years. An
execution's role, which moto hands to every call, says here whose execution it is: one process may hold two endpoints.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.states.errors import RUNTIME, StateError

if TYPE_CHECKING:
    from jobrunner.local.states.integrations import Calls

_MODULES: Final = "moto.stepfunctions.parser."
_PATCHED: Final = "boto_client_for"
#: Longer than any call here takes; a fault may hold one up.
_READ: Final = 120
_CONNECT: Final = 10
_endpoints: dict[str, Calls] = {}


class Role(str):
    """The ARN of an execution's role, with the URL of its endpoint."""

    __slots__ = ("url",)
    url: str

    @classmethod
    def of(cls, arn: str, url: str) -> Role:
        """A role at an endpoint."""
        role = cls(arn)
        role.url = url
        return role

    def __deepcopy__(self, _memo: Any) -> Role:
        return self


def register(url: str, calls: Calls) -> None:
    """Say how an endpoint is called, and make moto's clients call it."""
    _endpoints[url] = calls
    for name, module in list(sys.modules.items()):
        if name.startswith(_MODULES) and getattr(module, _PATCHED, _client) is not _client:
            setattr(module, _PATCHED, _client)


def forget(url: str) -> None:
    """The endpoint closes."""
    _endpoints.pop(url, None)


def _url(credentials: Any) -> str:
    """The endpoint of an execution; of a state with a role of its own, which says none, the newest."""
    url = getattr(getattr(credentials, "role_arn", None), "url", None) or next(reversed(_endpoints), None)
    if url is None or url not in _endpoints:
        raise StateError(RUNTIME, "The local endpoint has closed.")
    return str(url)


def calls_of(credentials: Any) -> Calls:
    """How the endpoint of an execution is called."""
    return _endpoints[_url(credentials)]


def _client(region: str, service: str, state_credentials: Any = None) -> Any:
    """Stands for moto's `boto_client_for`."""
    import boto3  # noqa: PLC0415 - it is slow to import
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        parameter_validation=False,
        retries={"total_max_attempts": 1},
        connect_timeout=_CONNECT,
        read_timeout=_READ,
        proxies={},
    )
    session: Any = boto3
    return session.client(
        service,
        region_name=region,
        endpoint_url=_url(state_credentials),
        aws_access_key_id="ak",
        aws_secret_access_key="sk",  # noqa: S106 - the endpoint asks for none
        config=config,
    )
