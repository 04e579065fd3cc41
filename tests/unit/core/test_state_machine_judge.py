"""The judge of the state machine is the judge of `run`: for every known and every generated task."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata_world import depth_of, evaluate
from snapshots import snapshots
from verdict_cases import (
    CASES,
    EXITED,
    HOST,
    LOGGING,
    MEMORY,
    PULL,
    RETIRED,
    SPOT,
    container,
    stopped,
)

from jobrunner.core.lifecycle import RUNNING, STOPPED
from jobrunner.core.placement import LASTING, LASTING_PARTS, judge_placement
from jobrunner.core.ports import PlacementFailure
from jobrunner.core.start_failure import PLACING, STARTING
from jobrunner.core.state_machine_judge import judging, judging_placement
from jobrunner.core.state_machine_rules import causes
from jobrunner.core.state_machine_text import block
from jobrunner.core.stops import started
from jobrunner.core.verdict import START_TIMEOUT, STOP, TIMEOUT, judge

if TYPE_CHECKING:
    from jobrunner.core.judgement import Judgement
    from jobrunner.core.lifecycle import ContainerSnapshot, TaskSnapshot
    from jobrunner.core.start_failure import Rule

CAUSES = evaluate(causes(), {})
JUDGE = block(judging(), "[$map($tasks, function($task) { $judge($task, 'main') })]")
STARTED = block(judging(), "[$map($tasks, function($task) { $started($task, 'main') })]")
JUDGE_PLACEMENT = block(judging_placement(), "[$map($answers, function($one) { $judge_placement($one.failures) })]")
#: Step Functions ends an evaluation that goes deeper (measured by others; AWS documents no limit).
DEEPEST = 100


def described(task: TaskSnapshot) -> dict[str, Any]:
    """A task as `aws-sdk:ecs:describeTasks` shows it: what is not there is left out."""
    times = {"StartedAt": task.started_at and task.started_at.isoformat().replace("+00:00", "Z")}
    texts = {"LastStatus": task.last_status, "StopCode": task.stop_code, "StoppedReason": task.stopped_reason}
    known = {key: value for key, value in {**times, **texts}.items() if value is not None}
    return {"TaskArn": task.task_arn, **known, "Containers": [shown(one) for one in task.containers]}


def shown(container: ContainerSnapshot) -> dict[str, Any]:
    """A container of such a task."""
    fields = {"Name": container.name, "LastStatus": container.last_status, "Reason": container.reason}
    fields["ExitCode"] = container.exit_code
    return {key: value for key, value in fields.items() if value is not None}


def judged(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """What the machine makes of tasks, without the sentences; one evaluation costs more than what is in it."""
    return [without_detail(one) for one in evaluate(JUDGE, {"tasks": tasks, "causes": CAUSES})]


def words(judgement: Judgement, *, ran: bool) -> dict[str, Any]:
    """A judgement of `core` as the machine has it, without the sentence."""
    return {
        "verdict": str(judgement.verdict),
        "reason": judgement.reason,
        "exit_code": judgement.exit_code,
        "transient": judgement.transient,
        "ran": ran,
    }


def without_detail(found: dict[str, Any]) -> dict[str, Any]:
    """A judgement of the machine without the sentence, which there is."""
    assert isinstance(found["detail"], str)
    return {key: value for key, value in found.items() if key != "detail"}


def expected_of(task: TaskSnapshot) -> dict[str, Any]:
    """What `core` makes of it."""
    return words(judge(task, "main"), ran=started(task, task.container("main")))


def test_the_rules_are_those_of_run() -> None:
    """All of both tables, in their order."""

    def shown_rules(rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
        return [{**asdict(rule), "groups": [list(group) for group in rule.groups]} for rule in rules]

    assert {"placing": shown_rules(PLACING), "starting": shown_rules(STARTING)} == CAUSES


def test_each_known_end_is_judged_as_by_run() -> None:
    """Verdict, reason, exit code, transience, and whether the job ran."""
    expected = [(case.case, expected_of(case.task)) for case in CASES]

    found = judged(*(described(case.task) for case in CASES))

    assert expected == [(case.case, one) for case, one in zip(CASES, found, strict=True)]


#: Sentences of each kind, and what fits no rule.
SENTENCES = (
    None, EXITED, MEMORY, SPOT, HOST, RETIRED, f"{TIMEOUT} after 2h", f"{START_TIMEOUT} within 5m", STOP,
    f"{PULL}pull access denied", "Martian",
)  # fmt: skip
STOP_CODES = (None, "EssentialContainerExited", "TaskFailedToStart", "UserInitiated", "SpotInterruption", "Martian")


def test_each_combination_of_stop_code_and_sentence_is_judged_as_by_run() -> None:
    """Each beside a success and beside no exit code, of a task that has started and of one that has not."""
    tasks = [
        stopped(exit_code, code=code, reason=sentence, started=has_started)
        for code, sentence, exit_code, has_started in product(STOP_CODES, SENTENCES, (None, 0), (True, False))
    ]

    assert [expected_of(task) for task in tasks] == judged(*map(described, tasks))


def test_each_combination_of_containers_is_judged_as_by_run() -> None:
    """What the own one and a sidecar say, and one of AWS's, which is blamed for nothing."""
    guard = container("aws-guardduty-agent-4cXjK", 1, f"{PULL}denied")
    sidecars = ((0, None), (1, None), (143, None), (None, f"{LOGGING}i/o timeout"))
    own_reasons = (None, MEMORY, f"{PULL}manifest unknown")
    tasks = [
        stopped(exit_code, container_reason=reason, others=(container("proxy", *sidecar), guard))
        for exit_code, reason, sidecar in product((None, 0, 1, 143), own_reasons, sidecars)
    ]

    assert [expected_of(task) for task in tasks] == judged(*map(described, tasks))


