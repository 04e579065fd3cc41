"""Following logs: nothing lost, nothing doubled, order kept, and `complete` only when it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.core.follow import (
    DRAIN_LIMIT,
    LONGEST_SETTLE,
    Follow,
    LogPage,
    LogStream,
    ReadLater,
    ReadLog,
    ReadResult,
    StreamAbsent,
    Unreadable,
)

MAIN = LogStream(container="main", group="/jobs", name="etl/main/1")
PROXY = LogStream(container="proxy", group="/jobs", name="etl/proxy/1")


@dataclass
class Story:
    """What CloudWatch shows of one stream over time, and how it cuts it into pages."""

    events: list[tuple[float, int, str]]  # when it becomes readable, its timestamp, its message
    born: float = 0.0
    page_size: int = 3
    hollow: list[bool] = field(default_factory=list)  # whether the n-th answer is an empty page with a new token
    answers: int = 0

    def answer(self, token: str | None, now: float) -> ReadResult:
        """Answer as GetLogEvents does: tokens name positions; the end repeats the token."""
        if now < self.born:
            return StreamAbsent()
        position, empties = (int(part) for part in (token or "0-0").split("-"))
        readable = [event for event in self.events[position:] if event[0] <= now]
        visible = len(readable) if not readable else min(len(readable), self.page_size)
        self.answers += 1
        if visible and self.hollow and self.hollow.pop(0):
            return LogPage(timestamps=[], messages=[], token=f"{position}-{empties + 1}")
        page = readable[:visible]
        after = f"{position + visible}-{empties}"
        return LogPage(
            timestamps=[stamp for _, stamp, _ in page],
            messages=[message for *_, message in page],
            token=after if token is not None or page else "0-0",
        )


@st.composite
def stories(draw: st.DrawFn, name: str) -> Story:
    """A stream whose lines become readable in order, some late, with any timestamps."""
    count = draw(st.integers(0, 20))
    pauses = draw(st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.7, 3.0]), min_size=count, max_size=count))
    stamps = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    visible, events = 0.0, []
    for number, (pause, stamp) in enumerate(zip(pauses, stamps, strict=True)):
        visible += pause
        events.append((visible, stamp, f"{name} {number}"))
    return Story(
        events=events,
        born=draw(st.sampled_from([0.0, 0.5, 2.0])) if events else draw(st.sampled_from([0.0, 1e9])),
        page_size=draw(st.integers(1, 7)),
        hollow=draw(st.lists(st.booleans(), max_size=6)),
    )


def drive(follow: Follow, story: dict[LogStream, Story], *, over: float, limit: int = 2_000) -> list[tuple[str, str]]:
    """Drive a follow by its own wishes until it is quiet; give (container, message) in the order of release."""
    now, seen, told = 0.0, [], False
    for _ in range(limit):
        if now >= over and not told:
            follow.containers_over(over)
            told = True
        if follow.quiet():
            return seen
        due = follow.next_due()
        now = min(max(now, due), over) if due is not None and not told else max(now, due if due is not None else over)
        for question in follow.due(now):
            follow.take(question, story[question.stream].answer(question.token, now), asked=now)
        seen += [(batch.container, message) for batch in follow.release() for message in batch.messages]
        if not told and (due is None or due > over):
            now = over
    raise AssertionError("the follow never became quiet")


@settings(max_examples=300)
@given(main=stories("main"), proxy=stories("proxy"), settle=st.sampled_from([0.0, 10.0]))
def test_no_line_is_lost_or_doubled_under_any_paging(main: Story, proxy: Story, settle: float) -> None:
    """Whatever the pages, pauses and late lines: each line once, in its stream's order, and `complete`."""
    story = {MAIN: main, PROXY: proxy}
    follow = Follow(story, settle=settle)
    last = max((event[0] for one in story.values() for event in one.events), default=0.0)
    born = max((one.born for one in story.values() if one.events), default=0.0)

    seen = drive(follow, story, over=max(last, born))

    for stream, one in story.items():
        assert [message for *_, message in one.events] == [text for name, text in seen if name == stream.container]
    report = follow.report()
    assert (report.complete, report.events, report.reason) == (True, len(seen), None)


