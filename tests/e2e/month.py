"""A month of ten scheduled jobs and some runs by hand, and what its raw events come to.

Everything here is worked out from the JSON of the events and from the price table's text, with fractions and with no
code of jobrunner's: a figure that both come to is not one that one of them has made up.
"""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
DAYS: Final = 30
DAY: Final = timedelta(days=1)
REGION: Final = "us-east-1"
#: What is started by hand, as words of `jobrunner run`, and the exit code.
BY_HAND: Final = (
    (("byhand",), 0),
    (("byhand", "--", "sh", "-c", "exit 3"), 3),
    (("byhand", "--cpu", "1024", "--memory", "2048"), 0),
    (("byhand", "--capacity", "spot", "--", "sh", "-c", "exit 4"), 4),
)


@dataclass(frozen=True, kw_only=True)
class Month:
    """The thirty days from a moment on in which the clocks of London go forward.

    Attributes:
        begin: Midnight, UTC.
    """

    begin: datetime

    @classmethod
    def after(cls, now: datetime) -> Month:
        """Give the next one, from a 10th of March on."""
        return cls(begin=datetime(now.year + 1, 3, 10, tzinfo=UTC))

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.begin + DAYS * DAY

    def jobs(self) -> dict[str, str]:
        """Give the ten scheduled jobs and the one that is run by hand, by name."""
        last = self.end - timedelta(minutes=1)
        utc = f'start: "{self.begin:%Y-%m-%dT%H:%M}", end: "{last:%Y-%m-%dT%H:%M}"'
        local = f'start: "{self.begin:%Y-%m-%dT%H:%M}", end: "{self.end - DAY:%Y-%m-%dT%H:%M}"'
        wait = "sleep 100000"
        return {
            "often": f'command: ["true"]\nschedule: {{cron: "0 */3 * * *", {utc}}}\ntags: {{team: data}}\n',
            "london": 'command: ["true"]\n'
            f'schedule: {{cron: "30 1 * * *", timezone: Europe/London, {local}}}\ntags: {{team: data, tier: gold}}\n',
            "sydney": f'command: ["true"]\nschedule: {{cron: "30 2 * * *", timezone: Australia/Sydney, {local}}}\n',
            "either": f'command: ["true"]\nschedule: {{cron: "0 12 1,15 * MON", {utc}}}\n',
            "once": 'command: ["true"]\n'
            f'schedule: {{at: "{self.begin + 9 * DAY + timedelta(hours=9):%Y-%m-%dT%H:%M}"}}\n',
            "rated": 'command: ["true"]\ncapacity: spot\ncpu: 512\nmemory: 1024\n'
            f"schedule: {{rate: 12 hours, {utc}}}\n",
            "forbidding": f'command: {wait}\noverlap: forbid\nschedule: {{cron: "0 */12 * * *", {utc}}}\n',
            "replacing": f'command: {wait}\noverlap: replace\nschedule: {{cron: "0 3 * * SUN", {utc}}}\n',
            "flaky": "command: [sh, -c, 'test $JOBRUNNER_ATTEMPT = 2 || exit 75']\n"
            f'retries: {{attempts: 3, backoff: 1s, on: 75}}\nschedule: {{cron: "15 4 * * *", {utc}}}\n',
            "slow": f'command: {wait}\ntimeout: 2s\nschedule: {{cron: "0 5 * * *", {utc}}}\n',
            "byhand": 'command: ["true"]\n',
        }


@dataclass(frozen=True, kw_only=True)
class Try:
    """One task, from the last of its events."""

    arn: str
    number: int
    verdict: str | None
    exit_code: int | None
    pull: datetime | None
    pulled: datetime | None
    started: datetime | None
    stopped: datetime | None
    cost: Fraction
    on_demand: Fraction

    @property
    def used(self) -> int:
        """Whole seconds from the pull to the stop."""
        assert self.pull is not None
        assert self.stopped is not None
        return math.ceil((self.stopped - self.pull).total_seconds())

    @property
    def billed(self) -> int:
        """The same, a minute at least."""
        return max(60, self.used)