@settings(max_examples=25, deadline=None)
@given(tasks=st.lists(snapshots(), min_size=4, max_size=4))
def test_each_generated_end_is_judged_as_by_run(tasks: list[TaskSnapshot]) -> None:
    """Whatever ECS leaves out."""
    assert [expected_of(task) for task in tasks] == judged(*map(described, tasks))


@settings(max_examples=25, deadline=None)
@given(task=snapshots())
def test_a_start_is_known_as_by_run(task: TaskSnapshot) -> None:
    """In any state of the task."""
    living = [replace(task, last_status=status) for status in (None, RUNNING, "PENDING", STOPPED)]

    expected = [started(one, one.container("main")) for one in living]

    assert expected == evaluate(STARTED, {"tasks": [described(one) for one in living]})


def test_a_task_without_containers_is_judged_as_by_run() -> None:
    """ECS leaves the list out, or it is empty."""
    tasks = [replace(stopped(code=code), containers=()) for code in STOP_CODES]
    bare = [{key: value for key, value in described(one).items() if key != "Containers"} for one in tasks]
    expected = [expected_of(task) for task in tasks]

    assert expected == judged(*map(described, tasks))
    assert expected == judged(*bare)


PARTS = sorted(
    {part for rule in PLACING for group in rule.groups for part in group} | LASTING | set(LASTING_PARTS) | {"ENI", "x"}
)
TEXT = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=3).map(" ".join),
    st.sampled_from(
        ["You\u2019ve reached the limit on the number of vCPUs", "RESOURCE:ENI can\u02bct", " MISSING ", ""]
    ),
)
FAILURES = st.lists(st.builds(PlacementFailure, reason=TEXT, detail=st.none() | TEXT), max_size=3)


def refused(*answers: list[dict[str, str]]) -> list[dict[str, Any]]:
    """What the machine makes of the failures of RunTask."""
    asked = {"answers": [{"failures": failures} for failures in answers], "causes": CAUSES}
    found: list[dict[str, Any]] = evaluate(JUDGE_PLACEMENT, asked)
    return found


def said(failures: list[PlacementFailure]) -> list[dict[str, str]]:
    """Failures as RunTask says them."""
    texts = [{"Reason": one.reason, "Detail": one.detail} for one in failures]
    return [{key: value for key, value in one.items() if value is not None} for one in texts]


def test_each_known_refusal_is_judged_as_by_run() -> None:
    """Every part of every rule, as the reason and as the detail."""
    answers = [
        [one]
        for part in PARTS
        for one in (PlacementFailure(reason=part, detail=None), PlacementFailure(reason="x", detail=part))
    ]

    found = refused(*map(said, answers))

    assert [words(judge_placement(one), ran=False) for one in answers] == [without_detail(one) for one in found]


@settings(max_examples=25, deadline=None)
@given(answers=st.lists(FAILURES, min_size=4, max_size=4))
def test_a_refused_placement_is_judged_as_by_run(answers: list[list[PlacementFailure]]) -> None:
    """Whatever the failures of RunTask say."""
    answers = [[replace(one, reason=one.reason or "no reason given") for one in failures] for failures in answers]

    found = refused(*map(said, answers))

    assert [words(judge_placement(one), ran=False) for one in answers] == [without_detail(one) for one in found]


def test_a_failure_that_says_nothing_may_pass() -> None:
    """As everywhere: nothing has run, so that a retry does no harm."""
    (found,) = refused([{}])

    assert "ECS did not place the task: no reason given" == found["detail"]
    assert found["transient"]


def test_no_judgement_goes_too_deep() -> None:
    """Step Functions bounds how deep an evaluation goes."""
    cases = (CASES[0], *CASES[1::12])
    depths = [depth_of(JUDGE, {"tasks": [described(case.task)], "causes": CAUSES}) for case in cases]

    assert max(depths) < DEEPEST / 2
