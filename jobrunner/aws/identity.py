"""Whose credentials these are: GetCallerIdentity, which needs no permission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.aws import faults

if TYPE_CHECKING:
    from jobrunner.aws.connection import Clients


class StsIdentity:
    """`ports.Identity` on STS."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def account(self) -> str:
        """Give the account; see `ports.Identity.account`."""
        with faults.translated("sts:GetCallerIdentity", "ask for the account"):
            account: str = self._clients.client("sts").get_caller_identity()["Account"]
        return account
