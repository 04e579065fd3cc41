"""The HTML report in a real browser: it is drawn, sorted, filtered and read, and asks no network for anything."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from page_runs import NOON, page_of, run, running, skipped
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from jobrunner.cli.harmless import harmless, harmless_line
from jobrunner.core.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

DAY = timedelta(days=1)
LIMIT_SECONDS = 30.0
WIDE, PHONE = 1280, 360
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",  # they would take a part of the width, as no phone's do
)
_WATCH = """
window.violations = [];
addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
"""
EVIL = "</script><script>window.owned=1</script><img src=x onerror=window.owned=1><b>%{x} \"'&amp;\u2028\u202e$x$"

MIXED = [
    run("etl", NOON, cost="0.020000", seconds=90, number=1),
    run("etl", NOON - DAY, cost="0.100000", seconds=9.5, number=2, trigger="manual"),
    run("report", NOON - DAY, cost=None, seconds=4000, number=3),
    run("report", NOON - 2 * DAY, cost="1.500000", verdict=Verdict.FAILED, exit_code=1, detail="KeyError", number=4),
    run("job-10", NOON - 2 * DAY, cost="0.003000", before=[Verdict.OUT_OF_MEMORY, Verdict.FAILED], number=5),
    run("job-9", NOON - 3 * DAY, cost="0.000009", verdict=Verdict.NEVER_STARTED, number=6),
    running("etl", NOON + timedelta(hours=1), number=7),
    skipped("report", NOON, number=8),
]


class Browser:
    """Chromium, with one page open."""

    def __init__(self, driver: webdriver.Chrome, directory: Path) -> None:
        self._driver = driver
        self._path = directory / "report.html"
        self.look()

    def open(self, page: str, *, width: int = WIDE, scheme: str = "light") -> None:
        """Open a page that is a file, and wait until it is drawn."""
        self._path.write_text(page, encoding="utf-8")
        self._driver.get_log("browser")
        self._driver.get_log("performance")
        self.look(width=width, scheme=scheme)
        self._driver.get(self._path.as_uri())
        self.wait(lambda: self.script("return document.readyState") == "complete")

    def look(self, *, width: int = WIDE, scheme: str = "light", motion: str = "reduce") -> None:
        """Be a screen of that width, light or dark; nothing glides away from the pointer."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    def wait(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition."""
        WebDriverWait(self._driver, LIMIT_SECONDS, poll_frequency=0.02).until(lambda _: condition())

    def script(self, code: str, *arguments: Any) -> Any:
        """Run a script in the page, as somebody's debugger would: the policy does not count."""
        return self._driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        """Every element."""
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The only element."""
        [found] = self.all(selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """What is in the elements, as it stands."""
        found: list[str] = self.script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)", selector
        )
        return found

    def column(self, number: int) -> list[str]:
        """A column of the list of runs."""
        return self.texts(f"#runs-table > tbody > tr > td:nth-child({number})")

    def header(self, number: int) -> WebElement:
        """The button over a column."""
        return self.one(f"#runs-table > thead th:nth-child({number}) button")

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        chain = ActionChains(self._driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def hover(self, element: WebElement) -> None:
        """Move the pointer there."""
        ActionChains(self._driver).move_to_element(element).perform()

    def printed(self) -> None:
        """Print the page."""
        self._driver.execute_cdp_cmd("Page.printToPDF", {})

    def complaints(self) -> list[str]:
        """What the console and the policy say."""
        said = [entry["message"] for entry in self._driver.get_log("browser")]
        return said + self.script("return window.violations")

    def requests(self) -> list[str]:
        """What was fetched, without the page itself and what is in it."""
        events = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        urls = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if url != self._path.as_uri() and not url.startswith("data:")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One session for all tests: to start it takes longer than a test."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        said = "chromium and chromedriver are not installed (Debian: chromium chromium-driver)"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    chromium, driver = programs
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as session:
        session.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
        yield Browser(session, tmp_path_factory.mktemp("page"))


def lightness(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in digits)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2, 1.4.3)."""
    dark, light = sorted((lightness(one), lightness(other)))
    return (light + 0.05) / (dark + 0.05)


