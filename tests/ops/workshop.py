"""Projects of scheduled jobs on the AWS in memory, for the tests of plan, apply, pause and overview."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jobrunner import JobRunner
    from jobrunner.core.plan import Plan
    from jobrunner.ops.apply import Applied
    from jobrunner.testing import FakeAws, MemoryAudit

NIGHTLY = 'image: busybox\nschedule: {cron: "30 2 * * *", timezone: Europe/London}\n'
HOURLY = 'image: busybox\nschedule: {cron: "0 * * * *"}\n'
#: Has what only a state machine does.
GUARDED = 'image: busybox\ntimeout: 2h\noverlap: forbid\nschedule: {cron: "0 5 * * *"}\n'
#: AWS cannot say it in one expression.
EITHER = 'image: busybox\nschedule: {cron: "0 9 13 * FRI"}\n'


@dataclass(kw_only=True)
class Workshop:
    """A project whose files a test writes, and its runners on one AWS."""

    directory: Path
    aws: FakeAws
    make: Callable[..., JobRunner]

    def write(self, **jobs: str) -> None:
        """Write jobs' files, `_` for `-` in their names."""
        for name, text in jobs.items():
            (self.directory / "jobs" / f"{name.replace('_', '-')}.yaml").write_text(text, encoding="utf-8")

    def remove(self, job: str) -> None:
        """Remove a job's file."""
        (self.directory / "jobs" / f"{job}.yaml").unlink()

    def runner(self, **overrides: Any) -> JobRunner:
        """Give a runner of the files as they are now."""
        return self.make(**overrides)

    def apply(self, **options: Any) -> list[Applied]:
        """Plan and apply."""
        runner = self.runner()
        return list(runner.apply(runner.plan(**options)))

    @property
    def group(self) -> str:
        """The name of the schedule group."""
        return self.runner().settings.schedule_group

    @property
    def names(self) -> list[str]:
        """The schedules of the group."""
        return list(self.aws.schedules.names(self.group))

    def there(self, name: str) -> dict[str, Any]:
        """Give a schedule as it is."""
        found = self.aws.schedules.get(self.group, name)
        assert found is not None
        return dict(found)

    def change(self, name: str, **members: Any) -> None:
        """Change a schedule by hand."""
        self.aws.schedules.update({**self.there(name), **members})


def actions(plan: Plan) -> list[tuple[str, str]]:
    """Give the actions of a plan with the names of the schedules."""
    return [(str(change.action), change.name) for change in plan.changes]


def failures(applied: list[Applied]) -> list[tuple[str, str]]:
    """Give what was not carried out, and why."""
    return [(one.change.name, one.error.what) for one in applied if one.error is not None]


def sent(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the RunTask request that a schedule sends, itself or through the state machine."""
    document = json.loads(body["Target"]["Input"])
    request: dict[str, Any] = document.get("request", document)
    return request


def noted(runner: JobRunner) -> list[str]:
    """Give what the audit trail says was done, in order."""
    audit: MemoryAudit = runner._ports.audit  # type: ignore[assignment]  # the fixture's
    return [action for action, _ in audit.records]