@dataclass(frozen=True, kw_only=True)
class Told:
    """One run, as its events tell it."""

    run_id: str
    job: str
    trigger: str
    scheduled: str | None
    due: datetime
    tries: tuple[Try, ...]
    skipped: bool = False

    @property
    def verdict(self) -> str | None:
        """How it ended."""
        return "never_started" if self.skipped else self.tries[-1].verdict

    @property
    def over(self) -> bool:
        """Whether it counts as a success or a failure."""
        return not self.skipped and self.verdict is not None

    @property
    def billed(self) -> int:
        """Seconds, of all attempts."""
        return sum(one.billed for one in self.tries)

    @property
    def cost(self) -> Fraction:
        """Dollars, each attempt to the micro-dollar."""
        return sum((one.cost for one in self.tries), Fraction())

    @property
    def duration(self) -> float:
        """Seconds from the first start to the last stop."""
        starts = [one.started for one in self.tries if one.started]
        stops = [one.stopped for one in self.tries if one.stopped]
        return (max(stops) - min(starts)).total_seconds()


def runs_of(messages: Iterable[str]) -> dict[str, Told]:
    """Put runs together from the messages of the log group."""
    documents = [json.loads(message) for message in messages]
    details = [one["detail"] for one in documents if one["detail-type"] == "ECS Task State Change"]
    newest: dict[str, dict[str, Any]] = {}
    for detail in details:
        known = newest.get(detail["taskArn"])
        if known is None or known["version"] < detail["version"]:
            newest[detail["taskArn"]] = detail
    by_run: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for detail in newest.values():
        by_run[environment_of(detail)["JOBRUNNER_RUN_ID"]].append(detail)
    prices = price_table()
    found = {run_id: _told(run_id, tasks, prices) for run_id, tasks in by_run.items()}
    executions = [one["detail"] for one in documents if one["detail-type"] != "ECS Task State Change"]
    for detail in executions:
        if detail["status"] == "SUCCEEDED" and "skipped" in json.loads(detail["output"]):
            run = _skipped(json.loads(detail["output"])["run_id"])
            found[run.run_id] = run
    return found


def environment_of(detail: Mapping[str, Any]) -> dict[str, str]:
    """What the task's own container was told of its run."""
    return {pair["name"]: pair["value"] for pair in detail["overrides"]["containerOverrides"][0]["environment"]}


def _told(run_id: str, details: Sequence[dict[str, Any]], prices: Mapping[tuple[str, ...], Fraction]) -> Told:
    ordered = sorted(details, key=lambda one: int(environment_of(one)["JOBRUNNER_ATTEMPT"]))
    variables = environment_of(ordered[0])
    created = min(time_of(one["createdAt"]) for one in ordered)
    scheduled = variables.get("JOBRUNNER_SCHEDULED_TIME")
    by_schedule = variables["JOBRUNNER_TRIGGER"] == "schedule" and scheduled is not None
    return Told(
        run_id=run_id,
        job=variables["JOBRUNNER_JOB"],
        trigger=variables["JOBRUNNER_TRIGGER"],
        scheduled=scheduled,
        due=time_of(scheduled) if by_schedule and scheduled else created,
        tries=tuple(_try(one, prices) for one in ordered),
    )


def _skipped(run_id: str) -> Told:
    job, scheduled = run_id.split("@")
    due = time_of(scheduled)
    return Told(run_id=run_id, job=job, trigger="schedule", scheduled=scheduled, due=due, tries=(), skipped=True)


