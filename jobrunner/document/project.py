"""A project: its settings and its jobs, read and checked in one go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.core.frozen import FrozenDict
from jobrunner.core.wording import did_you_mean, quoted, visible
from jobrunner.document.files import shown
from jobrunner.document.jobs import (
    SUFFIXES,
    Context,
    Loaded,
    documents_of,
    job_files,
    load_document,
    load_file,
    name_of,
    ordered,
)
from jobrunner.document.layers import project_file
from jobrunner.document.settings import effective
from jobrunner.document.tree import Place
from jobrunner.errors import Problem, SpecError, UnknownJobError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.document.settings import Effective

#: Names in a hint; a project of a thousand jobs must not fill the screen.
MAX_LISTED = 30


@dataclass(frozen=True, kw_only=True)
class Project:
    """A valid project.

    Attributes:
        directory: Where `jobrunner.yaml` is, or would be.
        settings: The values in effect.
        jobs: The jobs that were asked for, by name.
        sources: Job name → `file:line:column`.
        partial: Whether only some jobs were asked for: the project may have others.
        warnings: What is not wrong but looks like a slip.
    """

    directory: Path
    settings: Settings
    jobs: Mapping[str, JobSpec]
    sources: Mapping[str, str]
    partial: bool = False
    warnings: tuple[str, ...] = ()


def find_project(start: Path | None = None, *, given: Path | None = None) -> Path:
    """The project's directory: the given one, else the nearest one upward that has a project file, else the start.

    Args:
        start: Where to look first; the current directory by default.
        given: The directory that the user named.

    Raises:
        SpecError: The given directory does not exist.
    """
    if given is not None:
        if os.path.isdir(given):  # noqa: PTH112  # unlike Path's, it never raises
            return given
        if given == project_file(given.parent):
            return given.parent
        raise SpecError([Problem("there is no such directory", file=shown(given))])
    here = start or Path()
    try:
        upward = here.absolute().parents
    except FileNotFoundError:
        raise SpecError([Problem("the current directory does not exist any more", file=".")]) from None
    return next((place for place in (here, *upward) if project_file(place)), here)


def load_project(
    directory: Path,
    *,
    stage: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    jobs: Collection[str] | None = None,
) -> Project:
    """The project in the directory, with all its jobs or those that are named.

    Args:
        directory: The project's; see `find_project`.
        stage: The stage that a flag names; else JOBRUNNER_STAGE, else the file's default_stage.
        environ: The environment; this process's by default.
        overrides: Settings that flags set; None values count as absent.
        jobs: Load only these. Problems of other jobs then do not matter.

    Raises:
        SpecError: With all problems of all files.
        UnknownJobError: A named job does not exist.
    """
    env = os.environ if environ is None else environ
    found = effective(directory, stage=stage, environ=env, overrides=overrides or {})
    loaded = Loaded(problems=list(found.problems))
    context = Context(directory=directory, environ=env, defaults=found.defaults)
    folder = directory / found.settings.jobs
    files = _files(folder, found, loaded)
    if jobs is None:
        for path in files:
            load_file(path, context, loaded)
    else:
        for name in dict.fromkeys(jobs):
            _load_named(name, folder, files, context, loaded)
    if loaded.problems:
        raise SpecError(ordered(loaded.problems))
    return Project(
        directory=directory,
        settings=found.settings,
        jobs=FrozenDict(loaded.jobs),
        sources=FrozenDict({name: str(place) for name, place in loaded.places.items()}),
        partial=jobs is not None,
        warnings=found.warnings,
    )


def _files(folder: Path, found: Effective, loaded: Loaded) -> list[Path]:
    place = found.jobs_place or Place(shown(folder))
    try:
        files = job_files(folder)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        loaded.problems.append(place.problem(f"the jobs in {shown(folder)} cannot be read: {reason.lower()}"))
        return []
    if found.jobs_place is not None and not files and not folder.is_dir():
        loaded.problems.append(place.problem(f"there is no directory {shown(folder)}"))
    return files


def _load_named(name: str, folder: Path, files: list[Path], context: Context, loaded: Loaded) -> None:
    """The file that bears the job's name, if that is where the job is; else whichever file has it."""
    own = {folder / (name + suffix) for suffix in SUFFIXES}
    known: list[str] = []
    for path in sorted(files, key=lambda file: file not in own):
        nodes, wrong = documents_of(path)
        here = {number: name_of(node, path.stem, alone=len(nodes) == 1) for number, node in enumerate(nodes)}
        found = [nodes[number] for number, given in here.items() if given == name]
        if found or (wrong and path in own):
            loaded.problems += wrong
            for node in found:
                load_document(node, path.stem, context, loaded, alone=len(nodes) == 1)
            return
        known += filter(None, here.values())
    if not loaded.problems:
        raise unknown_job(name, folder, known)


def unknown_job(name: str, folder: Path, known: Iterable[str] | None = None) -> UnknownJobError:
    """The error that says which jobs there are; without `known`, the folder is read for their names."""
    names = sorted(map(visible, _names(folder) if known is None else known))
    if not names:
        hint = f"There are no jobs in {shown(folder)}; `jobrunner init` writes a first one."
    else:
        hint = f"Jobs: {', '.join(names[:MAX_LISTED])}{', …' if len(names) > MAX_LISTED else ''}"
    return UnknownJobError(f"there is no job {quoted(name)}{did_you_mean(name, names)}", hint=hint)


def _names(folder: Path) -> Iterator[str]:
    for path in job_files(folder):
        nodes, _ = documents_of(path)
        yield from filter(None, (name_of(node, path.stem, alone=len(nodes) == 1) for node in nodes))
