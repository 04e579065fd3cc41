"""A project: its settings and its jobs, read and checked in one go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.core.frozen import FrozenDict
from jobrunner.core.problems import did_you_mean
from jobrunner.document.files import shown
from jobrunner.document.jobs import SUFFIXES, Context, Loaded, documents_of, job_files, load_documents, load_file, names
from jobrunner.document.settings import effective, project_file
from jobrunner.errors import Problem, SpecError, UnknownJobError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec
    from jobrunner.document.settings import Effective


@dataclass(frozen=True, kw_only=True)
class Project:
    """A valid project.

    Attributes:
        directory: Where `jobrunner.yaml` is, or would be.
        settings: The values in effect.
        jobs: The jobs that were asked for, by name.
        sources: Job name → `file:line:column`.
        warnings: What is not wrong but looks like a slip.
    """

    directory: Path
    settings: Settings
    jobs: Mapping[str, JobSpec]
    sources: Mapping[str, str]
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
        if given.is_dir():
            return given
        if given == project_file(given.parent):
            return given.parent
        raise SpecError([Problem("there is no such directory", file=shown(given))])
    here = start or Path.cwd()
    return next((place for place in (here, *here.absolute().parents) if project_file(place)), here)


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
    if jobs is None:
        _check_folder(folder, found, loaded)
        for path in job_files(folder):
            load_file(path, context, loaded)
    else:
        for name in dict.fromkeys(jobs):
            _load_named(name, folder, context, loaded)
    if loaded.problems:
        raise SpecError(dict.fromkeys(loaded.problems))
    return Project(
        directory=directory,
        settings=found.settings,
        jobs=FrozenDict(loaded.jobs),
        sources=FrozenDict({name: str(place) for name, place in loaded.places.items()}),
        warnings=found.warnings,
    )


def _check_folder(folder: Path, found: Effective, loaded: Loaded) -> None:
    if not folder.is_dir() and found.jobs_place is not None:
        loaded.problems.append(found.jobs_place.problem(f"there is no directory {shown(folder)}"))


def _load_named(name: str, folder: Path, context: Context, loaded: Loaded) -> None:
    """The file that bears the job's name, if that is where the job is; else whichever file has it."""
    own = [folder / (name + suffix) for suffix in SUFFIXES] if Path(name).name == name else []
    for path in (*(path for path in own if os.path.lexists(path)), *job_files(folder)):
        nodes, wrong = documents_of(path)
        here = [node for node, given in zip(nodes, _names(nodes, path), strict=True) if given == name]
        if here or (wrong and path in own):
            loaded.problems += wrong
            load_documents(here, path.stem, context, loaded)
            return
    raise unknown_job(name, folder)


def _names(nodes: list, path: Path) -> list[str | None]:  # type: ignore[type-arg]
    return [next(names([node], path), None) for node in nodes]


def unknown_job(name: str, folder: Path) -> UnknownJobError:
    """The error that says which jobs there are."""
    known = [given for path in job_files(folder) for given in names(documents_of(path)[0], path)]
    if not known:
        hint = f"There are no jobs in {shown(folder)}; `jobrunner init` writes a first one."
    else:
        hint = f"Jobs: {', '.join(sorted(known))}"
    return UnknownJobError(f"there is no job {name!r}{did_you_mean(name, known)}", hint=hint)