@settings(max_examples=200)
@given(main=stories("main"), settle=st.sampled_from([5.0, 10.0]))
def test_lines_that_arrive_within_the_settling_time_are_read(main: Story, settle: float) -> None:
    """The containers end at once; each line becomes readable within the settling time of the one before."""
    follow = Follow([MAIN], settle=settle)

    seen = drive(follow, {MAIN: main}, over=0.0)

    assert [message for *_, message in main.events] == [text for _, text in seen]


@given(main=stories("main"))
def test_polling_never_spins(main: Story) -> None:
    """Without news there is a pause before the next question: the number of answers is bounded by the time."""
    follow = Follow([MAIN], settle=0.0)
    over = max((event[0] for event in main.events), default=0.0) + 20.0

    drive(follow, {MAIN: main}, over=max(over, main.born if main.events else 0.0))

    assert main.answers <= 2 * len(main.events) + 8 + over / 0.2


def test_a_stream_with_steady_news_is_asked_once_a_second() -> None:
    """A job that writes all the time must not use up the account's calls; the first lines come sooner."""
    follow = Follow([MAIN], settle=0.0)
    asked, token, times = 0.0, None, []
    while asked < 60.0:
        page = LogPage(timestamps=[int(asked)], messages=["news"], token=str(asked))
        follow.take(ReadLog(stream=MAIN, token=token), page, asked=asked)
        assert list(follow.release())
        times.append(asked)
        due = follow.next_due()
        assert due is not None
        asked, token = due, page.token

    assert times[1] == pytest.approx(0.2)
    assert len(times) <= 64


def test_after_throttling_a_stream_is_asked_as_before() -> None:
    """The long pause was for AWS, not for the reader."""
    follow = Follow([MAIN], settle=0.0)
    question = ReadLog(stream=MAIN, token=None)
    for _ in range(6):
        follow.take(question, ReadLater(reason="Rate exceeded"), asked=0.0)
    follow.take(question, StreamAbsent(), asked=100.0)

    assert follow.next_due() == pytest.approx(101.0)


def test_an_empty_page_is_not_the_end() -> None:
    """Only a repeated token is."""
    follow = Follow([MAIN], settle=0.0)
    follow.containers_over(0.0)
    first = ReadLog(stream=MAIN, token=None)

    follow.take(first, LogPage(timestamps=[], messages=[], token="a"), asked=0.0)

    assert not follow.quiet()
    assert [ReadLog(stream=MAIN, token="a")] == follow.due(1.0)


def test_a_question_from_before_the_end_proves_nothing() -> None:
    """The end of the stream counts only when it was asked for after the containers' end and the settling time."""
    follow = Follow([MAIN], settle=10.0)
    follow.take(ReadLog(stream=MAIN, token=None), LogPage(timestamps=[], messages=[], token="a"), asked=0.0)
    follow.take(ReadLog(stream=MAIN, token="a"), LogPage(timestamps=[], messages=[], token="a"), asked=99.0)
    follow.containers_over(100.0)
    assert not follow.quiet()

    follow.take(ReadLog(stream=MAIN, token="a"), LogPage(timestamps=[], messages=[], token="a"), asked=105.0)
    assert not follow.quiet()
    assert follow.next_due() is not None

    follow.take(ReadLog(stream=MAIN, token="a"), LogPage(timestamps=[], messages=[], token="a"), asked=110.0)
    assert follow.quiet()
    assert follow.next_due() is None
    assert follow.report().complete