def many(number: int) -> Sequence[Any]:
    """Runs of thirty jobs in a year."""
    verdicts = [Verdict.SUCCEEDED] * 20 + [Verdict.FAILED, Verdict.TIMED_OUT]
    return [
        run(
            f"job-{at % 30}",
            NOON - timedelta(hours=at * 8_760 / number),
            verdict=verdicts[at % len(verdicts)],
            seconds=1 + at % 997,
            cost=f"0.{at % 1_000:06}",
            number=at,
        )
        for at in range(number)
    ]


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [run()],
        MIXED,
        [run(cost=None)],
        [running()],
        [skipped()],
        [run(EVIL, detail=EVIL, trigger=EVIL, reason=EVIL)],
    ],
    ids=["none", "one", "mixed", "unknown cost", "running", "skipped", "hostile"],
)
@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_nothing_goes_wrong_and_nothing_is_fetched(browser: Browser, runs: list[Any], width: int) -> None:
    """No error and no violation of its policy, no request, and no scrolling to the side, whatever there is to show."""
    browser.open(page_of(runs, title=runs[0].identity.job if runs else "demo"), width=width)
    for one in browser.all("summary"):
        one.click()
    for one in browser.all("#runs-table .open"):
        one.click()
    assert [] == browser.complaints()
    assert [] == browser.requests()
    assert width == browser.script("return document.documentElement.scrollWidth")


def test_a_bar_for_each_day_and_job_of_known_cost(browser: Browser) -> None:
    """And a question mark, not a bar of nothing, where it is unknown."""
    browser.open(page_of(MIXED))
    known = {(one.identity.job, one.due.date()) for one in MIXED if one.outcome and one.outcome.cost_usd is not None}
    assert len(known) == len(browser.all("#cost-chart .bars .point path"))
    assert ["?"] == browser.texts("#cost-chart .scatterlayer .textpoint")
    assert ["report", "etl", "job-10", "job-9"] == browser.texts("#cost-legend bdi")


def test_a_mark_for_each_run(browser: Browser) -> None:
    """Each verdict has its colour and its shape; what has no duration has a line of its own."""
    browser.open(page_of(MIXED))
    marks = browser.script(
        "return [...document.querySelectorAll('#timeline-chart .points path.point')]"
        ".map((one) => [one.getAttribute('d'), one.style.fill, one.style.stroke])"
    )
    assert len(MIXED) == len(marks)
    kinds = browser.texts("#timeline-legend bdi")
    assert ["Succeeded 4", "Failed 1", "Never started 1", "Skipped 1", "Running 1"] == kinds
    assert len(kinds) == len({(shape, fill == "none") for shape, fill, _ in marks})
    assert len(kinds) == len({(fill, line) for _, fill, line in marks})
    icons = browser.script(
        "return [...document.querySelectorAll('#timeline-legend path')].map((one) => one.getAttribute('d'))"
    )
    assert len(kinds) == len(set(icons))
    assert "none" in browser.texts("#timeline-chart .y2tick")


def test_charts_are_tables_too(browser: Browser) -> None:
    """The same figures, for those who do not see them."""
    browser.open(page_of(MIXED))
    for one in browser.all("summary"):
        one.click()
    browser.wait(lambda: len(browser.all("details table")) == 2)
    costs = [re.sub(r"\s+", " ", one.text) for one in browser.all("#cost-table tr")]
    assert [
        "Day report etl job-10 job-9 Known Runs of unknown cost",
        "2026-11-21 - - - $0.000009 $0.000009 -",
        "2026-11-22 $1.50 - $0.009000 - $1.51 -",
        "2026-11-23 - $0.10 - - $0.10 1",
        "2026-11-24 - $0.02 - - $0.02 -",
    ] == [one.replace("\N{EN DASH}", "-") for one in costs]
    durations = [re.sub(r"\s+", " ", one.text) for one in browser.all("#timeline-table tr")]
    assert "Succeeded 4 9.5 s 1m30s 1h6m40s" == durations[1]


