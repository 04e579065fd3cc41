"""The size of a task, as a job says it and a run changes it."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner.core.options import RunOptions
from jobrunner.core.spec import job_spec
from jobrunner.core.task_size import TaskSize

DESCRIBED = TaskSize(cpu=2048, memory=8192, architecture="arm64", storage=50)


@pytest.mark.parametrize(
    ("keys", "options", "expected"),
    [
        ({}, {}, TaskSize(cpu=256, memory=512)),
        ({}, {"cpu": 1024}, TaskSize(cpu=1024, memory=2048)),
        ({"memory": "1 GB"}, {"cpu": 512}, TaskSize(cpu=512, memory=1024)),
        ({"cpu": "1 vCPU"}, {"memory": 4096}, TaskSize(cpu=1024, memory=4096)),
        ({"architecture": "arm64"}, {}, TaskSize(cpu=256, memory=512, architecture="arm64")),
        ({"ephemeral_storage": "30"}, {}, TaskSize(cpu=256, memory=512, storage=30)),
    ],
)
def test_of_an_image(keys: dict[str, Any], options: dict[str, Any], expected: TaskSize) -> None:
    """A memory that nobody has written follows the cpu, as in the request."""
    spec = job_spec(name="nightly", image="busybox", **keys)
    assert expected == TaskSize.of_run(spec, RunOptions(**options))


@pytest.mark.parametrize(
    ("keys", "options", "size"),
    [
        ({}, {}, (2048, 8192)),
        ({"cpu": "256", "memory": "512"}, {}, (256, 512)),
        ({"memory": "4 GB"}, {}, (2048, 4096)),
        ({}, {"cpu": 4096}, (4096, 8192)),
    ],
)
def test_of_an_existing_definition(keys: dict[str, Any], options: dict[str, Any], size: tuple[int, int]) -> None:
    """Only what was written overrides what ECS says of it; without that, nobody knows."""
    spec = job_spec(name="nightly", task_definition="etl:7", **keys)
    cpu, memory = size
    expected = TaskSize(cpu=cpu, memory=memory, architecture="arm64", storage=50)
    assert [expected, None] == [TaskSize.of_run(spec, RunOptions(**options), one) for one in (DESCRIBED, None)]
