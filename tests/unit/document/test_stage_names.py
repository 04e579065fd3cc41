"""The names of the stages of a project file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobrunner.document import stage_names

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("stages: {prod: {}, test: {region: eu-west-1}}\n", ("prod", "test")),
        ("stages: {local: {}}\ndefault_stage: local\n", ("local",)),
        ("project: shop\n", ()),
        ("stages: [prod]\n", ()),
        ("", ()),
        ("a: b: c\n", ()),
    ],
)
def test_stages_of_a_file(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    """They are in its order; of a file that is wrong, none is made up."""
    (tmp_path / "jobrunner.yaml").write_text(text, encoding="utf-8")
    assert names == stage_names(tmp_path)


def test_no_project_file(tmp_path: Path) -> None:
    """There is none."""
    assert () == stage_names(tmp_path)
