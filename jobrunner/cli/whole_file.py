"""A file that others see as it was, or whole, and never in part."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> int:
    """Write a file, in place of one that is there; give its size in bytes.

    It is written beside it and then put in its place; a link keeps leading to it. What is no file, such as a pipe or
    /dev/null, is written to as it is.

    Raises:
        OSError: It cannot be written; what was there is there still.
    """
    data = text.encode(errors="replace")
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return len(data)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(target)
    finally:
        with suppress(OSError):  # it is not there any more, or there never was a place for it
            beside.unlink(missing_ok=True)
    return len(data)