def test_lines_of_two_containers_are_merged_by_time() -> None:
    """While a page is held back for another stream, that stream is the only one asked."""
    follow = Follow([MAIN, PROXY], settle=0.0)
    big = [1] * 2_000
    follow.take(ReadLog(stream=MAIN, token=None), LogPage(timestamps=[5, 7], messages=["a", "c"], token="m"), asked=0.0)
    assert list(follow.release()) == []
    assert [PROXY] == [question.stream for question in follow.due(0.0)]

    page = LogPage(timestamps=[*big, 6], messages=[*("x" for _ in big), "b"], token="p")
    follow.take(ReadLog(stream=PROXY, token=None), page, asked=0.0)
    held = [(batch.container, message) for batch in follow.release() for message in batch.messages]
    assert held == [*([("proxy", "x")] * 2_000), ("main", "a"), ("proxy", "b")]

    follow.take(ReadLog(stream=PROXY, token="p"), LogPage(timestamps=[], messages=[], token="p"), asked=0.0)
    assert [["c"]] == [list(batch.messages) for batch in follow.release()]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Unreadable(reason="AWS refuses: AccessDeniedException"), "AWS refuses: AccessDeniedException"),
        (StreamAbsent(group_absent=True), "log group /jobs does not exist"),
    ],
)  # fmt: skip
def test_a_log_that_cannot_be_read_is_not_complete(answer: ReadResult, reason: str) -> None:
    """The report says why."""
    follow = Follow([MAIN], settle=0.0)
    follow.containers_over(0.0)
    follow.take(ReadLog(stream=MAIN, token=None), answer, asked=0.0)

    assert follow.quiet()
    assert (follow.report().complete, follow.report().reason) == (False, reason)


def test_a_container_without_a_stream_wrote_nothing() -> None:
    """awslogs creates the stream with the first line: absent to the end means empty, and complete."""
    follow = Follow([MAIN], settle=0.0)
    follow.containers_over(0.0)
    follow.take(ReadLog(stream=MAIN, token=None), StreamAbsent(), asked=0.0)

    assert follow.quiet()
    assert (True, 0) == (follow.report().complete, follow.report().events)


def test_a_blind_container_makes_the_log_incomplete() -> None:
    """Its reason is reported beside what was read."""
    follow = Follow([], settle=0.0, blind=["container main uses the log driver splunk, not awslogs"])
    follow.containers_over(0.0)

    assert follow.quiet()
    assert "splunk" in (follow.report().reason or "")


def test_throttling_gives_the_rate_back() -> None:
    """Each refusal doubles the pause, up to ten seconds, and is no news."""
    follow = Follow([MAIN], settle=0.0)
    question = ReadLog(stream=MAIN, token=None)
    asked, pauses = 0.0, []
    for _ in range(6):
        follow.take(question, ReadLater(reason="Rate exceeded"), asked=asked)
        due = follow.next_due()
        assert due is not None
        pauses.append(due - asked)
        asked = due

    assert [1.0, 2.0, 4.0, 8.0, 10.0, 10.0] == pauses


def test_reading_is_given_up_when_it_stays_throttled_after_the_end() -> None:
    """The report says what kept it from the end."""
    follow = Follow([MAIN], settle=0.0)
    follow.containers_over(0.0)
    follow.take(ReadLog(stream=MAIN, token=None), StreamAbsent(), asked=-1.0)
    asked = 0.0
    while not follow.quiet():
        follow.take(ReadLog(stream=MAIN, token=None), ReadLater(reason="Rate exceeded"), asked=asked)
        asked += 10.0

    assert asked > DRAIN_LIMIT
    assert follow.report().reason == "the log of main could not be read to its end: Rate exceeded"


def test_silence_is_borne_as_long_as_the_connection_says() -> None:
    """An endpoint of this machine that does not answer has gone; who throttles is asked again for longer."""
    for silent, patience in ((True, 5.0), (False, DRAIN_LIMIT)):
        follow = Follow([MAIN], settle=0.0, patience=5.0)
        follow.containers_over(0.0)
        asked = 0.0
        while not follow.quiet():
            follow.take(ReadLog(stream=MAIN, token=None), ReadLater(reason="why", silent=silent), asked=asked)
            asked += 1.0
        assert patience + 1.0 < asked <= patience + 2.5


