"""Why a run ended: every word has its cause and its remedy, and the evidence is ECS's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdict_cases import CASES, EXITED, GUARD, MEMORY, SPOT, Case, container, failed, stopped

from jobrunner.core import placement
from jobrunner.core import verdict as verdicts
from jobrunner.core.advice import ADVICE, UNKNOWN, Advice
from jobrunner.core.advice_exit_codes import EXIT_CODES, OTHER_EXIT
from jobrunner.core.diagnosis import Diagnosis, diagnose
from jobrunner.core.judgement import Judgement
from jobrunner.core.lifecycle import RUNNING, ContainerSnapshot, TaskSnapshot
from jobrunner.core.outcome import Verdict
from jobrunner.core.verdict import FAIL_FAST, STOP, TIMEOUT, judge

BEGIN = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
#: The words of the watch (`vanished`), of the launch, and of executions of the state machine.
ELSEWHERE = {"vanished", "refused", "not_sent", "unknown_start", "skipped", "overtaken", "state_machine"}


def explain(task: TaskSnapshot) -> Diagnosis:
    """The diagnosis of a stopped task."""
    return diagnose(judge(task, "main"), task, "main")


def test_every_word_of_a_judgement_has_advice_and_no_advice_is_unused() -> None:
    """`exit` is explained by its exit code."""
    given_words = verdicts.REASONS | placement.REASONS | ELSEWHERE

    assert given_words - {"exit"} == set(ADVICE)


@pytest.mark.parametrize("advice", [*ADVICE.values(), *EXIT_CODES.values(), OTHER_EXIT, UNKNOWN])
def test_a_cause_is_a_clause_and_a_remedy_are_sentences(advice: Advice) -> None:
    """As in the errors of jobrunner: `what` without a full stop, the hint with one."""
    assert not advice.cause.endswith(".")
    assert advice.remedy.endswith(".")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_each_case_is_explained(case: Case) -> None:
    """What was judged stays, and no word of a template is left open."""
    diagnosis = explain(case.task)

    judged = (diagnosis.verdict, diagnosis.reason, diagnosis.exit_code, diagnosis.transient)
    assert (case.verdict, case.reason, case.exit_code, case.transient) == judged
    for text in (diagnosis.cause, diagnosis.remedy):
        assert text
        assert not any(word in text for word in ("{detail}", "{early}", "{larger}", "{platform}", "{exit_code}", "{{"))


@pytest.mark.parametrize(
    ("task", "cause"),
    [
        (stopped(0), "the job's program ended with exit code 0"),
        (stopped(3), "the job's program ended with exit code 3"),
        (stopped(139), "the job's program crashed (exit code 139, SIGSEGV)"),
        (
            stopped(143, code="UserInitiated", reason=f"{TIMEOUT} after 2h"),
            "the run timed out after 2h, and jobrunner stopped it",
        ),
        (stopped(1, code="UserInitiated", reason=f"{STOP} by request"), "the run was stopped by request"),
        (
            stopped(0, code="UserInitiated", reason=f"{STOP} by request"),
            "the run was stopped by request; its exit code 0 may be the answer to that, and is not taken for a success",
        ),
        (
            stopped(143, code="UserInitiated", reason=FAIL_FAST),
            "the run was stopped with the others: another run of its group had failed",
        ),
        (stopped(143, code="SpotInterruption", reason=SPOT), "AWS took the Spot capacity back"),
        (
            stopped(None, code="SpotInterruption", reason=SPOT, started=False),
            "AWS took the Spot capacity back, before the job's container had started",
        ),
        (
            stopped(0, code="Martian"),
            "ECS stopped the task for a reason that jobrunner does not know, so its exit code 0 is no proof of success",
        ),
        (failed("CannotPullContainerError: not found"), "the registry has no such image or tag"),
        (
            stopped(143, others=(container("proxy", 2),)),
            judge(stopped(143, others=(container("proxy", 2),)), "main").detail,
        ),
    ],
)
def test_a_cause_is_said_plainly(task: TaskSnapshot, cause: str) -> None:
    """In the words of people, with what is known of this run."""
    assert cause == explain(task).cause


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (failed("CannotPullContainerError: i/o timeout"), ["assign_public_ip: true", "NAT", "ecr.dkr", "443"]),
        (failed("CannotPullContainerError: toomanyrequests"), ["on: [infrastructure]", "pull-through cache"]),
        (failed("CannotPullContainerError: descriptor matching platform"), ["`architecture`"]),
        (failed("ResourceInitializationError: i/o timeout"), ["secretsmanager", "logs", "assign_public_ip: true"]),
        (
            failed("ResourceInitializationError: AccessDeniedException"),
            ["execution_role", "secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt"],
        ),
        (failed("ResourceInitializationError: failed to initialize logging driver"), ["`log_group`"]),
        (failed("Timeout waiting for network interface provisioning"), ["subnets", "address"]),
        (failed("limit on the number of vCPUs"), ["L-3032A538", "L-36FBB829"]),
        (failed("exec format error"), ["`architecture`", "linux/"]),
        (stopped(1, code="SpotInterruption"), ["on: [spot]", "spot-then-on-demand", "stop_timeout"]),
        (stopped(126), ["chmod"]),
        (stopped(127), ["`command`", "PATH"]),
        (stopped(137), ["memory", "stop_timeout"]),
        (stopped(143), ["essential"]),
    ],
)
def test_a_remedy_is_concrete(task: TaskSnapshot, words: list[str]) -> None:
    """It names the key, the permission, the quota or the endpoint."""
    remedy = explain(task).remedy

    assert [] == [word for word in words if word not in remedy]


@pytest.mark.parametrize(
    ("cpu", "memory", "remedy"),
    [
        (256, 512, "Set `memory: 1 GB`, "),
        (256, 2048, "Set `memory: 3 GB` and `cpu: 0.5 vCPU`, "),
        (1024, 4096, "Set `memory: 5 GB`, "),
        (32768, 249856, "Set nothing larger, which Fargate does not have, "),
        (None, 512, "Set a larger `memory`, "),
        (256, None, "Set a larger `memory`, "),
    ],
)
def test_the_next_larger_memory_is_named(cpu: int | None, memory: int | None, remedy: str) -> None:
    """A size that Fargate has, with more cpu where that memory needs it."""
    task = replace(stopped(137, container_reason=MEMORY), cpu=cpu, memory=memory)

    assert explain(task).remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("architecture", "platform"),
    [
        ("x86_64", "Build it for linux/amd64 (docker"),
        ("arm64", "Build it for linux/arm64 (docker"),
        (None, "Build it for linux/amd64, or linux/arm64 with `architecture: arm64` (docker"),
    ],
)
def test_the_platform_that_the_task_has_is_named(architecture: str | None, platform: str) -> None:
    """In Docker's words."""
    task = failed("CannotPullContainerError: descriptor matching platform", architecture=architecture)

    assert explain(task).remedy.startswith(platform)