def test_calendar_tells_each_day(browser: Browser) -> None:
    """By pattern, by a text in the cell, and to the pointer."""
    browser.open(page_of(MIXED))
    rows = browser.script(
        "return [...document.querySelectorAll('#calendar-box tbody tr')].map((row) =>"
        " [...row.children].map((one) => one.className || one.textContent))"
    )
    assert [
        ["etl", "none", "none", "ok", "ok"],
        ["job-10", "none", "ok", "none", "none"],
        ["job-9", "bad", "none", "none", "none"],
        ["report", "none", "bad", "ok", "passed"],
    ] == rows
    cells = browser.all("#calendar-box tbody tr:first-child td")
    assert "2026-11-24: 1 succeeded, 1 running" == cells[-1].get_attribute("textContent")
    # The pointer brings the page to move, which takes the text away until the pointer moves again.
    browser.wait(lambda: browser.hover(cells[-2]) or browser.hover(cells[-1]) or browser.one("#tip").is_displayed())
    assert "etl\n2026-11-24: 1 succeeded, 1 running" == browser.one("#tip").text
    browser.keys(Keys.ESCAPE)
    assert not browser.one("#tip").is_displayed()


def test_calendar_of_a_year_scrolls_in_its_box(browser: Browser) -> None:
    """The newest day is what is seen first, on a phone too, and the jobs stay in view."""
    browser.open(page_of(many(400)), width=PHONE)
    left, most, names = browser.script(
        "const box = document.getElementById('calendar-box'), name = box.querySelector('tbody th');"
        "return [box.scrollLeft, box.scrollWidth - box.clientWidth, name.getBoundingClientRect().left]"
    )
    assert most > 1_000
    assert abs(left - most) <= 1
    assert 0 <= names < PHONE


def test_runs_sort_as_numbers(browser: Browser) -> None:
    """By cost, both ways; what is unknown comes last both times."""
    browser.open(page_of(MIXED))
    header = browser.header(8)
    header.click()
    falling = ["$1.50", "$0.10", "$0.02", "$0.009000", "$0.000009"]
    assert falling == browser.column(8)[:5]
    assert {"unknown", "not over", "\N{EN DASH}"} == set(browser.column(8)[5:])
    header.click()
    assert falling[::-1] == browser.column(8)[:5]
    assert {"unknown", "not over", "\N{EN DASH}"} == set(browser.column(8)[5:])


def test_runs_sort_by_duration_and_not_by_its_words(browser: Browser) -> None:
    """1h6m40s is more than 9.5 s."""
    browser.open(page_of(MIXED))
    browser.header(6).click()
    assert ["1h6m40s", "3m30s", "1m30s", "1m30s", "9.5 s"] == browser.column(6)[:5]


def test_runs_sort_as_words(browser: Browser) -> None:
    """By job, with the numbers in it as numbers; a screen reader is told which way."""
    browser.open(page_of(MIXED))
    assert ["descending"] + ["none"] * 8 == sorts(browser)
    header = browser.header(2)
    header.click()
    expected = ["etl", "etl", "etl", "job-9", "job-10", "report", "report", "report"]
    assert expected == browser.column(2)
    assert ["none", "ascending"] + ["none"] * 7 == sorts(browser)
    header.click()
    assert expected[::-1] == browser.column(2)
    assert ["none", "descending"] + ["none"] * 7 == sorts(browser)


def sorts(browser: Browser) -> list[str]:
    """What each column says of how it is sorted."""
    return [str(one.get_attribute("aria-sort")) for one in browser.all("#runs-table > thead th")]


