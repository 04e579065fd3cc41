"""SNS's topics: Publish."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jobrunner.aws import faults
from jobrunner.aws.connection import Clients, open_clients

if TYPE_CHECKING:
    from jobrunner.core.connection import Connection
    from jobrunner.core.notice import Message

#: A try. Whoever tells makes the next one.
TRY_SECONDS: Final = 5.0
_REGION: Final = 3


class SnsTopics:
    """`ports.Topics` on SNS. Its clients are made with the first message.

    A topic is asked for in its own region, which is part of its ARN: SNS knows no topics of others.

    Args:
        connection: Where AWS is.
        try_seconds: How long one try may take to connect, and to answer.
    """

    def __init__(self, connection: Connection, *, try_seconds: float = TRY_SECONDS) -> None:
        self._connection = connection
        self._try_seconds = try_seconds
        self._lock = threading.Lock()
        self._clients: dict[str, Clients] = {}

    def publish(self, message: Message) -> None:
        """Publish a message, once; see `ports.Topics.publish`."""
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()}
        with faults.translated("sns:Publish", "publish to the topic"):
            self._of(message.topic).client("sns").publish(
                TopicArn=message.topic, Subject=message.subject, Message=message.body, MessageAttributes=attributes
            )

    def close(self) -> None:
        """Close the connections that are kept open."""
        with self._lock:
            for clients in self._clients.values():
                clients.close()

    def _of(self, topic: str) -> Clients:
        region = topic.split(":")[_REGION]
        with self._lock:
            if region not in self._clients:
                there = replace(self._connection, region=region)
                limit = self._try_seconds
                made = open_clients(there, attempts=1, connect_timeout=limit, read_timeout=limit)
                self._clients[region] = made
            return self._clients[region]
