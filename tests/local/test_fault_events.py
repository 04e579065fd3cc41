"""Events that come late, twice, and out of order."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from endpoint_jobs import Jobs, client_of, container, until

from jobrunner.core import local_stage
from jobrunner.local import serve
from jobrunner.local.faults import DoubledEvents, Fault, FaultBook, LateEvents

if TYPE_CHECKING:
    from jobrunner.core.connection import Connection
    from jobrunner.local.endpoint import Endpoint

_numbers = itertools.count()
#: All changes of a task that runs, after its creation.
LIFE = ["PENDING", "ACTIVATING", "RUNNING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


class Mailbox:
    """The events of the tasks that are started with a mark of their own, as a queue receives them."""

    def __init__(self, connection: Connection) -> None:
        self.mark = f"mailbox-{next(_numbers)}"
        self._sqs = client_of(connection, "sqs")
        self._url = self._sqs.create_queue(QueueName=self.mark)["QueueUrl"]
        events = client_of(connection, "events")
        pattern = {"source": ["aws.ecs"], "detail": {"startedBy": [self.mark]}}
        events.put_rule(Name=self.mark, EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:{local_stage.REGION}:{local_stage.ACCOUNT_ID}:{self.mark}"
        events.put_targets(Rule=self.mark, Targets=[{"Id": "1", "Arn": arn}])
        self.received: list[dict[str, Any]] = []

    def wait(self, count: int) -> list[dict[str, Any]]:
        """Receive until so many have come; all that have, in the order of their sending."""

        def enough() -> bool:
            found = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, AttributeNames=["SentTimestamp"]
            ).get("Messages", [])
            for message in found:
                body = json.loads(message["Body"])
                self.received.append({**body, "sent": int(message["Attributes"]["SentTimestamp"])})
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            return len(self.received) >= count

        until(enough)
        return sorted(self.received, key=lambda event: event["sent"])


@pytest.fixture
def mailbox(endpoint: Endpoint) -> Mailbox:
    """A mailbox of its own."""
    return Mailbox(endpoint.connection)


def statuses(events: list[dict[str, Any]]) -> list[str]:
    """The last status of each event."""
    return [event["detail"]["lastStatus"] for event in events]


def run(jobs: Jobs, mailbox: Mailbox, count: int, text: str = "true") -> list[dict[str, Any]]:
    """Run a task to its end, and wait for so many of its events."""
    jobs.run(container("sh", "-c", text), startedBy=mailbox.mark)
    return mailbox.wait(count)


def test_late_event(jobs: Jobs, faults: FaultBook, mailbox: Mailbox) -> None:
    """RUNNING is sent after STOPPED, and says when it was all the same."""
    (order,) = faults.order(LateEvents(seconds=1, last_status="RUNNING"))
    events = run(jobs, mailbox, len(LIFE))
    seen = statuses(events)
    assert (sorted(LIFE), "RUNNING", 1) == (sorted(seen), seen[-1], order.struck)
    assert seen.index("STOPPED") < seen.index("RUNNING")
    stopped, late = events[seen.index("STOPPED")], events[-1]
    assert late["detail"]["version"] < stopped["detail"]["version"]
    assert late["detail"]["updatedAt"] <= stopped["detail"]["updatedAt"]
    assert late["sent"] - stopped["sent"] > 200


def test_every_other_event_is_late(jobs: Jobs, faults: FaultBook, mailbox: Mailbox) -> None:
    """Events with an even version are overtaken by those with an odd one; none is lost."""
    faults.order(LateEvents(seconds=1, every=2))
    versions = [event["detail"]["version"] for event in run(jobs, mailbox, len(LIFE))]
    even = [version % 2 == 0 for version in versions]
    assert sorted(even) == even, versions
    assert sorted(set(versions)) == sorted(versions)


@pytest.mark.parametrize("seconds", [0, 1])
def test_doubled_events(jobs: Jobs, faults: FaultBook, mailbox: Mailbox, seconds: float) -> None:
    """An event is sent twice, with the same id and version; the second time perhaps later."""
    faults.order(DoubledEvents(seconds=seconds, last_status=["STOPPED", "PENDING"]))
    events = run(jobs, mailbox, len(LIFE) + 2)
    seen = statuses(events)
    assert (2, 2, 1) == (seen.count("STOPPED"), seen.count("PENDING"), seen.count("ACTIVATING"))
    first, second = (event for event in events if event["detail"]["lastStatus"] == "STOPPED")
    assert (first["id"], first["detail"]) == (second["id"], second["detail"])
    assert second["sent"] - first["sent"] >= seconds * 500


def test_late_and_doubled(jobs: Jobs, faults: FaultBook, mailbox: Mailbox) -> None:
    """Both together: the late event comes twice, late each time."""
    both: list[Fault] = [LateEvents(seconds=1, last_status="PENDING"), DoubledEvents(last_status="PENDING")]
    orders = faults.order(*both)
    assert ["PENDING"] * 2 == statuses(run(jobs, mailbox, len(LIFE) + 1))[-2:]
    assert [1, 1] == [order.struck for order in orders]


def test_other_tasks_are_punctual(jobs: Jobs, faults: FaultBook, mailbox: Mailbox) -> None:
    """A fault for a job leaves the events of the others alone."""
    (order,) = faults.order(DoubledEvents(job="another"))
    assert sorted(LIFE) == sorted(statuses(run(jobs, mailbox, len(LIFE))))
    assert 0 == order.struck


def test_end_of_the_endpoint_delivers_what_is_late(endpoint: Endpoint) -> None:
    """No event is lost because the endpoint ends before it was due."""
    with serve(faults=[LateEvents(seconds=600)]) as ending:
        mailbox = Mailbox(ending.connection)
        Jobs(ending.connection).run(container("true"), startedBy=mailbox.mark)
    elsewhere = Mailbox(endpoint.connection)  # moto's queues are this process's
    elsewhere._url = mailbox._url.replace(ending.url, endpoint.url)
    assert sorted(LIFE) == sorted(statuses(elsewhere.wait(len(LIFE))))
