"""Fakes of `ports.Topics` and `ports.Webhooks`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from jobrunner.core.notice import Message, Ping, Undelivered


class FakeTopics(Scripted):
    """`ports.Topics` in memory; every topic exists.

    Attributes:
        published: What subscribers have got, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Message] = []

    def publish(self, message: Message) -> None:
        """Publish a message; see `ports.Topics.publish`."""
        self._called("publish")
        self.published.append(message)


class FakeWebhooks:
    """`ports.Webhooks` in memory; `refuse` orders a failure.

    Attributes:
        tried: Every ping, also those that were refused.
        posted: Those that have arrived, in order.
    """

    def __init__(self) -> None:
        self.tried: list[Ping] = []
        self.posted: list[Ping] = []
        self._refusals: deque[Undelivered] = deque()

    def refuse(self, *refusals: Undelivered) -> None:
        """Make the next pings fail, one each."""
        self._refusals.extend(refusals)

    def post(self, ping: Ping) -> Undelivered | None:
        """Send a ping; see `ports.Webhooks.post`."""
        self.tried.append(ping)
        if self._refusals:
            return self._refusals.popleft()
        self.posted.append(ping)
        return None
