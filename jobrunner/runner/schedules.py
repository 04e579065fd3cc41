"""The schedules of a project at AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.runner.base import BoundProject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from jobrunner.core.plan import Plan
    from jobrunner.ops.apply import Applied
    from jobrunner.ops.overview import ScheduleStatus
    from jobrunner.ops.pause import Paused
    from jobrunner.ops.scheduling import Scheduling


class SchedulesOfProject(BoundProject):
    """What `JobRunner` does with schedules."""

    def plan(self, *, jobs: Collection[str] | None = None, prune: bool = False, adopt: bool = False) -> Plan:
        """Compare the schedules of the project's jobs with those that are there; nothing is written.

        Args:
            jobs: Only these; by default all that were loaded. Schedules of the others are not looked at, and so not
                deleted either.
            prune: Whether what the project has no more is to be deleted.
            adopt: Whether a schedule of a wanted name that jobrunner has not made becomes the job's.

        Raises:
            SpecError: A job cannot be scheduled; or the schedule group is another project's or stage's.
            UnknownJobError: The project has no such job.
        """
        for job in jobs or ():
            self._spec(job)
        return self._scheduling.plan(jobs=jobs, prune=prune, adopt=adopt)

    def apply(self, plan: Plan, *, over_budget: bool = False) -> Iterator[Applied]:
        """Carry out a plan; see `ops.apply.apply_plan`. Nothing is done before it is iterated.

        Raises:
            BudgetError: At once, unless `over_budget`: what it schedules exceeds a budget, or nobody knows.
        """
        return self._scheduling.apply(plan, over_budget=over_budget)

    def removal(self) -> Plan:
        """Plan to delete every schedule that jobrunner has made for this project and stage."""
        return self._scheduling.removal()

    def destroy(self, plan: Plan | None = None) -> Iterator[Applied]:
        """Carry out a `removal`, by default a new one, and delete the group if it is empty then; lazy, as `apply`."""
        return self._scheduling.destroy(plan)

    def pause(self, job: str) -> Sequence[Paused]:
        """Let a job's schedules fire no more until they are resumed; what was paused before stays so.

        Raises:
            UnknownJobError: The job has no schedules at AWS. That the project has it no more does not matter.
        """
        return self._scheduling.set_paused(job, paused=True)

    def resume(self, job: str) -> Sequence[Paused]:
        """Let a job's schedules fire again; as `pause`. One that can never fire any more stays as it is."""
        return self._scheduling.set_paused(job, paused=False)

    def schedules(self, *jobs: str) -> Sequence[ScheduleStatus]:
        """List the schedules of this project and stage, or of these jobs, each with its next fire and its last run."""
        return self._scheduling.overview(jobs or None)

    @property
    def _scheduling(self) -> Scheduling:
        from jobrunner.ops.scheduling import Scheduling  # noqa: PLC0415  few look at schedules

        threaded = self._given_ports is None
        return Scheduling(
            ports=self._ports,
            jobs=self.project.jobs,
            settings=self.settings,
            partial=self.project.partial,
            threaded=threaded,
        )
