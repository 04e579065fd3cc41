"""Many runs on the command line: what the options mean, and which of them go together."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import pytest

from jobrunner.cli.group import cli
from jobrunner.cli.invocation import Invocation
from jobrunner.cli.many import INDEX, Group
from jobrunner.core.options import RunOptions
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

GROUP = Group(
    job="etl",
    options=RunOptions(params={"table": "orders"}, environment={"A": "1"}, timeout=60),
    count=None,
    matrix=(),
    parallel=None,
    fail_fast=False,
)


def test_a_matrix_gives_a_run_for_each_combination() -> None:
    """Its values are parameters, beside those of all runs; the label says what distinguishes the run."""
    variations = replace(GROUP, matrix=("region=eu,us", "day=2026-01-01..2026-01-02")).variations()
    assert [
        "region=eu day=2026-01-01",
        "region=eu day=2026-01-02",
        "region=us day=2026-01-01",
        "region=us day=2026-01-02",
    ] == [one.label for one in variations]
    assert {"table": "orders", "region": "us", "day": "2026-01-01"} == dict(variations[2].options.params)
    assert {"A": "1", INDEX: "2"} == dict(variations[2].options.environment)
    assert {(60, None)} == {(one.options.timeout, one.options.key) for one in variations}


def test_a_count_gives_runs_that_know_their_number() -> None:
    """From 0, in the variable that is named in the help; nothing else distinguishes them."""
    variations = replace(GROUP, count=3).variations()
    assert ["#0", "#1", "#2"] == [one.label for one in variations]
    assert ["0", "1", "2"] == [one.options.environment[INDEX] for one in variations]
    assert {"table": "orders"} == dict(variations[0].options.params)


def test_a_key_makes_a_key_for_each_run() -> None:
    """Of the values and not of the place: the same matrix in another order, or a longer one, starts nothing twice."""
    keyed = replace(GROUP, options=replace(GROUP.options, key="monday"))

    def keys(*words: str) -> list[str | None]:
        return [one.options.key for one in replace(keyed, matrix=words).variations()]

    assert ['monday/{"region":"eu"}', 'monday/{"region":"us"}'] == keys("region=eu,us")
    assert set(keys("region=eu,us")) < set(keys("region=us,ap,eu"))
    assert set(keys("a=1,2", "b=3,4")) == set(keys("b=4,3", "a=2,1"))
    assert ["monday/#0", "monday/#1"] == [one.options.key for one in replace(keyed, count=2).variations()]


def test_long_values_are_told_apart_by_their_keys() -> None:
    """Their labels are cut for people; two runs with one key would be one run."""
    keyed = replace(GROUP, options=replace(GROUP.options, key="monday"))
    long = "x" * 300
    first, second = replace(keyed, matrix=(f"query={long}a,{long}b",)).variations()
    assert (True, False) == (first.label == second.label, first.options.key == second.options.key)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("region", "'region' is not NAME=VALUE,VALUE; write for instance region=eu,us"),
        ("day=2026-01-07..2026-01-01", "counts down"),
        ("n=1..5001", "at most 5,000 runs"),
        ("n=", "empty value"),
        ("n=1,1", "more than once"),
    ],
)
def test_a_matrix_that_cannot_be_read_says_what_to_write(word: str, said: str) -> None:
    """As an error of what was given, and not of the program."""
    with pytest.raises(SpecError, match="--matrix") as caught:
        replace(GROUP, matrix=(word,)).variations()
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--count", "2", "--matrix", "a=1"], "cannot be combined"),
        (["--count", "2", "--detach"], "are for a single run"),
        (["--matrix", "a=1", "--timestamps"], "are for a single run"),
        (["--count", "2", "--no-wait-bill"], "are for a single run"),
        (["--matrix", "a=1,2", "b=3", "-p", "b=4"], "the parameter b is given by -p and by --matrix"),
        (["--parallel", "2"], "go with --count or --matrix"),
        (["--fail-fast"], "go with --count or --matrix"),
        (["--count", "0"], "1<=x<=5000"),
        (["--count", "5001"], "1<=x<=5000"),
        (["--count", "2", "--parallel", "0"], "1<=x<=5000"),
        (["--count", "two"], "valid integer"),
        (["--matrix"], "requires an argument"),
        (["--matrix", "a=1", "b"], "unexpected extra argument"),
        (["--matrix", "--count", "2"], "unexpected extra argument"),
    ],
)
def test_options_that_do_not_go_together(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usage errors, before the project is even read: there is none here."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises((click.UsageError, SpecError), match=said):
        cli.main(["run", "etl", *words], standalone_mode=False, obj=Invocation())
    assert [] == list(tmp_path.iterdir())


def _matrix(*words: str) -> tuple[str, tuple[str, ...]]:
    command = importlib.import_module("jobrunner.cli.commands.run").command
    ctx = command.make_context("run", list(words), obj=Invocation())
    return ctx.params["job"], ctx.params["matrix"]


@pytest.mark.parametrize(
    "words",
    [
        ["etl", "--matrix", "a=1,2", "b=x"],
        ["etl", "--matrix", "a=1,2", "--matrix", "b=x"],
        ["--matrix", "a=1,2", "b=x", "etl"],
        ["--matrix=a=1,2", "b=x", "etl"],
        ["etl", "--matrix", "a=1,2", "--matrix=b=x", "--local"],
        ["etl", "-e", "K=V", "--matrix", "a=1,2", "b=x", "-p", "c=3", "--key", "d=4"],
        ["etl", "--matrix", "a=1,2", "b=x", "--", "--matrix", "c=3"],
    ],
)
def test_a_matrix_takes_several_words(words: list[str]) -> None:
    """After one option, after several, before the job and after it; what follows another option is that one's."""
    assert ("etl", ("a=1,2", "b=x")) == _matrix(*words)
