"""The HTML report as text: its words, its tables, and that text of others stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from page_runs import NOON, SOURCE, page_of, run, running, skipped

from jobrunner.cli.page import sections
from jobrunner.cli.page.markup import embedded, escaped, named
from jobrunner.cli.page.plotly_js import library
from jobrunner.core.outcome import Verdict
from jobrunner.core.report import Group, Report, Waste

if TYPE_CHECKING:
    from jobrunner.core.history import Entry

EVIL = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)> \"'&\u2028\u202e"


def text_of(html: str) -> str:
    """What a person reads of it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def body_of(page: str) -> str:
    """A page without its head and its scripts."""
    return re.sub(r"<script.*?</script>", "", page.partition("<body>")[2], flags=re.DOTALL)


def data_of(page: str) -> dict[str, object]:
    """What the page's script reads."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    document: dict[str, object] = json.loads(found[1])
    return document


def test_text_is_escaped() -> None:
    """For elements and for quoted attributes; what hides or reorders is visible."""
    assert "&lt;b title=&quot;&#x27;&amp;&quot;&gt;&lt;U+202E&gt;" == escaped('<b title="\'&">\u202e')
    assert "<bdi>a^J&lt;b&gt;</bdi>" == named("a\n<b>")


def test_data_cannot_leave_their_element() -> None:
    """No character of HTML's is left in them, and they say the same."""
    found = embedded({"a": EVIL})
    assert set() == set(found) & set("<>&\u2028\u202e")
    assert {"a": EVIL} == json.loads(found)


def test_data_hold_no_number_that_json_has_not() -> None:
    """JSON.parse would refuse NaN, and the page would stay empty."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded(float("nan"))


def test_hostile_text_makes_no_markup() -> None:
    """Whoever names a job, or ends it with words, adds no element to the page."""
    plain = page_of([run("a", detail="d")], title="t")
    evil = page_of([run(EVIL, detail=EVIL, reason=EVIL, trigger=EVIL)], title=EVIL)
    assert [plain.count("<script"), plain.count("</script"), plain.count("<img")] == [
        evil.count("<script"),
        evil.count("</script"),
        evil.count("<img"),
    ]
    tags = r"<(/?[a-z0-9]+)"
    assert re.findall(tags, body_of(plain)) == re.findall(tags, body_of(evil))


def test_a_dollar_in_text_is_a_dollar() -> None:
    """The template's placeholders are not looked for in what stands in their place."""
    assert "<h1><bdi>$style ${data} $$</bdi></h1>" in page_of([run()], title="$style ${data} $$")


def test_policy_allows_the_scripts_of_the_page_and_no_others() -> None:
    """By their hashes; and nothing may be fetched."""
    page = page_of([run()])
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    assert 2 == len(scripts)
    assert (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    ) == found[1]


def test_chart_library_is_read_without_its_python() -> None:
    """To import plotly takes longer than everything else of the report."""
    code = (
        "import sys; from jobrunner.cli.page.plotly_js import library; "
        "assert 'plotly.js v' in library()[:100]; print('plotly' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


def test_missing_chart_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(FileNotFoundError, match="pip install plotly"):
        library()


def test_data_have_the_total_and_the_runs() -> None:
    """Whoever reads the page with a program finds the same object as in the JSON."""
    data = data_of(page_of([run("a"), run("b", number=2)]))
    total = data["total"]
    runs = data["runs"]
    assert isinstance(total, dict)
    assert isinstance(runs, list)
    assert (2, "0.002000") == (total["runs"], total["cost_usd"])
    assert ["a-000001", "b-000002"] == [one["run_id"] for one in runs]


def test_headline() -> None:
    """Runs, success rate, billed time, and a cost that says that it is an estimate."""
    page = page_of([run("a"), run("a", verdict=Verdict.FAILED), run("a", cost=None), running("b"), skipped("b")])
    found = text_of(page.partition('<dl class="tiles">')[2].partition("</dl>")[0])
    assert (
        "Runs 4 1 failed, 1 skipped, 1 running Success rate 66.6 % 2 of 3 that are over "
        "Billed time 3m 16s without 1 run, of which it is unknown "
        "Cost estimate $0.002000 without 1 run, of which it is unknown"
    ) == found


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Group(key=None), "Runs 0 nothing ran Success rate \N{EN DASH} no run is over Billed time 0s of all attempts"),
        (Group(key=None, runs=3, succeeded=3), "Runs 3 none failed Success rate 100 % 3 of 3 that are over"),
        (Group(key=None, runs=3, failed=3), "Runs 3 3 failed Success rate 0 % 0 of 3 that are over"),
    ],
)
def test_headline_of_the_ends(group: Group, expected: str) -> None:
    """None at all, all, and none of them."""
    assert text_of(sections.headline(group)).startswith(expected)


