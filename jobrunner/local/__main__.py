"""`python -m jobrunner.local`: serve the endpoint until SIGINT, SIGTERM, or the owner's end."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jobrunner.core import local_stage
from jobrunner.errors import LocalEndpointError, SpecError
from jobrunner.local.foreground import Foreground
from jobrunner.local.registry import exports
from jobrunner.local.scheduler import read_begin, read_speed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobrunner.local.faults.values import Fault

_MAX_SECONDS: Final = 86_400
_EX_DATAERR: Final = 65


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        faults = _faults(options.faults)
    except SpecError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return _EX_DATAERR
    try:
        foreground = Foreground(
            port=options.port,
            workdir=options.workdir,
            region=options.region,
            startup=options.startup,
            deprovision=options.deprovision,
            state_dir=options.state_dir,
            owner_fd=options.owner_fd,
            linger=options.linger,
            faults=faults,
            speed=options.speed,
            begins=options.begins,
        )
    except OSError as error:
        sys.stderr.write(f"the local endpoint cannot listen on port {options.port}: {error.strerror}\n")
        return 1
    try:
        _serve(foreground, options)
    except LocalEndpointError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _faults(path: Path | None) -> Sequence[Fault]:
    if path is None:
        return ()
    from jobrunner.local.faults.document import load_faults  # noqa: PLC0415 - only who orders faults pays for pydantic

    return load_faults(path)


def _serve(foreground: Foreground, options: argparse.Namespace) -> None:
    with foreground:
        if options.ready_fd is not None:
            with os.fdopen(options.ready_fd, "w") as ready:
                json.dump(foreground.info.document(), ready)
        else:
            sys.stdout.write("\n".join(exports(foreground.info)) + "\n")
            sys.stdout.flush()
        sys.stderr.write("Tasks run as processes of this machine; images are not pulled.\n")
        foreground.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jobrunner.local", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--workdir", type=_directory, default=Path.cwd(), help="where containers run")
    parser.add_argument("--region", default=local_stage.REGION)
    parser.add_argument("--startup", type=_seconds, default=0.0, help="simulated seconds until RUNNING")
    parser.add_argument("--deprovision", type=_seconds, default=0.0, help="simulated seconds until STOPPED")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="faults on order, YAML or JSON; docs/faults.md")
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="let schedules fire N times faster")
    parser.add_argument("--from", dest="begins", type=_moment, metavar="TIME", help="and from this time on, ISO 8601")
    parser.add_argument("--state-dir", type=Path, help="where to register, so that others find this endpoint")
    parser.add_argument("--ready-fd", type=int, help="descriptor to write the endpoint's description to")
    parser.add_argument("--owner-fd", type=int, help="pipe whose end means that the owner has gone")
    parser.add_argument("--linger", type=_seconds, help="end after so many seconds without tasks and requests")
    return parser


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a directory")
    return path.absolute()


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 to {_MAX_SECONDS}")
    return value


def _speed(text: str) -> float:
    try:
        return read_speed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        return read_begin(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
