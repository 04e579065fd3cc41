"""The command line: `main()` is the console script, and the one place where errors become messages and exit codes.

Nothing is imported here that `jobrunner --help` does not need; a command's module is imported when it runs.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from jobrunner.cli import collector, exits

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; see `jobrunner.cli.exits`.

    Args:
        argv: The words after the program's name; by default this process's.
    """
    if argv is None:
        collector.rest()
    _open_streams()
    try:
        code = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = exits.INTERRUPTED
    except OSError as error:  # from click, which writes help and versions itself
        if error.errno not in {errno.EPIPE, errno.ENOSPC}:
            raise
        code = exits.BROKEN_PIPE if error.errno == errno.EPIPE else exits.UNWRITABLE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's last flush
    collector.end()
    sys.exit(code)


def _open_streams() -> None:
    """Give a process that was started with a closed stdout or stderr (`>&-`) somewhere to write."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  for as long as the process lives
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def _run(argv: Sequence[str] | None) -> int:
    import click

    from jobrunner.cli.group import cli
    from jobrunner.cli.invocation import Invocation
    from jobrunner.cli.terminal import OutputLostError
    from jobrunner.errors import JobrunnerError

    invocation = Invocation()
    try:
        code = cli.main(args=argv, prog_name="jobrunner", standalone_mode=False, obj=invocation)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return exits.INTERRUPTED
    except (JobrunnerError, OutputLostError) as error:
        from jobrunner.cli import failure

        return failure.report(error, invocation)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
            raise
        from jobrunner.cli import failure

        # A bug must not look like a failure of the job.
        return failure.report_bug(error, invocation)
    return code if isinstance(code, int) else exits.OK