def test_unknown_cost_is_not_nothing() -> None:
    """Of runs of which no cost is known, it is unknown, in the headline and in the breakdown."""
    group = Group(key="a", runs=2, failed=2, unknown_cost_runs=2, unknown_billed_runs=2, unknown_failed_cost_runs=2)
    report = Report(project="demo", stage=None, since=None, until=None, by="job", groups=(group,), total=group)
    assert text_of(sections.headline(group)).endswith(
        "Billed time unknown without 2 runs, of which it is unknown "
        "Cost estimate unknown without 2 runs, of which it is unknown"
    )
    assert 2 * 3 == sections.groups(report).count('<td class="number">unknown</td>')
    assert "Runs that failed unknown without 2 runs" in text_of(sections.waste(group))


def test_a_sum_says_what_it_is_without() -> None:
    """Next to the sum, for each group."""
    group = Group(key="a", runs=3, succeeded=3, cost_usd=Decimal("1.5"), unknown_cost_runs=1)
    report = Report(project="demo", stage=None, since=None, until=None, by="job", groups=(group,), total=group)
    assert 2 == text_of(sections.groups(report)).count("$1.50 + 1 unknown")


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 3, "0 %"), (3, 3, "100 %"), (9_999, 10_000, "99.9 %"), (1, 10_000, "0.1 %"), (1, 2, "50.0 %")],
)
def test_share(part: int, whole: int, expected: str) -> None:
    """Never all of what is not all, nor nothing of what is something."""
    assert expected == sections.share(part, whole)


@pytest.mark.parametrize(("part", "expected"), [(0.0, "0 %"), (0.004, "under 1 %"), (0.126, "13 %"), (1.0, "100 %")])
def test_percent(part: float, expected: str) -> None:
    """Whole ones, of what is measured."""
    assert expected == sections.percent(part)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3_661, "1h 1m"), (3_601, "1h"), (90_061, "1d 1h"), (86_400_000, "1,000d")],
)
def test_span(seconds: int, expected: str) -> None:
    """The two largest units, and no zero."""
    assert expected == sections.span(seconds)


def test_waste_is_told_in_words() -> None:
    """And what is unknown of it."""
    group = Group(
        key=None,
        runs=9,
        waste=Waste(
            pull_seconds=72.5,
            pull_share=0.1,
            minimum_seconds=120,
            failed_usd=Decimal("1.5"),
            retried_usd=Decimal("0.000100"),
            spot_saving_usd=Decimal("0.000000"),
        ),
        unknown_failed_cost_runs=2,
    )
    expected = (
        "Waste and savings Image pulls 1m12s, 10 % of the billed time Rounding up to AWS's minimum 2m "
        "Runs that failed $1.50 without 2 runs, of which it is unknown Attempts that had to be repeated $0.000100 "
        "Saved by Spot $0.00"
    )
    assert expected == text_of(sections.waste(group))


def test_no_runs_have_no_waste() -> None:
    """A list of noughts says nothing."""
    assert "" == sections.waste(Group(key=None))


