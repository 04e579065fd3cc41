"""What is sent to somebody who wants to hear of runs, as values, and why it has not arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Ping:
    """A POST request for a webhook.

    Attributes:
        url: Where to; it lets whoever knows it report in the job's name, so nothing ever shows it.
        body: Text.
    """

    url: str = field(repr=False)
    body: str

    @property
    def target(self) -> str:
        """Where to, as far as it may be shown."""
        return masked(self.url)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message for an SNS topic.

    Attributes:
        topic: The topic's ARN.
        subject: Printable ASCII, at most 99 characters.
        body: What, where, why, and what to type next.
        attributes: For the filter policies of subscribers; none is empty.
    """

    topic: str
    subject: str
    body: str
    attributes: Mapping[str, str]

    @property
    def target(self) -> str:
        """Where to."""
        return self.topic


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """Why a webhook was not told.

    Attributes:
        why: In words that do not hold its URL.
        passing: Whether another try makes sense.
    """

    why: str
    passing: bool


def masked(url: str) -> str:
    """Give what may be shown of a webhook's URL: the host. The rest is what makes it worth stealing."""
    from urllib.parse import urlsplit  # noqa: PLC0415  few commands tell anybody

    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname or ''}{port}/…"
