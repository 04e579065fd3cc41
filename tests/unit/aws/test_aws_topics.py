"""Messages for SNS, published on the local endpoint to a queue that a test reads; and what SNS refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jobrunner.aws.connection import open_clients
from jobrunner.aws.topics import SnsTopics
from jobrunner.core.connection import Connection
from jobrunner.core.notice import Message
from jobrunner.errors import AwsRefusedError, AwsUnreachableError
from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The connection of a local endpoint."""
    with serve(workdir=tmp_path_factory.mktemp("work")) as endpoint:
        yield endpoint.connection


def message(topic: str, **fields: Any) -> Message:
    """A message for a topic."""
    given = {"subject": "[shop] etl failed", "body": "why: é", "attributes": {"job": "etl", "verdict": "failed"}}
    return Message(topic=topic, **{**given, **fields})


def subscribed(connection: Connection, region: str) -> tuple[str, Any]:
    """A topic in a region, and a function that gives what its queue has got."""
    clients = open_clients(Connection(**{**vars(connection), "region": region}))
    sns, sqs = clients.client("sns"), clients.client("sqs")
    topic = sns.create_topic(Name=f"t-{region}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"q-{region}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def got() -> dict[str, Any]:
        [one] = sqs.receive_message(QueueUrl=queue)["Messages"]
        document: dict[str, Any] = json.loads(one["Body"])
        return document

    return topic, got


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3"])
def test_a_message_arrives(local: Connection, region: str) -> None:
    """In the topic's region, whichever the connection's is; with its attributes, to be filtered by."""
    topic, got = subscribed(local, region)
    topics = SnsTopics(local)
    topics.publish(message(topic))
    topics.close()
    arrived = got()
    assert ("[shop] etl failed", "why: é") == (arrived["Subject"], arrived["Message"])
    attributes = {name: value["Value"] for name, value in arrived["MessageAttributes"].items()}
    assert {"job": "etl", "verdict": "failed"} == attributes


def test_a_topic_that_does_not_exist(local: Connection) -> None:
    """It is refused, and said by which call; the words are moto's."""
    with pytest.raises(AwsRefusedError, match="cannot publish to the topic: Endpoint does not exist") as caught:
        SnsTopics(local).publish(message("arn:aws:sns:us-east-1:123456789012:nowhere"))
    assert "sns:Publish" == caught.value.where


def test_nobody_answers(local: Connection) -> None:
    """One try, and no more: whoever tells makes the next."""
    nowhere = Connection(**{**vars(local), "endpoint_url": "http://127.0.0.1:1"})
    with pytest.raises(AwsUnreachableError, match="cannot publish to the topic"):
        SnsTopics(nowhere).publish(message("arn:aws:sns:us-east-1:123456789012:t"))
