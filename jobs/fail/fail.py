"""Fail on purpose: say why on stderr and exit with the code that was asked for."""

from __future__ import annotations

import sys


def main(code: int) -> int:
    print("fail: looking for the file that should be there", flush=True)
    print(f"fail: this job fails on purpose, with exit code {code}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