def _try(detail: dict[str, Any], prices: Mapping[tuple[str, ...], Fraction]) -> Try:
    [container] = detail["containers"]
    over, code = detail["lastStatus"] == "STOPPED", container.get("exitCode")
    times = {key: time_of(detail[key]) if key in detail else None for key in _TIMES}
    pull, stopped = times["pullStartedAt"], times["stoppedAt"]
    spot = detail.get("capacityProviderName") == "FARGATE_SPOT"
    seconds = max(60, math.ceil((stopped - pull).total_seconds())) if over and pull and stopped else 0
    return Try(
        arn=detail["taskArn"],
        number=int(environment_of(detail)["JOBRUNNER_ATTEMPT"]),
        verdict=_verdict(detail.get("stoppedReason", ""), code) if over else None,
        exit_code=code,
        pull=pull,
        pulled=times["pullStoppedAt"],
        started=times["startedAt"],
        stopped=stopped,
        cost=_cost(detail, seconds, "spot" if spot else "on-demand", prices),
        on_demand=_cost(detail, seconds, "on-demand", prices),
    )


_TIMES: Final = ("pullStartedAt", "pullStoppedAt", "startedAt", "stoppedAt")


def _verdict(reason: str, code: int | None) -> str:
    if reason.startswith("jobrunner: timed out"):
        return "timed_out"
    if reason.startswith("jobrunner: "):
        return "stopped"
    return "succeeded" if code == 0 else "failed"


def _cost(detail: dict[str, Any], seconds: int, capacity: str, prices: Mapping[tuple[str, ...], Fraction]) -> Fraction:
    vcpus, gigabytes = Fraction(int(detail["cpu"]), 1024), Fraction(int(detail["memory"]), 1024)
    hourly = vcpus * prices[capacity, "vcpu-hour"] + gigabytes * prices[capacity, "gb-hour"]
    exact = hourly * seconds / 3600 * 1_000_000
    return Fraction(math.floor(exact + Fraction(1, 2)), 1_000_000)


def price_table() -> dict[tuple[str, ...], Fraction]:
    """Read the prices of Linux on x86_64 in the region, by capacity and unit, from the table's text."""
    with (ROOT / "jobrunner" / "store" / "fargate_prices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        (row["capacity"], row["unit"]): Fraction(row["usd"])
        for row in rows
        if (row["region"], row["os"], row["arch"]) == (REGION, "linux", "x86_64")
    }


def time_of(text: str) -> datetime:
    """Read a time of an event."""
    return datetime.fromisoformat(text)


def group_of(key: str | None, runs: Sequence[Told]) -> dict[str, Any]:
    """Work out a group of `report --output json`."""
    over = [one for one in runs if one.over]
    good = [one for one in over if one.verdict == "succeeded"]
    tries = [attempt for one in over for attempt in one.tries]
    durations = sorted(one.duration for one in over)
    billed = sum(one.billed for one in over)
    pulls = sum(((one.pulled - one.pull).total_seconds() for one in tries if one.pulled and one.pull), 0.0)
    return {
        "key": key,
        "runs": len([one for one in runs if not one.skipped]),
        "succeeded": len(good),
        "failed": len(over) - len(good),
        "skipped": len([one for one in runs if one.skipped]),
        "running": len([one for one in runs if one.verdict is None]),
        "success_rate": len(good) / len(over) if over else None,
        "duration_seconds": {"median": nearest_rank(durations, 50), "p95": nearest_rank(durations, 95)},
        "billed_seconds": billed,
        "cost_usd": dollars(sum((one.cost for one in over), Fraction())),
        "waste": {
            "pull_seconds": pulls,
            "minimum_seconds": sum(one.billed - one.used for one in tries),
            "failed_usd": dollars(sum((one.cost for one in over if one.verdict != "succeeded"), Fraction())),
            "retried_usd": dollars(sum((one.cost - one.tries[-1].cost for one in good), Fraction())),
            "spot_saving_usd": dollars(sum((one.on_demand - one.cost for one in tries), Fraction())),
        },
    }


def nearest_rank(ordered: Sequence[float], percent: int) -> float | None:
    """Give the smallest value that so many percent do not exceed."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None


def dollars(amount: Fraction) -> str:
    """Write an amount of whole micro-dollars."""
    micro = amount * 1_000_000
    assert micro.denominator == 1
    return f"{micro.numerator // 1_000_000}.{micro.numerator % 1_000_000:06d}"
