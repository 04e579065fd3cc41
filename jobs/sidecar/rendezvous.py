"""Where the collector of this run listens, found by both containers without a shared file.

On Fargate the containers of a task share a loopback that is theirs alone, and any fixed port would do. As
processes of one machine, two runs share it with each other and with everything else. So the run id gives a
list of ports: the collector takes the first that is free, and its clients take the first where somebody
answers with their own run id. Two runs can want the same port, but never mistake each other's collector.
"""

from __future__ import annotations

import json
import os
import zlib
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"

#: Under the ports that Linux (32768) and macOS (49152) hand out to clients, which come and go.
PORTS = range(20_000, 30_000)
CANDIDATES = 16

TIMEOUT_SECONDS = 5.0

#: An HTTP_PROXY in the environment is for the outside, not for the container next door.
direct = build_opener(ProxyHandler({}))


def run_id() -> str:
    """The one thing that both containers of a run know, and no other run does."""
    try:
        return os.environ["JOBRUNNER_RUN_ID"]
    except KeyError:
        raise SystemExit("sidecar: JOBRUNNER_RUN_ID is not set: start this job with `jobrunner run`") from None


def candidates(run: str) -> Iterator[int]:
    """The ports that the collector of this run may take, in the order in which it tries them."""
    return (PORTS[zlib.crc32(f"{run}/{number}".encode()) % len(PORTS)] for number in range(CANDIDATES))


def find(run: str) -> str | None:
    """The base URL of this run's collector, or None when it does not answer (yet)."""
    urls = (f"http://{HOST}:{port}" for port in candidates(run))
    return next((url for url in urls if health(url) == {"run_id": run}), None)


def health(url: str) -> object:
    """What is said at `url`/health; None when nobody is there, or somebody who speaks another language."""
    try:
        with direct.open(f"{url}/health", timeout=TIMEOUT_SECONDS) as response:
            return json.load(response)
    except (OSError, HTTPException, ValueError):
        return None
