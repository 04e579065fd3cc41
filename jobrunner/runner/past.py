"""What has run, what has not, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.runner.base import BoundProject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from jobrunner.core.missed import Attendance
    from jobrunner.ops.history import Synced
    from jobrunner.ops.missed import Health
    from jobrunner.ops.past import Past
    from jobrunner.ops.report import Reported


class PastOfProject(BoundProject):
    """What `JobRunner` knows of the past."""

    def history(
        self,
        job: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        verdict: str | Iterable[str] | None = None,
        trigger: str | None = None,
        limit: int | None = 50,
        sync: bool = True,
    ) -> Past:
        """Give past runs of this project and stage, newest first, whoever started them; see `ops.past.history`."""
        from jobrunner.ops.past import history  # noqa: PLC0415  few ask

        return history(
            self._ports,
            self.settings,
            job=job,
            since=since,
            until=until,
            verdict=verdict,
            trigger=trigger,
            limit=limit,
            sync=sync,
        )

    def sync(self) -> Synced:
        """Read what has happened since the last time; see `ops.history.sync`."""
        from jobrunner.ops.history import sync  # noqa: PLC0415  few ask

        return sync(self._ports, self.settings)

    @property
    def history_trouble(self) -> str | None:
        """What was wrong with the file of what has been read, and what was done, in one sentence, or None."""
        return self._ports.history.trouble

    def missed(
        self,
        *jobs: str,
        since: datetime | None = None,
        until: datetime | None = None,
        grace: timedelta | None = None,
    ) -> Sequence[Attendance]:
        """Say which fires of the schedules at AWS nothing has come of, job by job; see `ops.missed.attendances`."""
        from jobrunner.ops.missed import attendances  # noqa: PLC0415  few ask

        only, threads = jobs or None, self._threads
        return attendances(
            self._ports, self.settings, jobs=only, since=since, until=until, grace=grace, threads=threads
        )

    def checkup(
        self,
        *jobs: str,
        since: datetime | None = None,
        until: datetime | None = None,
        grace: timedelta | None = None,
    ) -> Sequence[Health]:
        """Say how each job is: what was missed, and how its last run has ended; see `ops.missed.checkup`."""
        from jobrunner.ops.missed import checkup  # noqa: PLC0415  few ask

        only, threads = jobs or None, self._threads
        return checkup(self._ports, self.settings, jobs=only, since=since, until=until, grace=grace, threads=threads)

    def tell(self, found: Sequence[Health], *, since: datetime) -> int:
        """Tell whom the jobs notify of what `checkup` has found; see `ops.missed.tell`."""
        from jobrunner.ops.missed import tell  # noqa: PLC0415  few ask

        return tell(self._ports, self.settings, self._telling, found, since=since)

    def report(
        self,
        job: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        by: str = "job",
        timezone: str = "UTC",
        newest: int = 0,
        sync: bool = True,
    ) -> Reported:
        """Add up past runs of this project and stage: how they ended, how long they took, what they cost.

        Args:
            job: Only runs of this job; the project may not have it any more.
            since: Only runs that were due then or later; timezone-aware.
            until: Only runs that were due before then.
            by: `job`, `day`, `month`, `stage` (then of all stages that this machine has read), `trigger`, `tag` or
                `tag:KEY`: the tags that the jobs which are loaded have now.
            timezone: Whose days and months, by IANA's name.
            newest: So many runs one by one, the newest, and the figures of all; 0 for neither.
            sync: Whether AWS is asked for what has happened since it was asked last; that it does not answer is no
                error, and is in `Reported.synced`.

        Raises:
            ValueError: One of them makes no sense.
            StoreError: What this machine has read cannot be read again.
        """
        from jobrunner.core.report import parse_grouping  # noqa: PLC0415  few ask
        from jobrunner.ops.report import Asked, report  # noqa: PLC0415

        asked = Asked(job=job, since=since, until=until, by=parse_grouping(by), timezone=timezone, newest=newest)
        return report(self._ports, self.settings, self.project.jobs, asked, sync=sync)
