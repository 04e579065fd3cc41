"""Fail on purpose: say why on stderr, and exit with the code that was asked for."""

from __future__ import annotations

import sys


def main(text: str) -> int:
    if text not in map(str, range(256)):
        raise SystemExit(f"fail: {text!r} is not an exit code: 0 to 255")
    print("fail: about to fail", flush=True)
    print(f"fail: this job fails on purpose, with exit code {text}", file=sys.stderr)
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "3"))
