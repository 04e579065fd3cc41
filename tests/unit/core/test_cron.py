"""Unix cron: what is read, what is refused, and what AWS is sent for it, by hand."""

from __future__ import annotations

import re

import pytest
from croniter import croniter

from jobrunner.core.aws_cron import may_coincide
from jobrunner.core.cron import MACROS, parse_cron
from jobrunner.core.cron_conversion import aws_crons

EXAMPLE = 'for instance "30 2 * * *" (02:30 every day) or @daily'
DAYS = "there are L and 15W for days of the month, L5 and 5#2 for days of the week"
MONTHS = "JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV and DEC"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("30 2 * *", f"cron '30 2 * *' has 4 fields instead of five (minute hour day month weekday); {EXAMPLE}"),
        (
            "0 30 2 * * *",
            f"cron '0 30 2 * * *' has 6 fields instead of five (seconds and years do not exist here); {EXAMPLE}",
        ),
        ("", f"cron '' has 0 fields instead of five (minute hour day month weekday); {EXAMPLE}"),
        ("cron(30 2 * * ? *)", f"cron 'cron(30 2 * * ? *)' is AWS's syntax; write Unix cron, {EXAMPLE}"),
        ("rate(1 hour)", f"cron 'rate(1 hour)' is AWS's syntax; write Unix cron, {EXAMPLE}"),
        ("@reboot", "cron '@reboot' has no meaning on Fargate: nothing boots"),
        (
            "@fortnightly",
            (
                "cron '@fortnightly' is not a macro; "
                "there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"
            ),
        ),
        ("60 * * * *", "60 is out of range in the minute field of a cron expression: 0 to 59"),
        ("* * * * 8", "8 is out of range in the day of the week field of a cron expression: 0 to 7"),
        ("* * * FOO *", f"'FOO' is not a number in the month field of a cron expression (names: {MONTHS})"),
        ("* JAN * * *", "'JAN' is not a number in the hour field of a cron expression"),
        ("5-5 * * * *", "'5-5' is a range of one value, which some crons read as every value; write 5"),
        (
            "* 3-1/2 * * *",
            (
                "'3-1/2' goes over the end of the field in steps, which crons read differently; "
                "list what it shall be, for instance 3,5,7,9,11,13,15,17,19,21,23,1"
            ),
        ),
        (
            "*/90 * * * *",
            (
                "the step of '*/90' in the minute field must be from 1 to 59: steps begin anew with every hour; "
                "an even interval is a rate, for instance rate: 90 minutes"
            ),
        ),
        (
            "0 */36 * * *",
            (
                "the step of '*/36' in the hour field must be from 1 to 23: steps begin anew with every day; "
                "an even interval is a rate, for instance rate: 36 hours"
            ),
        ),
        ("*/0 * * * *", "the step of '*/0' in the minute field must be from 1 to 59: steps begin anew with every hour"),
        (
            "0 0 1 */12 *",
            "the step of '*/12' in the month field must be from 1 to 11: steps begin anew with every year",
        ),
        ("0 0 31 2 *", "cron '0 0 31 2 *' never fires: no such month has a day 31"),
        ("0 0 31 4,6,9,11 *", "cron '0 0 31 4,6,9,11 *' never fires: no such month has a day 31"),
        ("* * ? * *", "'?' is not valid in the day of the month field of a cron expression: '?' is AWS's; write '*'"),
        (
            "R * * * *",
            (
                "'R' is not valid in the minute field of a cron expression: "
                "random (R) and hashed (H) times are not deterministic"
            ),
        ),
        ("0 0 LW * *", f"'LW' is not valid in the day of the month field of a cron expression: {DAYS}"),
        ("0 0 1,15W * *", f"'15W' is not valid in the day of the month field of a cron expression: {DAYS}"),
        ("0 0 32W * *", "32 is out of range in the day of the month field of a cron expression: 1 to 31"),
        ("0 L * * *", f"'L' is not valid in the hour field of a cron expression: {DAYS}"),
        ("0 0 * * 5#6", f"'5#6' is not valid in the day of the week field of a cron expression: {DAYS}"),
        (
            "0 0 * * 5L",
            "'5L' is not valid in the day of the week field of a cron expression: the last such weekday is written L5",
        ),
        (
            "0 0 * * MON,5#2",
            ("'MON' cannot stand beside '5#2' in the day of the week field of a cron expression; write two schedules"),
        ),
        ("0 0 31W 2 *", "cron '0 0 31W 2 *' never fires: no such month has a day 31"),
        ("0 0 * * 7-0", "'7-0' is a range of one value, which some crons read as every value; write 7"),
        ("0 0 31-L * *", "'31-L' is a range of one value, which some crons read as every value; write 31"),
        ("0 0-L * * *", "'L' is not a number in the hour field of a cron expression"),
        ("0 0 L-3 * *", f"'L-3' is not valid in the day of the month field of a cron expression: {DAYS}"),
        (
            "0 0 */2 * MON",
            (
                "'*/2' beside 'MON': some crons fire on days that match both day fields, others on days that match "
                "either; for either of them write '1-31/2', and '*' for 'MON' alone"
            ),
        ),
        (
            "0 0 13 * 5,*/2",
            (
                "'5,*/2' beside '13': some crons fire on days that match both day fields, others on days that match "
                "either; for either of them write '5,0-6/2', and '*' for '13' alone"
            ),
        ),
        (
            "0 0 13 * 5#2",
            (
                "'13' and '5#2' in the two day fields of one cron expression are read differently by different crons; "
                "write two schedules"
            ),
        ),
        (
            "0 0 15W * FRI",
            (
                "'15W' and 'FRI' in the two day fields of one cron expression are read differently by different crons; "
                "write two schedules"
            ),
        ),
        ("1,,2 * * * *", "'' is not valid in the minute field of a cron expression"),
        ("1--2 * * * *", "'1--2' is not valid in the minute field of a cron expression"),
    ],
)
def test_cron_refused(text: str, message: str) -> None:
    """What is no Unix cron, or never fires, or is read differently elsewhere, is refused with the reason."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_cron(text)


@pytest.mark.parametrize("macro", MACROS)
def test_macros(macro: str) -> None:
    """A macro is the expression that it stands for, in any case."""
    assert parse_cron(MACROS[macro]) == parse_cron(macro.upper())


def test_leap_day() -> None:
    """29 February fires every four years, and so does the 30th of any other month."""
    assert [frozenset({29}), frozenset({30})] == [parse_cron("0 0 29 2 *").days, parse_cron("0 0 30 2,3 *").days]


def test_either_day_field() -> None:
    """With both day fields set, Unix fires on either: the weekdays make up for a day that does not exist."""
    cron = parse_cron("0 0 31 2 MON")
    assert (False, False, frozenset({1})) == (cron.any_day, cron.any_weekday, cron.weekdays)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0 0 L * *", (set(), True, None, set())),
        ("0 0 l,15 2 *", ({15}, True, None, set())),
        ("0 0 15W * *", (set(), False, 15, set())),
        ("0 0 w15 * *", (set(), False, 15, set())),
        ("0 0 1,29-L * *", ({1, 29, 30, 31}, False, None, set())),
        ("0 0 * * L5", (set(range(1, 32)), False, None, {(5, -1)})),
        ("0 0 * * fri#2,7#1", (set(range(1, 32)), False, None, {(5, 2), (0, 1)})),
        ("0 0 * * fri-sun#2", (set(range(1, 32)), False, None, {(5, 2), (6, 2), (0, 2)})),
    ],
)
def test_days_that_are_counted(text: str, found: tuple[set[int], bool, int | None, set[tuple[int, int]]]) -> None:
    """The last day, the nearest weekday, the last and the n-th weekday of a month; croniter takes them, too."""
    cron = parse_cron(text)

    assert croniter.is_valid(text)
    assert found == (cron.days, cron.last_day, cron.nearest_to, cron.nth_weekdays)


def test_spaces_are_one() -> None:
    """The text that is kept has single spaces."""
    assert "30 2 * * *" == parse_cron("  30   2 *\t* * ").text


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("5-7", {5, 6, 0}),
        ("1-7/3", {1, 4, 0}),
        ("0-7", set(range(7))),
        ("0-7/7", {0}),
        ("7", {0}),
        ("7-2", {0, 1, 2}),
        ("7/2", {0, 2, 4, 6}),
        ("6/2", {6}),
        ("6-1", {6, 0, 1}),
        ("FRI-SUN", {5, 6, 0}),
        ("SUN-7", set(range(7))),
    ],
)
def test_sunday_is_0_and_7(text: str, weekdays: set[int]) -> None:
    """Both numbers are Sunday, also as the end of a range; croniter says the same."""
    theirs = croniter.expand(f"0 0 * * {text}")[0][4]
    assert weekdays == (set(range(7)) if theirs == ["*"] else set(theirs))
    assert weekdays == parse_cron(f"0 0 * * {text}").weekdays


# -- to AWS ------------------------------------------------------------------------------------------------------

GUIDE = "Scheduler user guide, Schedule types"
FACTS = "the guide's table of wildcards, which does not list it"
MANUAL = "crontab(5): the command will be run when either field matches"
COPILOT = "a bug of aws copilot's converter"
SANITY = "a bug of sanity-io/unix-cron-to-aws-cron"


@pytest.mark.parametrize(
    ("text", "expected", "source"),
    [
        # One day field, and the other ?.
        ("30 2 * * *", "30 2 * * ? *", f"{GUIDE}: not * in both"),
        ("0 12 * * *", "0 12 * * ? *", f"{SANITY}: ? in both"),
        ("0 0 1 * *", "0 0 1 * ? *", GUIDE),
        ("0 0 * * 1", "0 0 ? * MON *", GUIDE),
        ("0 0 1-31 * *", "0 0 * * ? *", "all of them are *"),
        ("0 0 * * 0-6", "0 0 * * ? *", "all of them are *"),
        # Weekdays are one more at AWS; 0 and 7 are Sunday.
        ("0 0 * * 0", "0 0 ? * SUN *", f"{GUIDE}: 1 is Sunday"),
        ("0 0 * * 7", "0 0 ? * SUN *", f"{COPILOT}: 8"),
        ("0 0 * * 6", "0 0 ? * SAT *", "wata727/elastic_whenever#70: 0"),
        ("0 9 * * 1-5", "0 9 ? * MON-FRI *", "winglang/wing#7116: one day late"),
        ("0 0 * * 5-7", "0 0 ? * SUN,FRI,SAT *", FACTS),
        ("0 0 * * SAT-MON", "0 0 ? * SUN,MON,SAT *", FACTS),
        ("0 0 * * MON-SAT", "0 0 ? * MON-SAT *", GUIDE),
        # Steps: of values, never of digits; and where the guide lists none, lists.
        ("*/15 * * * *", "0/15 * * * ? *", f"{GUIDE}: 1/10"),
        ("*/7 * * * *", "0/7 * * * ? *", "0, 7 … 56, and anew with every hour"),
        ("*/40 * * * *", "0,40 * * * ? *", "0 and 40"),
        ("5/20 * * * *", "5/20 * * * ? *", f"{GUIDE}: 1/10"),
        ("0-30/10 * * * *", "0,10,20,30 * * * ? *", FACTS),
        ("0 */6 * * *", "0 0/6 * * ? *", f"{GUIDE}: 1/10"),
        ("0 0 */10 * *", "0 0 1/10 * ? *", f"{COPILOT}: dropped"),
        ("0 0 1 */3 *", "0 0 1 1/3 ? *", GUIDE),
        ("0 0 * * */2", "0 0 ? * SUN,TUE,THU,SAT *", f"{COPILOT}: */3"),
        ("0 0 * * 1/2", "0 0 ? * MON,WED,FRI *", FACTS),
        # Ranges over the end.
        ("0 22-2 * * *", "0 0-2,22,23 * * ? *", "crontab: 22 to 2, over midnight"),
        ("50-10/5 * * * *", "0,5,10,50,55 * * * ? *", FACTS),
        ("0 0 1 NOV-FEB *", "0 0 1 1,2,11,12 ? *", FACTS),
        ("0 0 25-5 * *", "0 0 1-5,25-31 * ? *", FACTS),
        # Names and macros.
        ("0 0 1 jan,Jul *", "0 0 1 1,7 ? *", "crontab(5): case does not matter"),
        ("@hourly", "0 * * * ? *", "crontab(5)"),
        ("@daily", "0 0 * * ? *", "crontab(5)"),
        ("@midnight", "0 0 * * ? *", "crontab(5)"),
        ("@weekly", "0 0 ? * SUN *", "crontab(5)"),
        ("@monthly", "0 0 1 * ? *", "crontab(5)"),
        ("@yearly", "0 0 1 1 ? *", "crontab(5)"),
        ("@annually", "0 0 1 1 ? *", "crontab(5)"),
        # L, W, #.
        ("0 0 L * *", "0 0 L * ? *", f"{GUIDE}: the last day of the month"),
        ("0 0 25-L * *", "0 0 25-31 * ? *", "croniter: L is 31 there"),
        ("15 10 * * L5", "15 10 ? * 6L *", f"{GUIDE}: the last Friday, in its examples"),
        ("0 0 * * 5#2", "0 0 ? * 6#2 *", f"{GUIDE}: 3#2 is the second Tuesday"),
        ("0 0 * * 0#1", "0 0 ? * 1#1 *", GUIDE),
        ("0 0 15W * *", "0 0 15W * ? *", f"{GUIDE}: 3W"),
        ("0 0 w27 * *", "0 0 27W * ? *", GUIDE),
        ("0 0 30W 1,3 *", "0 0 30W 1,3 ? *", "the 31st is there to move to"),
        # Days that do not exist.
        ("0 0 29 2 *", "0 0 29 2 ? *", "leap years"),
        ("0 0 30,31 4 *", "0 0 30 4 ? *", "there is no 31 April"),
        ("0 0 1-30 4 *", "0 0 * 4 ? *", "all of April"),
    ],
)  # fmt: skip
def test_one_expression(text: str, expected: str, source: str) -> None:
    """Hard cases, each with where the right answer stands, or who had it wrong."""
    assert [f"cron({expected})"] == [cron.text for cron in aws_crons(parse_cron(text))], source


@pytest.mark.parametrize(
    ("text", "expected", "source"),
    [
        # Several counted weekdays: "you can only have one expression in the field" (the guide, of #).
        ("0 0 * * 2#1,5#3", ["? * 3#1", "? * 6#3"], f"{GUIDE}: 3#1,6#3 is not valid"),
        ("0 0 * * MON-WED#1", ["? * 2#1", "? * 3#1", "? * 4#1"], GUIDE),
        ("0 0 * * 5#4,L5", ["? * 6#4", "? * 6#5"], "the last one is the fourth or the fifth"),
        ("0 0 * * 5#5,L5", ["? * 6L"], "a fifth one is the last"),
        ("0 0 * * 1#1,1#2,1#3,1#4,L1,5#2", ["? * MON", "? * 6#2"], "every Monday"),
        # L in a list: AWS has none, and the last day must not be said twice.
        ("0 0 L,15 * *", ["15 * ?", "L * ?"], "BC: no list with an L"),
        ("0 0 L,31 * *", ["L * ?"], "the 31st is always the last"),
        ("0 0 L,30 * *", ["30 1,3,5,7,8,10,12 ?", "L * ?"], "in other months it is the last"),
        ("0 0 L,28 * *", ["28 1,3-12 ?", "28,29 2 ?", "L 1,3-12 ?"], "February ends with the 28th or the 29th"),
        ("0 0 L,28 2 *", ["28,29 2 ?"], "February ends with the 28th or the 29th"),
        ("0 0 L,29 2 *", ["L 2 ?"], "the 29th is always the last"),
        # Both day fields, so that no day is said twice.
        ("0 0 1-7 * MON", ["1-7 * ?", "? * 2#2", "? * 2#3", "? * 2#4", "? * 2#5"], MANUAL),
        ("0 0 1-21 * SUN", ["1-21 * ?", "? * 1#4", "? * 1#5"], MANUAL),
        ("0 0 29-31 * SUN", ["29-31 * ?", "? * 1#1", "? * 1#2", "? * 1#3", "? * 1#4"], MANUAL),
        ("0 0 1-28 2 MON,TUE", ["1-28 2 ?", "? 2 2#5", "? 2 3#5"], MANUAL),
        ("0 0 31 2 MON", ["? 2 MON"], "there is no 31 February"),
        ("0 0 1-31 * FRI", ["* * ?"], "every day is one of them"),
        ("0 0 1 * 0-6", ["* * ?"], "every day is one of them"),
        ("0 0 1-30 4 FRI", ["* 4 ?"], "every day is one of them"),
    ],
)
def test_expressions_that_share_no_minute(text: str, expected: list[str], source: str) -> None:
    """What AWS cannot say in one expression is said in several, none of which repeats another one's day."""
    crons = aws_crons(parse_cron(text))
    assert [f"cron(0 0 {days} *)" for days in expected] == [cron.text for cron in crons], source
    assert not may_coincide(crons)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 13 * FRI", ["13 * ?", "? * FRI"]),
        ("30 4 1,15 * 5", ["1,15 * ?", "? * FRI"]),
        ("0 0 1-7 * MON,TUE", ["1-7 * ?", "? * MON,TUE"]),
        ("0 0 L * FRI", ["L * ?", "? * FRI"]),
        ("0 0 L,1-7 * MON", ["1-7 * ?", "L * ?", "? * MON"]),
        ("0 0 L,15 2 1-5", ["15 2 ?", "L 2 ?", "? 2 MON-FRI"]),
    ],
)
def test_expressions_that_share_days(text: str, expected: list[str]) -> None:
    """No expression says "every Friday but the 13th": two that share days, and it is said that they do.

    Of a weekday without some dates, as long as five expressions are enough: 1-7 and two weekdays would be nine.
    """
    crons = aws_crons(parse_cron(text))
    minute, hour = text.split()[:2]
    assert [f"cron({minute} {hour} {days} *)" for days in expected] == [cron.text for cron in crons]
    assert may_coincide(crons)


