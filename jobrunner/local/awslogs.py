"""The awslogs log driver: what a container writes becomes events of the stream `prefix/container/task-id`.

Source of the behaviour: the "awslogs" driver of moby (daemon/logger), which Fargate's shim loggers use: a line ends
at a newline and nothing else, a longer line than the buffer is several events, an empty line is none (CloudWatch
Logs takes no empty message). One pipe takes both outputs, so their order is the order in which they were written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobrunner.local.log_chunk import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.local.faults.held_lines import HeldLines
    from jobrunner.local.moto_state import MotoState

#: Why a task does not start whose log group is missing.
NO_LOG_GROUP: Final = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
    "failed to create Cloudwatch log stream: ResourceNotFoundException: "
    "The specified log group does not exist. : exit status 1"
)

#: A longer line than this is split, as moby's copier does.
MAX_LINE: Final = 16_384

_CONTINUATION: Final = range(0x80, 0xC0)


class LogSetupError(Exception):
    """The log driver cannot be set up; the text is the stopped reason."""


class LineSplitter:
    """Bytes in pieces → lines, joined by `SEPARATOR`, in valid UTF-8.

    Args:
        emit: Called with the joined lines and their number.
    """

    def __init__(self, emit: Callable[[bytes, int], None]) -> None:
        self._emit = emit
        self._partial = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece; whole lines are emitted."""
        body, newline, rest = (self._partial + data).rpartition(b"\n")
        if newline:
            self._send(body.split(b"\n"))
        if len(rest) > MAX_LINE:
            *full, rest = _cut(rest)
            self._send(full)
        self._partial = rest

    def flush(self) -> None:
        """The output has ended: what stands there without a newline is a line too."""
        partial, self._partial = self._partial, b""
        if partial:
            self._send([partial])

    def _send(self, lines: list[bytes]) -> None:
        if max(map(len, lines)) > MAX_LINE:
            lines = [piece for line in lines for piece in _cut(line)]
        if b"" in lines:
            lines = [line for line in lines if line]
        if not lines:
            return
        joined = b"\n".join(lines)
        if not joined.isascii():
            joined = joined.decode("utf-8", "replace").encode()
        self._emit(joined.replace(b"\n", SEPARATOR), len(lines))


def _cut(line: bytes) -> list[bytes]:
    """Pieces of at most `MAX_LINE` bytes, none of which ends inside a character."""
    pieces = []
    while len(line) > MAX_LINE:
        end = MAX_LINE
        while end > MAX_LINE - 4 and _continues(line[end]):
            end -= 1
        if _continues(line[end]):  # no UTF-8 at all
            end = MAX_LINE
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]


def _continues(byte: int) -> bool:
    """Whether a byte is inside a character of UTF-8, not its first one."""
    return byte in _CONTINUATION


class AwsLogs:
    """The driver of one container.

    Args:
        moto: Has the groups and the streams.
        options: Of the log configuration.
        container: Its name.
        task_id: The last part of the task's ARN.
        held: Who holds lines back, if somebody ordered that.

    Raises:
        LogSetupError: The options are incomplete.
    """

    def __init__(
        self,
        moto: MotoState,
        options: dict[str, Any],
        *,
        container: str,
        task_id: str,
        held: HeldLines | None = None,
    ) -> None:
        missing = [
            name for name in ("awslogs-group", "awslogs-region", "awslogs-stream-prefix") if not options.get(name)
        ]
        if missing:
            raise LogSetupError(
                "ResourceInitializationError: failed to validate logger args: "
                f"must specify a value for log opt '{missing[0]}'"
            )
        self._moto = moto
        self._held = held
        self._region, self._group = str(options["awslogs-region"]), str(options["awslogs-group"])
        self._stream = f"{options['awslogs-stream-prefix']}/{container}/{task_id}"
        self._create = str(options.get("awslogs-create-group", "false")).lower() == "true"

    def open(self) -> None:
        """Check that the group exists, or create it if the options say so.

        Raises:
            LogSetupError: There is no such group.
        """
        if self._moto.log_group(self._region, self._group) is not None:
            return
        if not self._create:
            raise LogSetupError(NO_LOG_GROUP)
        self._moto.logs(self._region).ensure_log_group(self._group)

    def write(self, lines: bytes, count: int, now: int) -> None:
        """Add lines that were written now (milliseconds). The stream begins with the first one.

        A group that is deleted while the task runs swallows the rest, as the driver's failing calls do.
        """
        group = self._moto.log_group(self._region, self._group)
        if group is None:
            return
        stream: Any = group.streams.get(self._stream)
        if stream is None:
            group.create_log_stream(self._stream)
            stream = group.streams[self._stream]
        if self._held is None:
            stream.log.append_lines(lines, count, now)
        else:
            self._held.write(stream.log, lines, now)