def test_a_stream_that_was_later_than_promised_is_waited_for_longer() -> None:
    """What an earlier answer should have had disproves the promise: twice its delay is waited for, up to a limit."""
    for delay, patience in ((3.0, 6.0), (0.2, 1.0), (100.0, LONGEST_SETTLE)):
        follow = Follow([MAIN], settle=1.0)
        late = LogPage(timestamps=[200_000], messages=["late"], token="1")
        follow.take(ReadLog(stream=MAIN, token=None), StreamAbsent(), asked=200.0 + delay)
        follow.take(ReadLog(stream=MAIN, token=None), late, asked=201.0 + delay)
        assert ["late"] == [text for batch in follow.release() for text in batch.messages]
        follow.containers_over(201.0 + delay)

        end = LogPage(timestamps=[], messages=[], token="1")
        follow.take(ReadLog(stream=MAIN, token="1"), end, asked=201.0 + delay + patience - 0.01)
        assert not follow.quiet()
        follow.take(ReadLog(stream=MAIN, token="1"), end, asked=201.0 + delay + patience)
        assert follow.quiet()


def test_reading_is_given_up_when_nothing_can_ever_be_read() -> None:
    """Also of a stream that no answer has shown anything of; but a moment in which it can be read begins anew."""
    follow = Follow([MAIN, PROXY], settle=0.0)
    follow.containers_over(0.0)
    refused = ReadLater(reason="no route to the endpoint")
    follow.take(ReadLog(stream=PROXY, token=None), StreamAbsent(), asked=0.0)
    asked = 0.0
    while asked < DRAIN_LIMIT:
        follow.take(ReadLog(stream=MAIN, token=None), refused, asked=asked)
        asked += 10.0
    assert not follow.quiet()
    follow.take(ReadLog(stream=MAIN, token=None), LogPage(timestamps=[], messages=[], token="1"), asked=asked)
    began = asked
    while not follow.quiet():
        follow.take(ReadLog(stream=MAIN, token="1"), refused, asked=asked)
        asked += 10.0

    assert asked > began + DRAIN_LIMIT
    assert follow.report().reason == "the log of main could not be read to its end: no route to the endpoint"


def test_reading_is_given_up_when_lines_never_stop() -> None:
    """What was read is kept, and the report says that more may come."""
    follow = Follow([MAIN], settle=10.0)
    follow.containers_over(0.0)
    asked, token = 0.0, None
    while not follow.quiet():
        page = LogPage(timestamps=[int(asked)], messages=["still here"], token=str(asked))
        follow.take(ReadLog(stream=MAIN, token=token), page, asked=asked)
        asked, token = asked + 5.0, page.token
        list(follow.release())

    report = follow.report()
    assert (False, "lines of main were still arriving long after the stop") == (report.complete, report.reason)
    assert report.events == follow.events > 20


def test_lines_held_for_a_stream_that_is_given_up_are_released() -> None:
    """Giving up on one stream loses nothing of another."""
    follow = Follow([MAIN, PROXY], settle=0.0)
    follow.containers_over(0.0)
    follow.take(ReadLog(stream=MAIN, token=None), StreamAbsent(), asked=0.0)
    follow.take(ReadLog(stream=PROXY, token=None), StreamAbsent(), asked=0.0)
    follow = Follow([MAIN, PROXY], settle=1.0)
    follow.containers_over(0.0)
    follow.take(ReadLog(stream=MAIN, token=None), StreamAbsent(), asked=0.0)
    follow.take(ReadLog(stream=PROXY, token=None), StreamAbsent(), asked=0.0)
    follow.take(ReadLog(stream=PROXY, token=None), LogPage(timestamps=[], messages=[], token="t"), asked=0.5)
    follow.take(
        ReadLog(stream=MAIN, token=None), LogPage(timestamps=[9], messages=["late"], token="m"), asked=DRAIN_LIMIT + 2
    )

    assert [["late"]] == [list(batch.messages) for batch in follow.release()]
    assert follow.quiet()
    assert not follow.report().complete
