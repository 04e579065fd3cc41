"""A fake of `ports.Identity`."""

from __future__ import annotations

from jobrunner.core.local_stage import ACCOUNT_ID
from jobrunner.testing.ecs import Scripted


class FakeIdentity(Scripted):
    """`ports.Identity` in memory.

    Args:
        account: Whose credentials these are.
    """

    def __init__(self, account: str = ACCOUNT_ID) -> None:
        super().__init__()
        self._account = account

    def account(self) -> str:
        """Give the account."""
        self._called("account")
        return self._account