def test_runs_sort_by_keyboard(browser: Browser) -> None:
    """Tab leads from the filters to the columns, one sees where one is, and Enter and the space bar sort."""
    browser.open(page_of(MIXED))
    browser.one("#filter-clear").send_keys(Keys.TAB, Keys.NULL)
    browser.keys(Keys.TAB, Keys.TAB)
    assert "Job" == browser.script("return document.activeElement.textContent")
    assert "solid" == browser.script("return getComputedStyle(document.activeElement).outlineStyle")
    browser.keys(Keys.ENTER)
    assert "ascending" == sorts(browser)[1]
    browser.keys(Keys.SPACE)
    assert "descending" == sorts(browser)[1]
    assert "Job" == browser.script("return document.activeElement.textContent")


def test_runs_are_filtered(browser: Browser) -> None:
    """By job, verdict, trigger and text, all at once; and all are back when it is cleared."""
    browser.open(page_of(MIXED))
    Select(browser.one("#filter-job")).select_by_visible_text("etl")
    assert ["etl"] * 3 == browser.column(2)
    assert "3 of 8 runs" == browser.one("#runs-count").text
    Select(browser.one("#filter-trigger")).select_by_visible_text("manual")
    assert 2 == len(browser.column(2))
    Select(browser.one("#filter-kind")).select_by_visible_text("Running")
    assert ["Running"] == browser.column(3)
    browser.one("#filter-text").send_keys("nothing like it")
    assert ["No run is like that."] == browser.column(1)
    browser.one("#filter-clear").click()
    browser.wait(lambda: len(browser.column(1)) == len(MIXED))
    assert "8 runs" == browser.one("#runs-count").text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keyerror", ["report"]),
        ("job-10-000005", ["job-10"]),
        ("it was tried", ["job-10"]),
        ("never started", ["job-9"]),
        (".*", []),
    ],
)
def test_text_is_looked_for_in_all_that_is_told_of_a_run(browser: Browser, text: str, expected: list[str]) -> None:
    """Its id, its detail, its verdict, and those of its attempts; as text, in any case."""
    browser.open(page_of(MIXED))
    browser.one("#filter-text").send_keys(text)
    assert expected == browser.texts("#runs-table .job")


def test_attempts_are_shown_under_their_run(browser: Browser) -> None:
    """When somebody asks for them; a screen reader is told whether they are there."""
    browser.open(page_of(MIXED))
    Select(browser.one("#filter-job")).select_by_visible_text("job-10")
    opener = browser.one("#runs-table .open")
    assert "false" == opener.get_attribute("aria-expanded")
    opener.send_keys(Keys.ENTER)
    assert "true" == opener.get_attribute("aria-expanded")
    assert ["Out of memory", "Failed", "Succeeded"] == browser.texts("#runs-table .inside tbody .verdict")
    assert "job-10-000005" in browser.one("#runs-table .inside p:first-child").text
    opener.send_keys(Keys.ENTER)
    assert [] == browser.all("#runs-table .inside")


def test_long_list_is_shown_bit_by_bit(browser: Browser) -> None:
    """A hundred at first, then more, then all; the keyboard goes on where the new ones begin."""
    browser.open(page_of(many(350)))
    further, everything = browser.all("#runs-more button")
    assert 100 == len(browser.column(1))
    further.click()
    assert 200 == len(browser.column(1))
    focused = browser.script("return document.activeElement.closest('tr').rowIndex")
    assert 101 == focused
    everything.click()
    assert 350 == len(browser.column(1))
    assert not browser.one("#runs-more").is_displayed()


def test_thousands_of_runs_stay_quick(browser: Browser) -> None:
    """Two thousand of thirty jobs in a year: each is drawn, and to sort and to filter takes less than a second."""
    browser.open(page_of(many(2_000)))
    assert 2_000 == len(browser.script("return document.querySelectorAll('#timeline-chart path.point')"))
    assert 30 == len(browser.all("#calendar-box tbody tr"))
    assert 7 == len(browser.all("#cost-legend button"))
    assert "24 other jobs" == browser.texts("#cost-legend bdi")[-1]
    took = browser.script(
        "const began = performance.now();"
        "document.querySelector('#runs-table > thead th:nth-child(2) button').click();"
        "const field = document.getElementById('filter-text');"
        "field.value = 'job-7'; field.dispatchEvent(new Event('input', {bubbles: true}));"
        "document.body.offsetHeight; return performance.now() - began"
    )
    assert {"job-7"} == set(browser.column(2))
    assert took < 2_000


