"""Options: how their values are read, and what the group lists."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime, timedelta

import click
import pytest

from jobrunner.cli import commands
from jobrunner.cli.group import COMMANDS, cli
from jobrunner.cli.invocation import Invocation
from jobrunner.cli.options import ARGUMENTS, read_pair, read_time, read_variable


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """K=V as it is, an empty value too; K alone takes this process's."""
    monkeypatch.setenv("OF_THE_SHELL", "a=b")
    assert ("K", "v=w") == read_variable("K=v=w")
    assert ("K", "") == read_variable("K=")
    assert ("OF_THE_SHELL", "a=b") == read_variable("OF_THE_SHELL")


@pytest.mark.parametrize("text", ["=v", "", "a b=c", "NOT_SET_ANYWHERE"])
def test_variables_that_are_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be one, or that is not set here, is refused."""
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    with pytest.raises(ValueError, match=r"environment"):
        read_variable(text)


def test_pairs() -> None:
    """NAME=VALUE; the value may hold anything."""
    assert ("day", "a=b") == read_pair("day=a=b")
    for text in ("day", "=x"):
        with pytest.raises(ValueError, match="is not NAME=VALUE"):
            read_pair(text)


def test_times_need_an_offset() -> None:
    """A time that does not say of which zone it is, is refused; Z and offsets are read."""
    assert datetime(2026, 11, 23, 2, 30, tzinfo=UTC) == read_time("2026-11-23T02:30Z")
    assert timedelta(hours=1) == read_time("2026-11-23T02:30:00+01:00").utcoffset()
    for text, said in (("2026-11-23T02:30", "which time zone"), ("2026-11-23", "time zone"), ("noon", "ISO 8601")):
        with pytest.raises(ValueError, match=said):
            read_time(text)


def test_every_command_is_listed() -> None:
    """The table of the help names every module of commands, and no other."""
    assert sorted(COMMANDS) == sorted(module.name for module in pkgutil.iter_modules(commands.__path__))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_says_what_the_table_says(name: str) -> None:
    """The first sentence of a command's help is its line in the table; it takes the shared options."""
    command: click.Command = importlib.import_module(f"jobrunner.cli.commands.{name}").command
    assert [name, COMMANDS[name]] == [command.name, (command.help or "").split("\n\n")[0].replace("\n", " ")]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--local", "--stage", "--project", "--output"} <= options
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


def _arguments(*words: str) -> tuple[object, dict[str, object]]:
    command = importlib.import_module("jobrunner.cli.commands.run").command
    ctx = command.make_context("run", list(words), obj=Invocation())
    return ctx.meta[ARGUMENTS], ctx.params


def test_words_after_the_dashes_are_the_jobs() -> None:
    """Everything after the first `--` belongs to the job, options and further dashes too."""
    words, params = _arguments("hello", "--detach", "--", "--timeout", "x", "--", "-h")
    assert ("--timeout", "x", "--", "-h") == words
    assert ["hello", True, None] == [params["job"], params["detach"], params["timeout"]]


def test_dashes_alone_change_nothing() -> None:
    """No words after `--` mean the job's own command, not an empty one."""
    assert None is _arguments("hello", "--")[0]
    assert None is _arguments("hello")[0]


def test_next_commands_carry_the_shared_options() -> None:
    """A command that is suggested goes to the same stage and project, and can be pasted into a shell."""
    assert "jobrunner logs x" == Invocation().command("logs", "x")
    there = Invocation(stage="prod", project="my dir")
    assert "jobrunner run etl --memory '1 GB' --stage prod --project 'my dir'" == there.command(
        "run", "etl", "--memory", "1 GB"
    )
    assert "jobrunner ps --local" == Invocation(local=True).command("ps")


def test_two_stages_are_refused() -> None:
    """--local beside another stage is a usage error; beside `local` it is the same."""
    for words in (["--local", "ps", "--stage", "prod"], ["--stage", "prod", "ps", "--local"]):
        with pytest.raises(click.UsageError, match="two stages"):
            cli.main(words, standalone_mode=False, obj=Invocation())
