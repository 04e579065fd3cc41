"""The job's own container: measures its work, sends the figures to the collector, checks what it sums up."""

from __future__ import annotations

import hashlib
import json
import sys
import time

from rendezvous import TIMEOUT_SECONDS, direct, find, run_id

BLOCKS = 20
BLOCK_BYTES = 1 << 20


def main() -> int:
    url = find(run_id())
    if url is None:
        print("main: the collector does not answer", file=sys.stderr)
        return 1
    print(f"main: hashing {BLOCKS} blocks, reporting to {url}", flush=True)
    times = [hash_block(number) for number in range(BLOCKS)]
    for milliseconds in times:
        send(url, "hash_ms", milliseconds)
    figures = summary(url)["hash_ms"]
    print(f"main: {figures['count']} blocks, {figures['mean']:.2f} ms each, {figures['max']:.2f} ms at most")
    if (figures["count"], figures["max"]) != (BLOCKS, max(times)):
        print("main: the collector's figures are not the ones that were sent", file=sys.stderr)
        return 1
    return 0


def hash_block(number: int) -> float:
    """Hash one block; returns the milliseconds that it took."""
    block = bytes([number]) * BLOCK_BYTES
    begin = time.perf_counter()
    hashlib.sha256(block).digest()
    return (time.perf_counter() - begin) * 1000


def send(url: str, name: str, value: float) -> None:
    body = json.dumps({"name": name, "value": value}).encode()
    direct.open(f"{url}/measure", data=body, timeout=TIMEOUT_SECONDS).close()


def summary(url: str) -> dict[str, dict[str, float]]:
    with direct.open(f"{url}/summary", timeout=TIMEOUT_SECONDS) as response:
        figures: dict[str, dict[str, float]] = json.load(response)
        return figures


if __name__ == "__main__":
    sys.exit(main())
