"""Print N numbered lines as fast as possible: what a log reader must not lose, double or reorder."""

from __future__ import annotations

import sys

#: Lines to a write: enough to make the writes cheap, few enough to keep the memory flat.
BATCH = 1000


def main(lines: int) -> None:
    for first in range(1, lines + 1, BATCH):
        batch = range(first, min(first + BATCH, lines + 1))
        sys.stdout.write("".join(f"line {number} of {lines}\n" for number in batch))


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise SystemExit(f"chatty: {text!r} is not a number of lines")
    return int(text)


if __name__ == "__main__":
    main(whole_number(sys.argv[1] if len(sys.argv) > 1 else "10000"))
