"""docs/faults.md: its examples are executed, and nothing that can be ordered is missing in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobrunner.local.faults import HIDDEN_THROTTLES, KINDS, FaultBook, read_faults
from jobrunner.local.faults.placement import _REASONS as PLACEMENT_REASONS
from jobrunner.local.faults.start_up import _REASONS as START_UP_REASONS

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint

TEXT = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The blocks of a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found


@pytest.mark.parametrize("block", [*blocks("json"), *blocks("yaml")])
def test_documents(faults: FaultBook, block: str) -> None:
    """Each document is one that the endpoint takes."""
    read = read_faults(block, file="docs/faults.md")
    assert len(read) == len(faults.order(*read))


def test_every_fault_has_an_example() -> None:
    """Each fault stands in an example, and each of its keys in the page."""
    examples = {entry["fault"] for block in blocks("json") for entry in json.loads(block)}
    assert set(KINDS) == examples
    missing = [(kind, key) for kind, model in KINDS.items() for key in model.model_fields if f"`{key}`" not in TEXT]
    assert [] == missing


def test_causes() -> None:
    """Each cause is named, with the words that ECS uses."""
    plain = TEXT.replace("\n", " ")
    assert [] == [cause for cause in (*PLACEMENT_REASONS, *START_UP_REASONS) if f"`{cause}`" not in TEXT]
    words = [PLACEMENT_REASONS[cause] for cause in ("capacity", "vcpu-limit", "eni")]
    words += [text.partition(":")[0].partition(" in subnet")[0] for _, text in START_UP_REASONS.values()]
    assert [] == [text for text in words if text not in plain]
    assert HIDDEN_THROTTLES[-1][1] in TEXT


def test_python(capsys: pytest.CaptureFixture[str]) -> None:
    """The Python example runs, and nothing has struck in it."""
    (example,) = blocks("python")
    exec(compile(example, "docs/faults.md", "exec"), {})  # noqa: S102 - that is what the test is for
    assert "0 of 0\n[]\n" == capsys.readouterr().out


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed; test_fault_http speaks HTTP itself")
def test_console(endpoint: Endpoint, faults: FaultBook) -> None:
    """The console example prints what it shows."""
    assert () == faults.orders
    (example,) = blocks("console")
    lines = example.splitlines()
    for command, shown in zip(lines[::2], lines[1::2], strict=True):
        done = subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            env={"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": endpoint.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        printed = re.sub(r'"number":\d+', '"number":1', done.stdout)
        assert (0, shown) == (done.returncode, printed), done.stderr
