"""A week of ten scheduled jobs, and what it must come to: worked out here, with nothing of jobrunner's own cron.

The week begins with the Sunday on which the clocks of London go forward and ends with the one on which those of
Sydney go back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LONDON, SYDNEY = ZoneInfo("Europe/London"), ZoneInfo("Australia/Sydney")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One task: of which job, for which scheduled time in UTC, which attempt, and how it ended."""

    job: str
    scheduled: datetime
    attempt: int = 1
    end: str = "exit 0"


@dataclass(frozen=True, kw_only=True)
class Week:
    """The week that begins with a Sunday at 00:00 UTC."""

    sunday: datetime

    @classmethod
    def after(cls, now: datetime) -> Week:
        """Give the next one that begins with the last Sunday of a March."""
        year = now.year + 1
        last = datetime(year, 3, 31, tzinfo=UTC)
        return cls(sunday=last - timedelta(days=(last.weekday() + 1) % 7))

    @property
    def end(self) -> datetime:
        """The end, when the next week begins."""
        return self.sunday + 7 * DAY

    def day(self, number: int, time: timedelta) -> datetime:
        """Give a time of a day of the week; Sunday is 0."""
        return self.sunday + number * DAY + time

    def window(self, zone: ZoneInfo) -> str:
        """Write the start and the end of the week as keys of a schedule, in local time."""
        first, last = self.sunday.astimezone(zone), (self.end - MINUTE).astimezone(zone)
        return f'timezone: {zone.key}, start: "{first:%Y-%m-%dT%H:%M}", end: "{last:%Y-%m-%dT%H:%M}"'

    def jobs(self) -> dict[str, str]:
        """Give the ten jobs, by name."""
        utc, tuesday, thursday = self.window(ZoneInfo("UTC")), self.day(2, 0 * HOUR), self.day(4, 0 * HOUR)
        either = f"0 12 {tuesday.day},{thursday.day} * TUE"
        once = (tuesday + 9 * HOUR).replace(tzinfo=None).isoformat()
        wait = "sleep 100000"
        return {
            "often": f'command: ["true"]\nschedule: {{cron: "*/5 * * * *", {utc}}}\n',
            "london": f'command: ["true"]\nschedule: {{cron: "30 1 * * *", {self.window(LONDON)}}}\n',
            "sydney": f'command: ["true"]\nschedule: {{cron: "30 2 * * *", {self.window(SYDNEY)}}}\n',
            "either": f'command: ["true"]\nschedule: {{cron: "{either}", {utc}}}\n',
            "once": f'command: ["true"]\nschedule: {{at: "{once}", timezone: Europe/London}}\n',
            "rated": f'command: ["true"]\nschedule: {{rate: 8 hours, {utc}}}\n',
            "forbidding": f'command: {wait}\noverlap: forbid\nschedule: {{cron: "0 */6 * * *", {utc}}}\n',
            "replacing": f'command: {wait}\noverlap: replace\nschedule: {{cron: "0 3 * * *", {utc}}}\n',
            "flaky": "command: [sh, -c, 'test $JOBRUNNER_ATTEMPT = 2 || exit 75']\n"
            f'retries: {{attempts: 3, backoff: 1s, on: 75}}\nschedule: {{cron: "15 4 * * *", {utc}}}\n',
            "slow": f'command: {wait}\ntimeout: 2s\nschedule: {{cron: "0 5 * * *", {utc}}}\n',
        }

    def expected(self) -> Iterator[Attempt]:
        """Give every task of the week. The last one of `replacing` and the one of `forbidding` have not ended."""
        for number in range(7 * 24 * 12):
            yield Attempt(job="often", scheduled=self.sunday + number * 5 * MINUTE)
        for number in range(7 * 3):
            yield Attempt(job="rated", scheduled=self.sunday + number * 8 * HOUR)
        for number in range(1, 7):  # 01:30 of Sunday is skipped in London; the other days are an hour before UTC
            yield Attempt(job="london", scheduled=self.day(number, 30 * MINUTE))
        for number in range(7):  # eleven hours before UTC; the second 02:30 of the last Sunday is not fired
            yield Attempt(job="sydney", scheduled=self.day(number, 15 * HOUR + 30 * MINUTE))
        yield Attempt(job="either", scheduled=self.day(2, 12 * HOUR))
        yield Attempt(job="either", scheduled=self.day(4, 12 * HOUR))
        yield Attempt(job="once", scheduled=self.day(2, 8 * HOUR))
        yield Attempt(job="forbidding", scheduled=self.sunday, end="RUNNING")
        for number in range(7):
            end = "jobrunner: replaced" if number < 6 else "RUNNING"
            yield Attempt(job="replacing", scheduled=self.day(number, 3 * HOUR), end=end)
            yield Attempt(job="flaky", scheduled=self.day(number, 4 * HOUR + 15 * MINUTE), end="exit 75")
            yield Attempt(job="flaky", scheduled=self.day(number, 4 * HOUR + 15 * MINUTE), attempt=2)
            yield Attempt(job="slow", scheduled=self.day(number, 5 * HOUR), end="jobrunner: timed out")
