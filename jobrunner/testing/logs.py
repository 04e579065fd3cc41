"""A fake of `ports.Logs`: what the scripted tasks wrote, in pages."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jobrunner.core.follow import LogPage, StreamAbsent
from jobrunner.core.naming import task_id
from jobrunner.testing.ecs import Scripted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobrunner.core.follow import LogStream, ReadLog, ReadResult
    from jobrunner.testing.aws import FakeAws

_EMPTY = "/empty"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class FakeLogs(Scripted):
    """`ports.Logs` on a `FakeAws`.

    Attributes:
        groups: The log groups that exist, with their retention in days; None of one that keeps all.
        made: When they were created, for those of which that matters; others have always been there.
        page_size: Events of a page.
        empty_pages: Whether an empty page, with a token of its own, comes before each page with lines but
            the first: AWS does so, and it is not the end.
    """

    def __init__(self, aws: FakeAws) -> None:
        super().__init__()
        self._aws = aws
        self._answers: deque[ReadResult] = deque()
        self.groups: dict[str, int | None] = {}
        self.made: dict[str, datetime] = {}
        self.page_size = 10_000
        self.empty_pages = False

    def answer(self, *answers: ReadResult) -> None:
        """Give these answers to the next reads, one for each, whatever was asked."""
        self._answers.extend(answers)

    def read(self, question: ReadLog) -> ReadResult:
        """Read a page; see `ports.Logs.read`."""
        self._called("read")
        if self._answers:
            return self._answers.popleft()
        if question.stream.group not in self.groups:
            return StreamAbsent(group_absent=True)
        lines = self._lines(question.stream)
        if not lines:
            return StreamAbsent()
        return self._page(lines, question.token)

    def tail(self, stream: LogStream, limit: int) -> Sequence[str]:
        """Give the last messages of a stream; see `ports.Logs.tail`."""
        self._called("tail")
        return [message for _, message in self._lines(stream)][-limit:]

    def ensure_group(self, group: str, *, retention_days: int, tags: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Create the log group if it does not exist; see `ports.Logs.ensure_group`."""
        self._called("ensure_group")
        if group in self.groups:
            return False
        self.groups[group] = retention_days
        self.made[group] = self._aws.clock.now()
        return True

    def kept_since(self, group: str, now: datetime) -> datetime | None:
        """Say since when a log group has kept what was written; see `ports.Logs.kept_since`."""
        self._called("kept_since")
        if group not in self.groups:
            return None
        days = self.groups[group]
        return max(self.made.get(group, _EVER), _EVER if days is None else now - timedelta(days=days))

    def _lines(self, stream: LogStream) -> list[tuple[datetime, str]]:
        now = self._aws.clock.now()
        for task in self._aws.started:
            for container in task.definition["containerDefinitions"]:
                options = (container.get("logConfiguration") or {}).get("options") or {}
                name = f"{options.get('awslogs-stream-prefix')}/{container['name']}/{task_id(task.arn)}"
                if (stream.group, stream.name) == (options.get("awslogs-group"), name):
                    return task.lines(container["name"], now)
        return []

    def _page(self, lines: list[tuple[datetime, str]], token: str | None) -> LogPage:
        start = int((token or "f/0").split("/")[1])
        shown = lines[start : start + self.page_size]
        if not shown and token is not None:
            return LogPage(timestamps=(), messages=(), token=token)
        if self.empty_pages and start and not str(token).endswith(_EMPTY):
            return LogPage(timestamps=(), messages=(), token=f"f/{start}{_EMPTY}")
        return LogPage(
            timestamps=[round(at.timestamp() * 1000) for at, _ in shown],
            messages=[message for _, message in shown],
            token=f"f/{start + len(shown)}",
        )
