"""The HTTP side: connections are kept, interceptors come first, a defect is an answer and no broken connection."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from endpoint_jobs import Jobs

from jobrunner.core import local_stage
from jobrunner.local import serve
from jobrunner.local.wire import ApiError, DropConnectionError, Reply, Request, json_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.local.endpoint import Endpoint

ECS = "AmazonEC2ContainerServiceV20141113."


@pytest.fixture
def connection(endpoint: Endpoint) -> Iterator[http.client.HTTPConnection]:
    """One connection."""
    address = urlsplit(endpoint.url)
    opened = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    yield opened
    opened.close()


def post(connection: http.client.HTTPConnection, target: str, body: bytes | str = "{}") -> tuple[int, Any]:
    """The status and the document of an answer."""
    scope = "Credential=local/20261123/us-east-1/ecs/aws4_request"
    headers = {"X-Amz-Target": target, "Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=0"}
    connection.request("POST", "/", body=body, headers=headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_connections_are_kept(connection: http.client.HTTPConnection) -> None:
    """One connection serves our operations and moto's, one after the other."""
    connection.connect()
    socket = connection.sock
    listed = json.dumps({"cluster": local_stage.CLUSTER})
    for _ in range(2):
        assert 200 == post(connection, ECS + "ListTasks", listed)[0]
        assert 200 == post(connection, ECS + "ListClusters")[0]
    assert socket is connection.sock


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_body_that_is_no_json(connection: http.client.HTTPConnection, body: bytes) -> None:
    """A body that is no JSON object is refused as AWS does."""
    status, answer = post(connection, ECS + "ListTasks", body)
    assert (400, "SerializationException") == (status, answer["__type"])


def test_defect_is_a_500(endpoint: Endpoint, connection: http.client.HTTPConnection) -> None:
    """Whatever goes wrong in an answer is an answer itself."""

    def broken(_: Request) -> Reply | None:
        raise ZeroDivisionError

    endpoint.interceptors.append(broken)
    try:
        status, answer = post(connection, ECS + "ListTasks")
    finally:
        endpoint.interceptors.remove(broken)
    assert (500, "InternalFailure") == (status, answer["__type"])


def test_interceptors() -> None:
    """An interceptor may answer, refuse, drop the connection, or let pass, our operations and moto's alike."""
    seen: list[str] = []

    def intercept(request: Request) -> Reply | None:
        seen.append(request.operation)
        if request.operation == "ListClusters":
            return json_reply({"clusterArns": ["intercepted"]})
        if request.operation == "ListServices":
            raise ApiError("ThrottlingException", "Rate exceeded")
        if request.operation == "ListTasks":
            raise DropConnectionError
        return None

    with serve(interceptors=[intercept]) as endpoint:
        jobs = Jobs(endpoint.connection)
        assert ["intercepted"] == jobs.ecs.list_clusters()["clusterArns"]
        with pytest.raises(jobs.ecs.exceptions.ClientError, match="ThrottlingException"):
            jobs.ecs.list_services()
        with pytest.raises(Exception, match="Connection was closed"):
            jobs.ecs.list_tasks()
        assert [local_stage.CLUSTER] == [
            found["clusterName"] for found in jobs.ecs.describe_clusters(clusters=[local_stage.CLUSTER])["clusters"]
        ]
    assert {"ListClusters", "ListServices", "ListTasks", "DescribeClusters"} <= set(seen)
