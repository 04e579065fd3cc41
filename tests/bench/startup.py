"""Start-up: `jobrunner --help` and `jobrunner validate` against a Click hello-world and PyYAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.bench.measure import Contender, Laboratory, peer, program
from tests.bench.projects import REPOSITORY, write_many
from tests.bench.report import Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan

_MANY: Final = 1_000


def measure(plan: Plan, directory: Path) -> Iterator[Result]:
    """Measure start-up."""
    jobrunner = program("jobrunner")
    hello = Contender(name="Click hello-world --help", argv=peer("hello_click.py", "--help"))
    repository = ["--project", str(REPOSITORY)]
    with Laboratory(directory) as laboratory:
        small = [
            hello,
            Contender(name="jobrunner --help", argv=[jobrunner, "--help"]),
            Contender(name="jobrunner run --help", argv=[jobrunner, "run", "--help"]),
            Contender(name="jobrunner validate, this repository", argv=[jobrunner, "validate", *repository]),
            Contender(name="jobrunner show hello", argv=[jobrunner, "show", "hello", *repository]),
        ]
        yield Result(
            title="Start-up",
            aim="jobrunner --help within 1.5 times the Click hello-world, wall and CPU",
            series=laboratory.compare(small, rounds=plan.startup),
            baselines=[hello.name],
        )
        many = write_many(directory / "many", _MANY)
        loaders = [
            Contender(name=f"yaml.{loader} of the same files", argv=peer("load_yaml.py", loader, str(many)))
            for loader in ("SafeLoader", "CSafeLoader")
        ]
        validate = Contender(name="jobrunner validate", argv=[jobrunner, "validate", "--project", str(many)])
        yield Result(
            title=f"validate, {_MANY:,} jobs",
            aim=None,
            series=laboratory.compare([*loaders, validate], rounds=plan.many),
            baselines=[one.name for one in loaders],
        )
