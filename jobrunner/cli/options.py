"""The options that several commands share, and how their values are read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobrunner.cli.invocation import Invocation
from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from jobrunner.core.options import RunOptions

F = TypeVar("F", bound="Callable[..., Any]")

#: Runs of one command: what one process has been shown to follow.
MOST_RUNS = 5_000


def shared(function: F) -> F:
    """Add the options that every command takes; they may stand before the command as well."""
    return _sharing(function, _output("Text, or JSON lines on stdout.", "text", "json"))


def shared_and_csv(function: F) -> F:
    """As `shared`, of a command that also writes CSV; `table` is another word for text."""
    return _sharing(function, _output("A table, CSV, or JSON on stdout.", "text", "table", "csv", "json"))


def _sharing(function: F, output: Callable[[F], F]) -> F:
    for option in reversed((*_SHARED, output)):
        function = option(function)
    return function


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Store a shared option where the whole call reads it; what stands nearer to the command wins."""
    invocation = ctx.find_object(Invocation)
    if invocation is None or value is None:
        return
    setattr(invocation, str(option.name), value)
    if invocation.local and invocation.stage not in {None, local_stage.STAGE}:
        raise click.UsageError(f"--local and --stage {invocation.stage} name two stages; give one of them", ctx)


def _shared_option(*names: str, **more: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_keep, default=None, **more)


_SHARED = (
    _shared_option(
        "--local", is_flag=True, flag_value=True, help="Use the local AWS endpoint; it is started if needed."
    ),
    _shared_option("--stage", metavar="NAME", help="The stage of jobrunner.yaml to use."),
    _shared_option("--project", metavar="DIR", help="The project's directory. [default: here, or the nearest above]"),
)


def _output(said: str, *choices: str) -> Callable[[F], F]:
    return _shared_option("--output", type=click.Choice(choices), help=said)


class Arguments(click.Command):
    """A command that keeps what stands after `--` for the job, as `kubectl run NAME -- ARG…` does.

    The words are in `ctx.meta[ARGUMENTS]`, None when there are none: an empty list would mean "no command".
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the job's arguments away before the options are parsed."""
        ctx.meta[ARGUMENTS] = None
        if "--" in args:
            at = args.index("--")
            args, words = args[:at], args[at + 1 :]
            ctx.meta[ARGUMENTS] = tuple(words) or None
        try:
            return super().parse_args(ctx, list(_repeated("--matrix", args)))
        except click.UsageError as error:
            if "unexpected extra argument" in error.message:
                hint = "Arguments for the job itself stand after --, as in: jobrunner run JOB -- --verbose"
                raise click.UsageError(f"{error.message}\n{hint}", ctx) from None
            raise

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the arguments in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- ARG...]"]


ARGUMENTS = "jobrunner.arguments"


def _repeated(option: str, args: list[str]) -> Iterator[str]:
    """Let an option take several NAME=VALUES words, `--matrix a=1,2 b=3,4`: click's options take a fixed number."""
    taking, previous = False, ""
    for word in args:
        assigns = "=" in word and not word.startswith("-")
        if taking and assigns and previous != option:
            yield option
        taking = word == option or word.startswith(f"{option}=") or (taking and assigns)
        previous = word
        yield word


def run_options(function: F) -> F:
    """Add the options that change one run; the command gets them as one `RunOptions`, `options`."""
    for option in reversed(_RUN):
        function = option(function)
    return function