def test_a_job_can_be_taken_out_of_the_chart(browser: Browser) -> None:
    """By pointer or key, and put back; the button says whether it is there."""
    browser.open(page_of(MIXED))
    button = browser.all("#cost-legend button")[0]
    bars = "#cost-chart .bars .point"
    before = len(browser.all(bars))
    button.send_keys(Keys.ENTER)
    browser.wait(lambda: len(browser.all(bars)) < before)
    assert "false" == button.get_attribute("aria-pressed")
    button.click()
    browser.wait(lambda: len(browser.all(bars)) == before)
    assert "true" == button.get_attribute("aria-pressed")


def test_dark_and_light_change_while_it_is_open(browser: Browser) -> None:
    """The charts with the page."""
    browser.open(page_of(MIXED))
    colours = (
        "return [getComputedStyle(document.body).backgroundColor,"
        " document.querySelector('#cost-chart .xtick text').style.fill,"
        " document.querySelector('#timeline-chart path.point').style.fill]"
    )
    light = browser.script(colours)
    browser.look(scheme="dark")
    browser.wait(lambda: all(one != other for one, other in zip(light, browser.script(colours), strict=True)))
    assert "rgb(17, 19, 23)" == browser.script(colours)[0]
    browser.look(scheme="light")
    browser.wait(lambda: browser.script(colours) == light)
    assert [] == browser.complaints()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(browser: Browser, scheme: str) -> None:
    """Text 4.5:1, marks 3:1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    browser.open(page_of([run()]), scheme=scheme)
    read = "return getComputedStyle(document.documentElement).getPropertyValue('--' + arguments[0]).trim()"
    page = browser.script(read, "page")
    texts = {name: contrast(browser.script(read, name), page) for name in ("text", "quiet", "accent")}
    assert {} == {name: found for name, found in texts.items() if found < 4.5}
    raised = browser.script(read, "raised")
    assert contrast(browser.script(read, "quiet"), raised) >= 4.5
    names = [*map(str, Verdict), "skipped", "running", "ok", "bad", "strong-line", "job-other"]
    names += [f"job-{number}" for number in range(7)]
    marks = {name: contrast(browser.script(read, name), page) for name in names}
    assert {} == {name: found for name, found in marks.items() if found < 3}


def test_charts_are_as_wide_as_a_phone(browser: Browser) -> None:
    """Also after it was turned."""
    browser.open(page_of(MIXED))
    width = "return document.querySelector('#timeline-chart .main-svg').getBoundingClientRect().width"
    assert browser.script(width) > PHONE
    browser.look(width=PHONE)
    browser.wait(lambda: browser.script(width) < PHONE)
    assert PHONE == browser.script("return document.documentElement.scrollWidth")


def test_paper_is_white(browser: Browser) -> None:
    """Also where the screen is dark; the charts fit, and are back on the screen afterwards."""
    browser.open(page_of(MIXED), scheme="dark")
    read = (
        "return [getComputedStyle(document.documentElement).getPropertyValue('--page').trim(),"
        " Math.round(document.querySelector('#cost-chart .main-svg').getBoundingClientRect().width)]"
    )
    before = browser.script(read)
    browser.script(
        "window.seen = []; addEventListener('beforeprint', () => { window.seen.push((() => {" + read + "})()) })"
    )
    browser.printed()
    assert [["#ffffff", 680]] == browser.script("return window.seen")
    browser.wait(lambda: browser.script(read) == before)
    assert [] == browser.complaints()


def test_hostile_text_is_shown_as_text(browser: Browser) -> None:
    """In the title, the legend, the calendar, the lists, what the pointer shows; and what hides is visible."""
    browser.open(page_of([run(EVIL, detail=EVIL, trigger=EVIL, reason=EVIL)], title=EVIL))
    browser.one("#runs-table .open").click()
    shown, line = harmless(EVIL), harmless_line(EVIL)
    assert [shown] == browser.texts("h1")
    assert [line] == browser.texts("#cost-legend bdi")
    assert [line] == browser.texts("#calendar-box tbody th")
    assert [line] == browser.texts("#groups tbody th")
    assert [[line], [line], [shown]] == [browser.column(number)[:1] for number in (2, 4, 9)]
    assert [shown] == browser.texts("#runs-table .said")
    assert line == browser.texts("#filter-job option")[1]
    hovered = browser.script(
        "Plotly.Fx.hover('timeline-chart', [{curveNumber: 0, pointNumber: 0}]);"
        "return document.querySelector('#timeline-chart .hovertext').textContent"
    )
    assert line in hovered
    assert [] == browser.all("main img, main script")
    assert browser.script("return window.owned === undefined")
    assert [] == browser.complaints()


def test_times_are_those_of_the_zone(browser: Browser) -> None:
    """Whatever clock the reader has; in the list as in the chart."""
    browser.open(page_of([run(due=NOON.replace(hour=23, minute=30))], timezone="Europe/Paris"))
    assert "2026-11-25 00:30" == browser.column(1)[0][:16]
    assert ["2026-11-25 00:30:00"] == browser.script("return document.getElementById('timeline-chart').data[0].x")


def test_words_are_those_of_the_command_line(browser: Browser) -> None:
    """A duration and an amount look the same wherever they are read."""
    runs = [run(seconds=seconds, cost=cost) for seconds, cost in ((0.04, "0.000001"), (42.5, "12.345678"))]
    browser.open(page_of(runs))
    assert {"0.04 s", "42 s"} == set(browser.column(6))
    assert {"$0.000001", "$12.35"} == set(browser.column(8))


def test_page_can_be_found_ones_way_in(browser: Browser) -> None:
    """A language, one first heading, no rank left out, named sections, and boxes that the keyboard scrolls."""
    browser.open(page_of(MIXED))
    assert "en" == browser.one("html").get_attribute("lang")
    ranks = browser.script("return [...document.querySelectorAll('h1,h2,h3')].map((one) => Number(one.tagName[1]))")
    assert [1] == [rank for rank in ranks if rank == 1]
    assert all(after - before <= 1 for before, after in pairwise(ranks))
    assert [1, 1, 1] == [len(browser.all(name)) for name in ("header", "main", "nav")]
    unnamed = "section:not([aria-labelledby]), .scroll:not([tabindex='0']), [role=img]:not([aria-labelledby])"
    assert [] == browser.all(unnamed)
    names = browser.script(
        "return [...document.querySelectorAll('[aria-labelledby]')].flatMap((one) =>"
        " one.getAttribute('aria-labelledby').split(' ')).filter((id) => !document.getElementById(id).textContent)"
    )
    assert [] == names
    assert [] == browser.script(
        "return [...document.querySelectorAll('input,select')].filter((one) => !one.labels.length)"
    )
    browser.keys(Keys.TAB)
    assert "Skip to the report" == browser.script("return document.activeElement.textContent")


def test_nothing_moves_for_who_asked_for_it(browser: Browser) -> None:
    """Neither the page to a section, nor the colour of a button."""
    browser.open(page_of([run()]))
    read = (
        "return [getComputedStyle(document.documentElement).scrollBehavior,"
        " getComputedStyle(document.getElementById('filter-clear')).transitionDuration]"
    )
    assert ["auto", "0s"] == browser.script(read)
    browser.look(motion="no-preference")
    assert ["smooth", "0.12s, 0.12s"] == browser.script(read)
