"""The façade: what the command line, orchestrators and scripts call.

    with JobRunner.open("path/to/project", stage="prod") as runner:
        run = runner.start("nightly-etl", key="2026-11-23")
        for event in run.events():
            ...
        run.wait().raise_for_failure()

It prints nothing, installs no signal handler, and may be used from several threads.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jobrunner.binding import connection_of, open_gateways_once, open_ports
from jobrunner.core.course import Launches, Manner
from jobrunner.core.guarding import Guard
from jobrunner.core.options import RunOptions
from jobrunner.core.spec import JobSpec
from jobrunner.core.variations import Variation
from jobrunner.ops import start as starting
from jobrunner.ops.check import check
from jobrunner.ops.find import find, settle_launch
from jobrunner.ops.handle import Run
from jobrunner.ops.replay import read_earlier, read_log, replay
from jobrunner.ops.sequel import Sequel
from jobrunner.ops.status import RunStatus, running, status
from jobrunner.ops.stop import stop

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from types import TracebackType

    from jobrunner.core.connection import Connection
    from jobrunner.core.events import WatchEvent
    from jobrunner.core.missed import Attendance
    from jobrunner.core.naming import RunRef
    from jobrunner.core.outcome import Outcome
    from jobrunner.core.parts import Notify
    from jobrunner.core.plan import Plan
    from jobrunner.core.settings import Settings
    from jobrunner.core.spend import Standing
    from jobrunner.document import Project
    from jobrunner.ops.apply import Applied
    from jobrunner.ops.executions import Found
    from jobrunner.ops.explain import Explanation
    from jobrunner.ops.fleet import Fleet
    from jobrunner.ops.missed import Health
    from jobrunner.ops.notify import Telling
    from jobrunner.ops.overview import ScheduleStatus
    from jobrunner.ops.past import Past
    from jobrunner.ops.pause import Paused
    from jobrunner.ops.ports import Ports
    from jobrunner.ops.report import Reported
    from jobrunner.ops.scheduling import Scheduling

__all__ = ["JobRunner", "Run"]


class JobRunner:
    """Runs the jobs of one project on one connection.

    Args:
        project: A loaded project.
        connection: Where AWS is; by default what the project's settings say.
        ports: Replaces everything outside, for tests; see `jobrunner.testing`.

    Raises:
        SpecError: The stage's endpoint is `local`, and no connection to a local endpoint is given.
    """

    def __init__(self, project: Project, *, connection: Connection | None = None, ports: Ports | None = None) -> None:
        self.project = project
        self._given_ports = ports
        self._lock = threading.Lock()
        #: The jobs that were given as values, for whom they tell.
        self._inline: dict[str, JobSpec] = {}
        if ports is not None:
            connection = ports.connection
        self.connection = connection or connection_of(project.settings)
        #: The settings in effect; the region is the connection's.
        self.settings: Settings = replace(project.settings, region=self.connection.region)

    @classmethod
    def open(
        cls,
        directory: str | Path = ".",
        *,
        stage: str | None = None,
        connection: Connection | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> JobRunner:
        """Load the project in a directory and bind it. Calls AWS for nothing.

        Args:
            directory: The project's, or one below it.
            stage: A stage of the project; by default JOBRUNNER_STAGE, then the file's `default_stage`.
            connection: Where AWS is; `jobrunner.local.serve()` gives one. By default what the settings say.
            overrides: Settings that win over everything, such as `{"cluster": "blue"}`.

        Raises:
            SpecError: With all problems of all files.
        """
        from jobrunner.document import find_project, load_project  # noqa: PLC0415  YAML only when a project is read

        project = load_project(find_project(Path(directory)), stage=stage, overrides=overrides)
        return cls(project, connection=connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Tell whom a job notifies, write out the audit trail, each within a bounded time, and release the store.

        May be called twice.
        """
        if "_teller" in self.__dict__:
            self._teller.close()
        if "_unrepeated" in self.__dict__:
            self._unrepeated.release()
        if "_bound" in self.__dict__:
            self._bound.close()

    @property
    def audit_trouble(self) -> str | None:
        """What could not be written to the audit trail, in one sentence, once `close` has been called."""
        return self._bound.audit.trouble if "_bound" in self.__dict__ else None

    @property
    def untold(self) -> Sequence[str]:
        """Whom a job notifies and who could not be told, in one sentence each; complete once `close` was called."""
        return self._teller.troubles if "_teller" in self.__dict__ else ()

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

    def _find(self, name: str | RunRef) -> Found:
        return find(self._ports, self.settings, name)

    def _handle(self, found: Found, manner: Manner) -> Run:
        record = settle_launch(self._ports, found.record)
        sequel = Sequel(self._ports, self.settings) if record.scheduled else None
        trouble, telling = found.trouble, self._telling
        return Run(self._ports, record, manner=manner, sequel=sequel, trouble=trouble, telling=telling)

    def _spec(self, job: str | JobSpec) -> JobSpec:
        if isinstance(job, JobSpec):
            self._inline[job.name] = job
            return job
        spec = self.project.jobs.get(job)
        if spec is None:
            from jobrunner.document.project import unknown_job  # noqa: PLC0415  only for the message

            raise unknown_job(job, self.project.directory / self.project.settings.jobs)
        return spec

    def _within_budget(
        self, spec: JobSpec, starts: Sequence[RunOptions], *, checked: bool = False
    ) -> tuple[Standing, ...]:
        if spec.budget is None and self.settings.budget is None:
            return ()
        from jobrunner.ops.spend import check_starts  # noqa: PLC0415  history, which few starts need

        for one in () if checked else starts:
            check(spec, self.settings, one)
        return check_starts(self._ports, spec, self.settings, starts)

    @property
    def _telling(self) -> Telling:
        with self._lock:
            return self._teller

    def _telling_of(self, spec: JobSpec) -> Telling | None:
        return None if spec.notify is None else self._telling

    @cached_property
    def _teller(self) -> Telling:
        from jobrunner.ops.notify import Telling  # noqa: PLC0415  few jobs tell anybody

        return Telling(self._bound, self.settings, self._notify_of, threaded=self._given_ports is None)

    def _notify_of(self, job: str) -> Notify | None:
        """Give whom a job tells, also one that was not loaded: `attach` knows its run before its job."""
        known = self._inline.get(job) or self.project.jobs.get(job)
        if known is None and self.project.partial:
            from jobrunner.document import load_project  # noqa: PLC0415  YAML only when a project is read

            known = load_project(self.project.directory, stage=self.settings.stage, jobs=[job]).jobs[job]
        return None if known is None else known.notify

    def _looking(self, launches: Launches, *, wait_bill: bool = True) -> Manner:
        return Manner(guard=self._guard, wait_bill=wait_bill, launches=launches)

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

    @property
    def _threads(self) -> int | None:
        """How many calls may be made at once; None for as many as AWS allows."""
        return None if self._given_ports is None else 1

    @property
    def _guard(self) -> Guard:
        return Guard(role=self.settings.scheduler_role, group=self.settings.schedule_group)

    @property
    def _ports(self) -> Ports:
        with self._lock:
            return self._bound

    @cached_property
    def _bound(self) -> Ports:
        return self._given_ports or open_ports(self.settings, self.connection)

    @property
    def _many(self) -> Ports:
        """The ports of many runs: their budget repeats what AWS throttles, so botocore itself must not."""
        with self._lock:
            return self._unrepeated

    @cached_property
    def _unrepeated(self) -> Ports:
        bound = self._bound
        if self._given_ports is not None:
            return bound
        gateways = open_gateways_once(self.connection)
        return replace(
            bound,
            tasks=gateways.tasks,
            logs=gateways.logs,
            deadlines=gateways.deadlines,
            release=gateways.clients.close,
        )
