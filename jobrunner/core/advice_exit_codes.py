"""What the exit codes of a job's own container mean for people, and what to do about them; as `core.advice`.

Sources: "Exit Status" of the Bash manual for 126, 127 and 128 + n; signal(7) for the signals.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from jobrunner.core.advice import LOOK, Advice

if TYPE_CHECKING:
    from collections.abc import Mapping

_CRASH: Final = "Run the same image elsewhere with a core dump or a debugger; native libraries are the usual suspects."

#: Of the reason `exit`, by the exit code.
EXIT_CODES: Final[Mapping[int, Advice]] = MappingProxyType(
    {
        0: Advice("the job's program ended with exit code 0", "There is nothing to do."),
        126: Advice(
            "the job's command cannot be executed (exit code 126)",
            "Make the program executable (chmod +x) and build it for {platform}, or start its interpreter.",
        ),
        127: Advice(
            "a shell did not find the job's command (exit code 127)",
            "Check `entrypoint` and `command`, the image's PATH, and the interpreter that a script names.",
        ),
        130: Advice("SIGINT ended the job's program (exit code 130)", LOOK + " Nobody is known to have stopped it."),
        132: Advice(
            "the job's program used an instruction that the processor does not have (exit code 132, SIGILL)",
            "Build it for a plainer processor of {platform}: Fargate does not promise a model.",
        ),
        134: Advice("the job's program aborted (exit code 134, SIGABRT)", LOOK),
        137: Advice(
            "SIGKILL ended the job's program (exit code 137), and ECS does not say that it was the memory",
            "If memory grew up to the limit (Container Insights), set {larger}. Otherwise something in the container "
            "killed it, or another container of the task ended and SIGTERM was not obeyed within `stop_timeout`.",
        ),
        139: Advice("the job's program crashed (exit code 139, SIGSEGV)", _CRASH),
        143: Advice(
            "SIGTERM ended the job's program (exit code 143), and nobody is known to have stopped the task",
            "Look at how the other containers ended: when an essential one ends, ECS stops the rest. Otherwise "
            "something in the container sent the signal.",
        ),
    }
)

#: Of any other exit code.
OTHER_EXIT: Final = Advice("the job's program ended with exit code {exit_code}", LOOK)
