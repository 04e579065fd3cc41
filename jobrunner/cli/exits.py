"""The exit codes of the command line: every one has a name, and none is written anywhere else.

`run` and `attach` end as the job's own container did; everything else follows sysexits.h, coreutils' `timeout`
and docker. A run that nobody knows counts as a wrong name (65, like an unknown job): 1 and 2 already mean
"the container said so" and "the command line cannot be read".
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from jobrunner import errors

if TYPE_CHECKING:
    from jobrunner.core.outcome import Outcome

OK: Final = 0
#: A failed container whose own code says nothing (none, 0 or beyond a byte).
FAILED: Final = 1
USAGE: Final = 2
#: As terraform's -detailed-exitcode, which has 2 for it.
CHANGES: Final = 3
#: EX_DATAERR of sysexits.h: a document, a setting or a name is wrong, or a budget is exceeded; nothing was sent.
INVALID: Final = 65
#: EX_UNAVAILABLE: AWS, the local endpoint or the run store cannot be used.
UNAVAILABLE: Final = 69
#: EX_SOFTWARE: a bug in jobrunner.
BUG: Final = 70
#: EX_IOERR: stdout is a file that cannot be written, on a full disk for instance.
UNWRITABLE: Final = 74
#: As coreutils' `timeout`.
TIMED_OUT: Final = 124
#: As `docker run` when the container could not be created.
NOT_RUN: Final = 125
_SIGNALLED: Final = 128
#: What a shell reports of a program that wrote into a closed pipe.
BROKEN_PIPE: Final = _SIGNALLED + signal.SIGPIPE
OUT_OF_MEMORY: Final = _SIGNALLED + signal.SIGKILL
INTERRUPTED: Final = _SIGNALLED + signal.SIGINT
TERMINATED: Final = _SIGNALLED + signal.SIGTERM

_LARGEST: Final = 255

_OF_ERRORS: Final[tuple[tuple[type[errors.JobrunnerError], int], ...]] = (
    (errors.SpecError, INVALID),
    (errors.BudgetError, INVALID),
    (errors.UnknownJobError, INVALID),
    (errors.UnknownRunError, INVALID),
    (errors.AmbiguousRunError, INVALID),
    (errors.AwsError, UNAVAILABLE),
    (errors.LocalEndpointError, UNAVAILABLE),
    (errors.StoreError, UNAVAILABLE),
)

#: What a container's own exit code is replaced by when it has none, or says 0 although the run did not succeed.
_WITHOUT_CODE: Final = {"failed": FAILED, "stopped": TERMINATED, "out_of_memory": OUT_OF_MEMORY}
_FIXED: Final = {"succeeded": OK, "timed_out": TIMED_OUT, "never_started": NOT_RUN, "lost": NOT_RUN}


def of_error(error: errors.JobrunnerError) -> int:
    """Give the exit code of a failure of the tool."""
    return next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), BUG)


def of_signal(number: int) -> int:
    """Give the exit code of a command that a signal ended."""
    return _SIGNALLED + number


def of_outcome(outcome: Outcome, interrupted_by: int | None = None) -> int:
    """Give the exit code of `run` and `attach`.

    Args:
        outcome: How the run ended.
        interrupted_by: The signal that this process received, or None. A run that ended by itself before the
            signal could stop it keeps its own exit code.
    """
    verdict = str(outcome.verdict)
    if verdict in _FIXED:
        return _FIXED[verdict]
    if verdict == "interrupted":
        return of_signal(interrupted_by or signal.SIGINT)
    if outcome.exit_code is None or outcome.exit_code == 0:
        return _WITHOUT_CODE[verdict]
    return outcome.exit_code if 0 < outcome.exit_code <= _LARGEST else FAILED