def read_by(read: Callable[[str], Any], example: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Give the callback of an option whose text a function reads; its ValueError is the message, with an example."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            said = str(error)
            raise click.BadParameter(said if "for instance" in said else f"{said}; for instance {example}") from None

    def callback(_ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(convert(text) for text in value)
        return None if value is None else convert(value)

    return callback


def read_cpu(text: str) -> int:
    """Read `1 vCPU` or `1024`."""
    from jobrunner.core.sizes import parse_cpu

    return parse_cpu(text)


def read_memory(text: str) -> int:
    """Read `4 GB` or `4096`."""
    from jobrunner.core.sizes import parse_memory

    return parse_memory(text)


def read_duration(text: str) -> int:
    """Read `2h` or `90`, in seconds."""
    from jobrunner.core.durations import parse_duration

    return parse_duration(text)


def read_time(text: str) -> datetime:
    """Read a time of ISO 8601 that says its offset: a job that works on the wrong hour is worse than a refusal."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time of ISO 8601") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say of which time zone it is; Z is UTC")
    return moment


def read_pair(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name, value


def read_variable(text: str) -> tuple[str, str]:
    """Read K=V, or K alone for this process's value, as `docker run -e` does. One that is not set is an error.

    (docker leaves it out in silence; the job then fails later, and elsewhere.)
    """
    import re

    from jobrunner.core.fields import VARIABLE_NAME

    name, equals, value = text.partition("=")
    if re.fullmatch(VARIABLE_NAME, name) is None:
        raise ValueError(f"{name!r} cannot be the name of an environment variable")
    if equals:
        return name, value
    if name not in os.environ:
        raise ValueError(f"{name} is not set in this environment, and no value is given")
    return name, os.environ[name]


_RUN = (
    click.option(
        "-e",
        "--env",
        "environment",
        multiple=True,
        metavar="K[=V]",
        callback=read_by(read_variable, "-e LOG_LEVEL=debug"),
        help="Set an environment variable of the job; K alone takes this shell's value.",
    ),
    click.option(
        "--env-file",
        "env_files",
        multiple=True,
        metavar="FILE",
        help="Read environment variables from a file of K=V lines; -e wins.",
    ),
    click.option(
        "-p",
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        callback=read_by(read_pair, "-p day=2026-11-23"),
        help="Set a parameter of the job.",
    ),
    click.option(
        "--cpu", metavar="SIZE", callback=read_by(read_cpu, "--cpu '1 vCPU'"), help="For instance 1 vCPU or 1024."
    ),
    click.option(
        "--memory", metavar="SIZE", callback=read_by(read_memory, "--memory '4 GB'"), help="For instance 4 GB or 4096."
    ),
    click.option(
        "--capacity", type=click.Choice(["on-demand", "spot", "spot-then-on-demand"]), help="What Fargate runs it on."
    ),
    click.option(
        "--timeout",
        metavar="DURATION",
        callback=read_by(read_duration, "--timeout 2h"),
        help="Stop the task after so long; 0 for never.",
    ),
    click.option(
        "--scheduled-time",
        metavar="TIME",
        callback=read_by(read_time, "--scheduled-time 2026-11-23T02:30Z"),
        help="The logical time that the job works on, ISO 8601 with an offset.",
    ),
    click.option("--key", metavar="TEXT", help="The same key of the same job never starts a second run."),
)


def many_options(function: F) -> F:
    """Add the options that make many runs of one job."""
    for option in reversed(_MANY):
        function = option(function)
    return function


_MANY = (
    click.option(
        "--count",
        type=click.IntRange(1, MOST_RUNS),
        metavar="N",
        help="Run it N times; each run sees its number, from 0, as JOBRUNNER_INDEX.",
    ),
    click.option(
        "--matrix",
        multiple=True,
        metavar="NAME=VALUES...",
        help="Run it for every combination of parameters: region=eu,us day=2026-01-01..2026-01-07",
    ),
    click.option(
        "--parallel",
        type=click.IntRange(1, MOST_RUNS),
        metavar="N",
        help="Of many runs, so many at once. [default: 100]",
    ),
    click.option("--fail-fast", is_flag=True, help="Of many runs, stop all when the first has failed."),
)


over_budget_option = click.option(
    "--over-budget",
    is_flag=True,
    help="Go on although a budget is exceeded, or what it costs is not known.",
)

no_wait_bill_option = click.option(
    "--no-wait-bill",
    is_flag=True,
    help="End as soon as verdict and log are certain, on Fargate some 20 s before the bill is; status has it later.",
)

on_interrupt_option = click.option(
    "--on-interrupt",
    type=click.Choice(["stop", "detach"]),
    help="What the first Ctrl-C does to the task: stop it, or leave it running. [default: the setting, stop]",
)


def options_of(ctx: click.Context, given: Mapping[str, Any]) -> RunOptions:
    """Make one value of the options of `run_options`.

    Raises:
        SpecError: An env file cannot be read, or a line of it is wrong.
    """
    from jobrunner.core.options import RunOptions, Trigger

    return RunOptions(
        args=ctx.meta[ARGUMENTS],
        environment={**_from_files(given["env_files"]), **dict(given["environment"])},
        params=dict(given["params"]),
        cpu=given["cpu"],
        memory=given["memory"],
        capacity=given["capacity"],
        timeout=given["timeout"],
        scheduled_time=given["scheduled_time"],
        key=given["key"],
        trigger=Trigger.MANUAL,
        over_budget=given.get("over_budget", False),
    )


def _from_files(files: tuple[str, ...]) -> dict[str, str]:
    from pathlib import Path

    from jobrunner.document import read_env_file

    values: dict[str, str] = {}
    for file in files:
        values |= read_env_file(Path(file), os.environ)
    return values


def job_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a job from the names of the files: completion must not fail, nor take long."""
    from pathlib import Path

    invocation = ctx.find_object(Invocation)
    folder = Path(invocation.project if invocation and invocation.project else ".") / "jobs"
    return sorted(path.stem for path in folder.glob(f"{incomplete}*.y*ml"))
