"""What is published has the template: the local stack is deployed from it, and users find it in their environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ("jobrunner", "deploy", "pyproject.toml", "README.md", "LICENSE")
NAME = "jobrunner/deploy/jobrunner.yaml"
TEMPLATE = (ROOT / "deploy" / "jobrunner.yaml").read_bytes()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the tree, because a build leaves files behind; the link stays a link."""
    for name in SOURCE:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def build(kind: str, tree: Path) -> Path:
    """Build a `wheel` or an `sdist` of a tree; the file."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}('out'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return tree / "out" / done.stdout.splitlines()[-1]


def content(wheel: Path) -> bytes:
    """The template in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(NAME)


def test_the_template_is_in_the_wheel(source: Path) -> None:
    """Although it is outside of the package in the repository."""
    assert TEMPLATE == content(build("wheel", source))


def test_the_template_is_in_the_wheel_that_is_built_from_the_sdist(source: Path, tmp_path: Path) -> None:
    """Which has a file where the repository has a link."""
    with tarfile.open(build("sdist", source)) as archive:
        # An attribute and not an argument: before 3.11.4 there is none, and nothing to be careful with.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path / "unpacked")  # noqa: S202  our own archive
    [tree] = (tmp_path / "unpacked").iterdir()
    assert TEMPLATE == content(build("wheel", tree))


def test_the_package_finds_its_template() -> None:
    """As the local endpoint looks for it, and by a link that goes nowhere else."""
    assert TEMPLATE == (resources.files("jobrunner") / "deploy" / "jobrunner.yaml").read_bytes()
    assert Path("../deploy") == (ROOT / "jobrunner" / "deploy").readlink()
