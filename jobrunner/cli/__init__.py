"""The command line: `main()` is the console script, and the one place where errors become messages and exit codes.

Nothing is imported here that `jobrunner --help` does not need; a command's module is imported when it runs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from jobrunner.cli import exits

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; see `jobrunner.cli.exits`.

    Args:
        argv: The words after the program's name; by default this process's.
    """
    try:
        code = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough of it: end as a program does that SIGPIPE ends, and say nothing.
        code = exits.BROKEN_PIPE
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())  # or the interpreter's last flush would complain
    sys.exit(code)


def _run(argv: Sequence[str] | None) -> int:
    import click

    from jobrunner.cli import failure
    from jobrunner.cli.group import cli
    from jobrunner.cli.invocation import Invocation
    from jobrunner.errors import JobrunnerError

    invocation = Invocation()
    try:
        code = cli.main(args=argv, prog_name="jobrunner", standalone_mode=False, obj=invocation)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return exits.INTERRUPTED
    except JobrunnerError as error:
        return failure.report(error, invocation)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001  a bug must not look like a failure of the job
        return failure.report_bug(error, invocation)
    return code if isinstance(code, int) else exits.OK
