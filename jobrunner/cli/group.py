"""The group of commands: what `jobrunner --help` shows, without importing any of them."""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from typing import Any, Final

import click

from jobrunner.cli.options import shared

#: Command → what it does, in the order of a newcomer's day. A test holds it to the commands' own help.
COMMANDS: Final = {
    "init": "Write a first project: jobrunner.yaml and one job.",
    "validate": "Check the project and its jobs, offline.",
    "show": "Print the exact AWS requests of a job, offline.",
    "run": "Start a job, follow it, and end as it ends.",
    "attach": "Follow a run that was started before, to its end.",
    "logs": "Print the log of a run.",
    "stop": "Stop runs.",
    "status": "Say where a run is, or how it ended.",
    "explain": "Say why a run ended as it did, and what to do.",
    "ps": "List what runs now.",
    "history": "List past runs, newest first, whoever started them.",
    "report": "Add up past runs: how they ended, how long they took, what they cost.",
    "check": "Check that scheduled jobs have run, and that the last runs were successes; for a monitor.",
    "next": "Print when a job's schedules fire next, offline.",
    "plan": "Show what apply would change at AWS.",
    "apply": "Make the schedules at AWS those of the project.",
    "destroy": "Delete all schedules of the project and stage.",
    "schedules": "List the schedules at AWS, with their next fire and their last run.",
    "pause": "Let the schedules of jobs fire no more.",
    "resume": "Let the schedules of paused jobs fire again.",
    "backfill": "Run a job once for each time at which its schedules fire in an interval.",
    "cost": "Estimate what a job costs a run and a month, offline.",
    "prices": "Print the prices that estimates use, with their dates and sources.",
    "local": "Serve the local AWS endpoint until interrupted.",
    "schema": "Print the JSON Schema of the documents, for editors.",
    "settings": "Print every setting in effect, and where it comes from.",
}


class Commands(click.Group):
    """A group whose commands are modules of `jobrunner.cli.commands`, imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"jobrunner.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the command; of a misspelt one, name the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"there is no command {name!r}{f'; did you mean {near[0]!r}?' if near else ''}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table; click's own would import every command for its first sentence."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  click's call
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"jobrunner {version('jobrunner')}")
    ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Shell completion: eval "$(_JOBRUNNER_COMPLETE=bash_source jobrunner)", or zsh_source, or fish_source.',
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@shared
def cli() -> None:
    """Jobs on AWS Fargate: one-off and scheduled, from one YAML file, with no server to run.

    Results and log lines go to stdout, narration to stderr. Without an AWS account, --local runs everything
    on an AWS endpoint of this machine.
    """
