"""`jobrunner local`: serve the AWS endpoint on 127.0.0.1 until interrupted."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobrunner.cli import collector, words
from jobrunner.cli.options import read_by, read_duration, shared
from jobrunner.cli.session import load, usable
from jobrunner.core import local_stage
from jobrunner.errors import LocalEndpointError
from jobrunner.local.environment import client_environment
from jobrunner.local.registry import endpoints, exports
from jobrunner.local.scheduler import read_begin, read_speed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from jobrunner.cli.invocation import Invocation
    from jobrunner.local.faults.values import Fault
    from jobrunner.local.foreground import Foreground
    from jobrunner.local.registry import EndpointInfo

_SECONDS = read_by(read_duration, "30s")


@click.command("local")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Listen there; by default anywhere free."
)
@click.option(
    "--startup", callback=_SECONDS, metavar="DURATION", help="Simulate this time until RUNNING; on Fargate 30s."
)
@click.option(
    "--deprovision",
    callback=_SECONDS,
    metavar="DURATION",
    help="Simulate this time until STOPPED; on Fargate 20s.",
)
@click.option(
    "--faults",
    "faults_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Let go wrong what the file, YAML or JSON, orders; see docs/faults.md.",
)
@click.option(
    "--speed",
    callback=read_by(read_speed, "1000"),
    default="1",
    metavar="N",
    help="Let schedules fire N times faster; tasks run in real time.",
)
@click.option(
    "--from",
    "begins",
    callback=read_by(read_begin, "2027-03-28T00:00Z"),
    metavar="TIME",
    help="Let schedules fire as if it were this time when the first one is made.",
)
@click.option("--exports", "only_exports", is_flag=True, help="Print the exports of the one that serves, and end.")
@shared
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    port: int,
    startup: int | None,
    deprovision: int | None,
    faults_file: Path | None,
    speed: float,
    begins: datetime | None,
    only_exports: bool,
) -> int:
    """Serve the local AWS endpoint until interrupted.

    Prints the exports that point any AWS client at it. Tasks run as processes of this machine, in the project's
    directory; images are not pulled. Only 127.0.0.1 is listened on. While it serves, commands on the local
    stage use it instead of starting their own.

    In another terminal: eval "$(jobrunner local --exports)"
    """
    invocation.local = invocation.local or invocation.stage is None
    settings = (project := load(invocation)).settings
    workdir, state_dir = project.directory.absolute(), usable(Path(settings.state_dir))
    others = [one for one in endpoints(state_dir) if not one.owned and Path(one.workdir) == workdir]
    if only_exports:
        return _print_exports(invocation, others, workdir)
    faults = _faults(faults_file)
    with _serving(
        port=port,
        workdir=workdir,
        region=settings.region or local_stage.REGION,
        startup=(settings.local_startup or 0.0) if startup is None else startup,
        deprovision=(settings.local_deprovision or 0.0) if deprovision is None else deprovision,
        state_dir=state_dir,
        faults=faults,
        speed=speed,
        begins=begins,
    ) as foreground:
        _announce(invocation, foreground.info, others)
        if faults:
            invocation.note(f"{len(faults)} fault{'s' * (len(faults) != 1)} on order, from {faults_file}")
        if speed != 1:
            invocation.note(f"schedules fire {speed:g} times faster than time; tasks, and their timeouts, do not")
        if begins is not None:
            invocation.note(f"for schedules it is {words.moment(begins)} when the first one is made")
        collector.work()
        foreground.wait()
    invocation.note("the local endpoint has ended, with its tasks and their logs")
    return 0


def _print_exports(invocation: Invocation, serving: list[EndpointInfo], workdir: Path) -> int:
    if not serving:
        raise LocalEndpointError(
            f"no local endpoint serves {workdir}", hint="`jobrunner local`, in another terminal, starts one."
        )
    _write_exports(invocation, serving[0])
    return 0


def _write_exports(invocation: Invocation, info: EndpointInfo) -> None:
    if invocation.json:
        environment = client_environment(info.url, info.region)
        document = {"event": "serving", "endpoint_url": info.url, "region": info.region, "environment": environment}
        invocation.write_json(document)
    else:
        invocation.terminal.write("\n".join(exports(info)) + "\n")


def _faults(path: Path | None) -> Sequence[Fault]:
    """Read what is to go wrong, before anything is started.

    Raises:
        SpecError: Something in the file is wrong.
    """
    if path is None:
        return ()
    from jobrunner.local.faults.document import load_faults

    return load_faults(path)


@contextmanager
def _serving(
    *,
    port: int,
    workdir: Path,
    region: str,
    startup: float,
    deprovision: float,
    state_dir: Path,
    faults: Sequence[Fault],
    speed: float,
    begins: datetime | None,
) -> Iterator[Foreground]:
    from jobrunner.local.foreground import Foreground

    try:
        foreground = Foreground(
            port=port,
            workdir=workdir,
            region=region,
            startup=startup,
            deprovision=deprovision,
            state_dir=state_dir,
            owner_fd=None,
            linger=None,
            faults=faults,
            speed=speed,
            begins=begins,
        )
    except OSError as error:
        raise LocalEndpointError(
            f"the local endpoint cannot listen on port {port}: {error.strerror or error}",
            hint="Without --port it takes a free one.",
        ) from None
    with foreground:
        yield foreground


def _announce(invocation: Invocation, info: EndpointInfo, others: list[EndpointInfo]) -> None:
    _write_exports(invocation, info)
    invocation.note(f"serving AWS at {info.url}; tasks run as local processes in {info.workdir}, images are not pulled")
    if others:
        invocation.note(f"{others[0].url} serves this directory as well; commands use the newest, which is this one")
    invocation.note("Ctrl-C ends it, and its tasks with it; in another terminal: jobrunner run JOB --local")