def test_breakdown_has_a_row_for_each_group_and_the_total() -> None:
    """With the figures of the report, and what they are by."""
    page = page_of([run("a"), run("b", cost="0.5", number=2)])
    table = page.partition('<table class="plain pinned">')[2].partition("</table>")[0]
    rows = [text_of(row) for row in re.findall("<tr>(.*?)</tr>", table)]
    assert [
        "Job Runs Success Median 95th pct. Billed Cost Pulls Minimum Failed Retried Spot saved",
        "b 1 100 % 1m30s 1m30s 1m38s $0.50 8 % 0 s $0.00 $0.00 $0.00",
        "a 1 100 % 1m30s 1m30s 1m38s $0.001000 8 % 0 s $0.00 $0.00 $0.00",
        "Total 2 100 % 1m30s 1m30s 3m16s $0.501000 8 % 0 s $0.00 $0.00 $0.00",
    ] == rows


def test_caption_of_the_costs() -> None:
    """What the chart shows, for those who do not see it; and what it does not show."""
    page = page_of(
        [run(f"job-{number}", cost=f"0.0{number}") for number in range(1, 9)]
        + [run("old", NOON.replace(day=20), cost=None)]
    )
    found = page.partition('<figcaption id="cost-caption">')[2].partition("</figcaption>")[0]
    assert (
        "$0.36 in 5 days, an estimate. The costliest day was 24 November 2026, with $0.36. "
        "The 2 jobs that cost least are stacked as one. 1 run of unknown cost is not in the bars; a ? marks its day."
    ) == found


@pytest.mark.parametrize(
    ("runs", "expected"),
    [([], ""), ([running()], ""), ([run(cost=None), run(cost=None, number=2)], "2 runs of unknown cost.")],
)
def test_caption_where_no_cost_is_known(runs: list[Entry], expected: str) -> None:
    """Nothing is said of nothing; and no sum is made of what is unknown."""
    page = page_of(runs)
    assert expected == page.partition('<figcaption id="cost-caption">')[2].partition("</figcaption>")[0]


def test_page_says_when_it_lists_only_the_newest() -> None:
    """The figures are of all; and it says nothing when it lists all."""
    runs = [run("a", number=number) for number in range(3)]
    said = "Only the newest 2 of 3 runs are listed; the figures and charts are of all."
    assert [True, False] == [said in page_of(runs, listed=2), said in page_of(runs)]


def test_notes_on_what_is_left_out() -> None:
    """Of charts that would have too many marks."""
    assert "Only the newest 2 of 7 runs are drawn." == sections.timeline_note({"points": [1, 2], "left": 5})
    assert "" == sections.timeline_note({"points": [1, 2], "left": 0})
    days = [str(number) for number in range(410)]
    assert "Only the last 400 of 410 days are shown. 1 job with fewer runs is left out." == sections.calendar_note(
        {"first": 10, "left": 1}, days
    )


def test_prices_have_their_date_and_local_runs_cost_nothing() -> None:
    """An estimate says what it is from; and on the local endpoint nothing is paid."""
    total = Group(key=None)
    report = Report(
        project="demo",
        stage=None,
        since=None,
        until=None,
        by="job",
        groups=(),
        total=total,
        prices=(date(2026, 1, 1), date(2026, 10, 1)),
    )
    priced = "Costs are estimated with Fargate's prices of 2026-01-01 and 2026-10-01."
    local = " The runs were on a local endpoint, which costs nothing: it is what Fargate would have charged."
    here = replace(run(), source=replace(SOURCE, endpoint_id="1"))
    assert [priced, priced + local] == [sections.made_of(report, [run()]), sections.made_of(report, [here])]
    assert "" == sections.made_of(replace(report, prices=()), [])


def test_time_zone_of_the_report_is_that_of_the_page() -> None:
    """It says whose clock it is."""
    page = page_of([run(due=NOON.replace(hour=23, minute=30))], timezone="Europe/Paris")
    assert ["2026-11-25"] == data_of(page)["days"]
    assert "Europe/Paris" == data_of(page)["zone"]
    assert '<span id="zone">Europe/Paris</span>' in page