def test_the_evidence_is_ecs_words_then_every_container_then_the_times() -> None:
    """Whose each container is, with its exit code and reason; a state only where it is not STOPPED."""
    waiting = ContainerSnapshot(name="db", last_status=RUNNING)
    task = replace(
        stopped(137, container_reason=MEMORY, others=(GUARD, waiting)),
        created_at=BEGIN,
        pull_started_at=BEGIN + timedelta(seconds=5.25),
        pull_stopped_at=None,
        started_at=BEGIN + timedelta(seconds=17),
        stopping_at=BEGIN + timedelta(seconds=3617.8),
        execution_stopped_at=BEGIN + timedelta(seconds=3617),
        stopped_at=BEGIN + timedelta(seconds=3640.2),
    )

    assert explain(task).evidence == (
        f"ECS: EssentialContainerExited: {EXITED}",
        "container aws-guardduty-agent-4cXjK (added by AWS): exit code 1, exited",
        "container db: no exit code, RUNNING",
        f"container main (the job's own): exit code 137, {MEMORY}",
        "2026-11-23T02:30:00.000Z created",
        "2026-11-23T02:30:05.250Z image pull started, 5.2 s later",
        "2026-11-23T02:30:17.000Z running, 12s later",
        "2026-11-23T03:30:17.000Z containers ended, 1h later",
        "2026-11-23T03:30:17.800Z stopping, 0.8 s later",
        "2026-11-23T03:30:40.200Z stopped, 22s later",
    )


def test_silence_is_evidence_too() -> None:
    """ECS may say nothing at all."""
    assert explain(TaskSnapshot(task_arn="arn")).evidence == ("ECS: neither a stop code nor a reason",)


def test_of_a_task_that_never_was_the_judgement_is_the_evidence() -> None:
    """RunTask's failures have no task."""
    judged = Judgement(
        verdict=Verdict.NEVER_STARTED, reason="capacity", exit_code=None, detail="ECS did not place it", transient=True
    )

    diagnosis = diagnose(judged, None, "main")

    assert diagnosis.cause == "AWS has no capacity for a task of this size now"
    assert diagnosis.evidence == ("ECS did not place it",)
    assert diagnosis.transient


def test_a_word_of_tomorrow_is_explained_by_its_sentence() -> None:
    """The record of a newer jobrunner can be read."""
    judged = Judgement(verdict=Verdict.FAILED, reason="meteor", exit_code=None, detail="a {meteor} fell")

    diagnosis = diagnose(judged, None, "main")

    assert ("a {meteor} fell", "ECS's words are all that is known.") == (diagnosis.cause, diagnosis.remedy)


MOMENTS = ("created_at", "pull_started_at", "pull_stopped_at", "started_at", "stopping_at", "execution_stopped_at",
           "stopped_at")  # fmt: skip


@given(
    moments=st.fixed_dictionaries(
        {name: st.none() | st.integers(0, 10**6).map(lambda ms: BEGIN + timedelta(milliseconds=ms)) for name in MOMENTS}
    )
)
def test_the_times_are_told_in_their_order_and_none_is_lost(moments: dict[str, datetime | None]) -> None:
    """Whichever are missing, and in whatever order ECS has set them."""
    task = TaskSnapshot(task_arn="arn", **moments)  # type: ignore[arg-type]  # only times

    lines = explain(task).evidence[1:]

    assert len([moment for moment in moments.values() if moment]) == len(lines)
    assert all(before[:24] <= after[:24] for before, after in pairwise(lines))
    assert not any("-" in line[24:] for line in lines)


@pytest.mark.parametrize(
    ("reason", "detail", "cause"),
    [
        (
            "skipped",
            "was skipped: another run was under way: a@1",
            "the run was skipped: another run was under way: a@1",
        ),
        ("overtaken", "another run has begun meanwhile: a@2", "another run has begun meanwhile: a@2"),
    ],
)
def test_what_only_an_execution_knows_is_a_sentence(reason: str, detail: str, cause: str) -> None:
    """In the words of the state machine (`core.execution`, `core.state_machine`)."""
    judged = Judgement(verdict=Verdict.NEVER_STARTED, reason=reason, exit_code=None, detail=detail)
    assert cause == diagnose(judged, None, "main").cause
