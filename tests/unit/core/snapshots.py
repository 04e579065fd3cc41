"""Hypothesis strategies of stopped tasks: any combination of what ECS may say and leave out.

`from snapshots import snapshots`: it stands beside the tests.
"""

from __future__ import annotations

from hypothesis import strategies as st
from verdict_cases import CASES, EXITED, MEMORY, STARTED, container

from jobrunner.core.lifecycle import RUNNING, STOPPED, TaskSnapshot

#: Texts of every kind, and parts of them: each of them may be cut anywhere.
WORDS = st.sampled_from(
    sorted(
        {
            text
            for case in CASES
            for text in (case.task.stopped_reason, *(one.reason for one in case.task.containers))
            if text is not None
        }
    )
).flatmap(lambda text: st.integers(1, len(text)).map(lambda length: text[:length]))
REASON = st.one_of(st.none(), st.just(MEMORY), WORDS, st.text(max_size=8))
TASK_REASON = st.one_of(st.none(), st.just(EXITED), st.just(MEMORY), WORDS, st.text(max_size=8))
EXITED_CODE = "EssentialContainerExited"
CODES = st.one_of(
    st.just(EXITED_CODE),
    st.sampled_from(
        [None, EXITED_CODE, "TaskFailedToStart", "UserInitiated", "ServiceSchedulerInitiated", "SpotInterruption",
         "TerminationNotice", "InfrastructureHealth", "Martian"]
    ),
)  # fmt: skip
EXIT_CODES = st.one_of(st.none(), st.just(0), st.sampled_from([0, 1, 2, 75, 126, 127, 130, 131, 137, 139, 143]))
NAMES = ("main", "proxy", "aws-guardduty-agent-4cXjK")


@st.composite
def snapshots(draw: st.DrawFn) -> TaskSnapshot:
    """A stopped task with any combination of what ECS may leave out."""
    names = draw(st.one_of(st.just(NAMES), st.lists(st.sampled_from(NAMES), unique=True)))
    return TaskSnapshot(
        task_arn="arn",
        last_status=STOPPED,
        desired_status=draw(st.sampled_from([STOPPED, STOPPED, RUNNING, None])),
        stop_code=draw(CODES),
        stopped_reason=draw(TASK_REASON),
        started_at=draw(st.sampled_from([None, STARTED])),
        containers=tuple(container(name, draw(EXIT_CODES), draw(REASON)) for name in names),
    )
