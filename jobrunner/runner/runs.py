"""The runs of a project: started, found, followed, stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobrunner.core.course import Launches, Manner
from jobrunner.core.guarding import Guard
from jobrunner.core.options import RunOptions
from jobrunner.core.variations import Variation
from jobrunner.ops import start as starting
from jobrunner.ops.check import check
from jobrunner.ops.find import find, settle_launch
from jobrunner.ops.handle import Run
from jobrunner.ops.replay import read_earlier, read_log, replay
from jobrunner.ops.sequel import Sequel
from jobrunner.ops.status import RunStatus, running, status
from jobrunner.ops.stop import stop
from jobrunner.runner.base import BoundProject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from jobrunner.core.events import WatchEvent
    from jobrunner.core.naming import RunRef
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.spec import JobSpec
    from jobrunner.core.spend import Standing
    from jobrunner.ops.executions import Found
    from jobrunner.ops.explain import Explanation
    from jobrunner.ops.fleet import Fleet


class RunsOfProject(BoundProject):
    """What `JobRunner` does with runs."""

    def prepare(self, job: str | JobSpec, options: RunOptions | None = None) -> None:
        """Find everything that can be wrong with a run without asking AWS.

        Raises:
            SpecError: With what is wrong.
            UnknownJobError: The project has no such job.
        """
        check(self._spec(job), self.settings, options or RunOptions())

    def start(
        self, job: str | JobSpec, options: RunOptions | None = None, *, wait_bill: bool = True, **changes: Any
    ) -> Run:
        """Start a run; return as soon as ECS has accepted it.

        The run is stored before ECS is asked. A placement that fails for want of capacity is asked for again until
        the job's `start_timeout`, a minute by default. With a `key`, the run that the same key of the same job has
        started is given instead of a second one, also when it is already over; one that was left between two
        attempts goes on.

        Args:
            job: A job's name, or a `JobSpec`.
            options: What to change for this run.
            wait_bill: Whether the end waits for STOPPED, which gives the bill; on Fargate that is some 20 seconds
                after the container's exit. Without, `status` has the bill later.
            **changes: Fields of `RunOptions`, for convenience: `key=…`, `params=…`.

        Raises:
            SpecError: Something is wrong; nothing was sent.
            BudgetError: It would exceed a budget, or nobody knows, and `over_budget` is not set; nothing was sent.
            UnknownJobError: The project has no such job.
            AwsError: AWS refused or did not answer. After `AwsUnreachableError` the task may run: `attach`.
            StoreError: The record could not be stored; nothing was sent.
        """
        run = self.begin(job, options, wait_bill=wait_bill, **changes)
        run.launch()
        return run

    def begin(
        self, job: str | JobSpec, options: RunOptions | None = None, *, wait_bill: bool = True, **changes: Any
    ) -> Run:
        """Store a run, or find the one of the same key, and give its handle; `start` without the launch.

        Whoever iterates or waits for the run launches it. For callers that must know the run, to stop it for
        instance, before ECS does.
        """
        options, spec = replace(options or RunOptions(), **changes), self._spec(job)
        over = self._within_budget(spec, [options])
        begun = starting.Beginner(self._ports, spec, self.settings).begin(options)
        manner = Manner(guard=self._guard, wait_bill=wait_bill)
        return Run(
            self._ports,
            begun.record,
            manner=manner,
            fresh=begun.fresh,
            over_budget=over,
            telling=self._telling_of(spec),
        )

    def run(self, job: str | JobSpec, options: RunOptions | None = None, **changes: Any) -> Outcome:
        """Start a run and wait for its end; see `start` and `Run.wait`."""
        return self.start(job, options, **changes).wait()

    def map(
        self,
        job: str | JobSpec,
        variations: Iterable[RunOptions | Variation],
        *,
        parallel: int = 100,
        fail_fast: bool = False,
        logs: bool = False,
    ) -> Fleet:
        """Prepare many runs of one job in this process; nothing is sent before the fleet is iterated or waited for.

        All share one watcher and one budget of calls, kept below what AWS allows an account. With keys, repeating
        the same map goes on where it was: runs that are over are not started again.

        Args:
            job: A job's name, or a `JobSpec`.
            variations: What each run changes; a `Variation` says how people are to call it.
            parallel: How many are under way at once.
            fail_fast: Whether the first failure stops the others.
            logs: Whether log lines are among the events. Reading is limited to some ten pages a second for all.

        Raises:
            SpecError: Something is wrong with one of them; nothing was sent.
            BudgetError: All that are new together would exceed a budget, or nobody knows, and not each of them says
                `over_budget`; nothing was sent.
            UnknownJobError: The project has no such job.
            ValueError: `parallel` is less than 1.
        """
        from jobrunner.ops.fleet import open_fleet  # noqa: PLC0415  threads that few need

        spec = self._spec(job)
        named = [one if isinstance(one, Variation) else Variation(label="", options=one) for one in variations]
        for one in named:
            check(spec, self.settings, one.options)
        over = self._within_budget(spec, [one.options for one in named], checked=True)
        ports = self._many
        return open_fleet(
            ports,
            starting.Beginner(ports, spec, self.settings),
            named,
            guard=self._guard,
            parallel=parallel,
            fail_fast=fail_fast,
            logs=logs,
            over_budget=over,
            telling=self._telling_of(spec),
            threads=self._given_ports is None,
        )

    def backfill(
        self,
        job: str | JobSpec,
        start: datetime,
        end: datetime,
        *,
        parallel: int = 1,
        failed: bool = False,
        fail_fast: bool = False,
        over_budget: bool = False,
    ) -> Fleet:
        """Prepare one run for each time at which a job's schedules fire from `start` on and before `end`, as `map`.

        They begin oldest first. Each is known by its job and its time: the same backfill goes on where it was, on this
        machine and on another one. What it was itself stopped in, by an interrupt, is run again; what has failed is
        not, unless `failed` says so.

        Args:
            job: A job's name, or a `JobSpec`.
            start: Timezone-aware.
            end: Timezone-aware; a time that is `end` is not among them.
            parallel: How many are under way at once.
            failed: Whether what has failed, as far as this machine knows, is run again.
            fail_fast: Whether the first failure, a known one as well, stops the others.
            over_budget: Whether they are started although that would go above a budget.

        Raises:
            SpecError: Something is wrong; or the job has no schedule, or fires too often, or nobody knows when.
            BudgetError: As for `map`.
            UnknownJobError: The project has no such job.
            StoreError: What this machine knows cannot be read.
            ValueError: `parallel` is less than 1; or `start` or `end` has no time zone.
        """
        from jobrunner.ops.backfill import plan_backfill  # noqa: PLC0415  few fill in

        spec = self._spec(job)
        where = self.project.sources.get(spec.name)
        fills = plan_backfill(
            self._ports.runs,
            spec,
            self.settings,
            start,
            end,
            place=self._ports.connection,
            failed=failed,
            where=where,
        )
        variations = [one.variation(over_budget=over_budget) for one in fills]
        return self.map(spec, variations, parallel=parallel, fail_fast=fail_fast)

    def attach(self, name: str | RunRef, *, wait_bill: bool = True) -> Run:
        """Give the handle of a run, wherever it was started; it may be over.

        Who follows the handle to an end that the run's `retries` cover launches the next attempt, as the process
        that started the run would: both of them start one task. An attempt that is long overdue is not launched
        from here. The attempts of a scheduled run are the state machine's to launch: they are waited for.

        Args:
            name: A run id or an unambiguous prefix, a task ARN, or a `RunRef` (as value or text).
            wait_bill: As for `start`.

        Raises:
            UnknownRunError: Nobody knows such a run.
            AmbiguousRunError: The prefix names several.
            LocalEndpointError: It ran on a local endpoint that has gone.
        """
        return self._handle(self._find(name), self._looking(Launches.DUE, wait_bill=wait_bill))

    def stop(self, name: str | RunRef, *, reason: str | None = None) -> Run:
        """Tell AWS to stop a run; does not wait for the end of its task. A run that is over stays as it is.

        One that waits for its next attempt ends here; of a scheduled run, the state machine launches no more.
        """
        return stop(self._ports, self.settings, lambda: self.attach(name), reason, self._telling)

    def explain(self, name: str | RunRef, *, log: bool = True) -> Explanation:
        """Say why a run ended as it did, with the evidence and what to do; of one that runs, where it is.

        Args:
            name: As for `attach`.
            log: Whether the last lines of the job's own container are read.
        """
        from jobrunner.ops.explain import explanation  # noqa: PLC0415  few ask

        return explanation(self._ports, self.status(name), log=log)

    def logs(self, name: str | RunRef, *, follow: bool = False) -> Iterator[WatchEvent]:
        """Give the log of a run: what there is now, or with `follow` everything until the running attempt's end.

        With `follow`, of a scheduled run everything until the end of its last attempt. Of a run that is over, the
        whole log, and `Finished` last. Of one that runs, without `follow`, what is readable now. Nothing is stopped
        when the iteration is left.
        """
        found = self._find(name)
        record = settle_launch(self._ports, found.record)
        if follow and record.outcome is None:
            # Without a look at the task before: that would not be as patient with AWS as following is.
            yield from self._handle(replace(found, record=record), self._looking(Launches.NONE)).stream()
            return
        now = status(self._ports, record)
        if now.record.outcome is not None:
            yield from replay(self._ports, now.record)
        else:
            yield from read_earlier(self._ports, record, record.earlier)
            yield from read_log(self._ports, record, over_since=None, to_end=False)

    def status(self, name: str | RunRef) -> RunStatus:
        """Say where a run is; AWS is asked only while the end is not known, or may not be that of a scheduled run."""
        found = self._find(name)
        return replace(status(self._ports, settle_launch(self._ports, found.record)), trouble=found.trouble)

    def ps(self) -> Sequence[RunStatus]:
        """List what runs now of this project and stage, whoever started it, oldest first."""
        return running(self._ports, self.settings)

    def _find(self, name: str | RunRef) -> Found:
        return find(self._ports, self.settings, name)

    def _handle(self, found: Found, manner: Manner) -> Run:
        record = settle_launch(self._ports, found.record)
        sequel = Sequel(self._ports, self.settings) if record.scheduled else None
        trouble, telling = found.trouble, self._telling
        return Run(self._ports, record, manner=manner, sequel=sequel, trouble=trouble, telling=telling)

    def _within_budget(
        self, spec: JobSpec, starts: Sequence[RunOptions], *, checked: bool = False
    ) -> tuple[Standing, ...]:
        if spec.budget is None and self.settings.budget is None:
            return ()
        from jobrunner.ops.spend import check_starts  # noqa: PLC0415  history, which few starts need

        for one in () if checked else starts:
            check(spec, self.settings, one)
        return check_starts(self._ports, spec, self.settings, starts)

    def _looking(self, launches: Launches, *, wait_bill: bool = True) -> Manner:
        return Manner(guard=self._guard, wait_bill=wait_bill, launches=launches)

    @property
    def _guard(self) -> Guard:
        return Guard(role=self.settings.scheduler_role, group=self.settings.schedule_group)