@pytest.mark.parametrize(
    ("date", "months", "last"),
    [(1, "*", 27), (28, "*", 27), (31, "*", 27), (30, "4", 29), (31, "1", 30), (29, "2", 27)],
)
def test_the_edge_of_a_month(date: int, months: str, last: int) -> None:
    """Where W would have to leave the month, or the month has no such day, nobody says what AWS does.

    The preview of its console differs from Quartz for 31W (winebarrel/cronplan#106), and croniter from both.
    """
    text = f"0 0 {date}W {months} *"
    message = (
        f"'{date}W' is at the edge of a month of cron {text!r}, where crons read it differently and AWS does not say "
        f"how it does; write 2W to {last}W, or a day without W"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        aws_crons(parse_cron(text))


def test_the_longest_expression() -> None:
    """BC scheduler ScheduleExpression: at most 256 characters. No Unix expression needs more than 240."""

    def pairs(low: int, high: int) -> str:
        return ",".join(str(value) for value in range(low, high + 1) if (value - low) % 3)

    # Two of three, from the end: the most digits that are neither a range nor a step.
    text = f"{pairs(0, 59)} {pairs(1, 23)} {pairs(2, 31)} {pairs(1, 12)} *"
    [cron] = aws_crons(parse_cron(text))
    assert 230 < len(cron.text) <= 240
