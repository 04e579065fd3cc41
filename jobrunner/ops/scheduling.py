"""Everything about the schedules of one project and stage, bound to its ports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobrunner.ops.apply import Applied, apply_plan, destroy
from jobrunner.ops.overview import ScheduleStatus, overview
from jobrunner.ops.parallel import THREADS
from jobrunner.ops.pause import Paused, set_paused
from jobrunner.ops.plan import draw_plan, draw_removal
from jobrunner.ops.spend import check_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jobrunner.core.plan import Plan
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.ops.ports import Ports


@dataclass(frozen=True, kw_only=True)
class Scheduling:
    """The schedules of a project and stage.

    Attributes:
        ports: The outside.
        jobs: The project's.
        settings: Where they run.
        partial: Whether the project has more jobs than these. The schedules of the others are then not looked at: that
            a job was not loaded does not mean that the project has it no more.
        threaded: Whether calls are made in threads; without, on a scripted clock.
    """

    ports: Ports
    jobs: Mapping[str, JobSpec]
    settings: Settings
    partial: bool = False
    threaded: bool = True

    @property
    def _threads(self) -> int:
        return THREADS if self.threaded else 1

    def plan(self, *, jobs: Collection[str] | None, prune: bool, adopt: bool) -> Plan:
        """Compare them with the jobs; see `ops.plan.draw_plan`."""
        only = self.jobs.keys() if jobs is None and self.partial else jobs
        return draw_plan(
            self.ports, self.jobs, self.settings, prune=prune, adopt=adopt, only=only, threads=self._threads
        )

    def apply(self, plan: Plan, *, over_budget: bool) -> Iterator[Applied]:
        """Carry out a plan, if the budgets allow it; see `ops.apply.apply_plan` and `ops.spend.check_plan`."""
        check_plan(self.ports, plan, over_budget=over_budget)
        return apply_plan(self.ports, self.jobs, self.settings, plan)

    def removal(self) -> Plan:
        """Plan to delete all; see `ops.plan.draw_removal`."""
        return draw_removal(self.ports, self.settings, threads=self._threads)

    def destroy(self, plan: Plan | None) -> Iterator[Applied]:
        """Delete all, or what the plan says; see `ops.apply.destroy`."""
        return destroy(self.ports, self.settings, plan or self.removal())

    def set_paused(self, job: str, *, paused: bool) -> Sequence[Paused]:
        """Pause or resume a job; see `ops.pause.set_paused`."""
        return set_paused(self.ports, self.settings, job, paused=paused)

    def overview(self, jobs: Collection[str] | None) -> Sequence[ScheduleStatus]:
        """List them; see `ops.overview.overview`."""
        return overview(self.ports, self.settings, jobs=jobs, threads=self._threads)
