"""The job whose log is read: N lines of 100 bytes, without their newlines. lines.py N."""

import sys
from collections.abc import Iterator

BATCH = 1_000


def lines(count: int) -> Iterator[str]:
    """Give the output in pieces of up to a thousand lines."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        yield "".join(f"line {number:>9} of {count:>9} ".ljust(100, "x") + "\n" for number in numbers)


if __name__ == "__main__":
    sys.stdout.writelines(lines(int(sys.argv[1])))
