"""Job documents → `JobSpec`s."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.core import params
from jobrunner.core.spec import MAX_ENV_FILES, JobSpec
from jobrunner.core.spec_checks import NOT_OVERRIDABLE
from jobrunner.core.wording import kind_of, quoted
from jobrunner.document.check import check
from jobrunner.document.env_file import read_env_file
from jobrunner.document.files import decode, read_text, shown
from jobrunner.document.parse import parse
from jobrunner.document.tree import Node, Place, is_mapping, mapping, overlay, place_of, with_entry, without
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a job document is read with.

    Attributes:
        directory: The project's; the paths of `env_file` are relative to it.
        environ: The environment of this process, for names without a value in an env file.
        defaults: Keys under every job, as a tree; None for none.
    """

    directory: Path
    environ: Mapping[str, str]
    defaults: Node | None = None


@dataclass(kw_only=True)
class Loaded:
    """What the files gave so far; it grows file by file."""

    jobs: dict[str, JobSpec] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def job_files(directory: Path) -> list[Path]:
    """The files of the directory that may hold jobs, by name; hidden ones are an editor's, not the user's.

    Raises:
        OSError: The directory exists but cannot be listed, or is none.
    """
    try:
        entries = sorted(os.listdir(directory))  # noqa: PTH208  # iterdir makes a Path of every other file too
    except FileNotFoundError:
        return []
    return [directory / name for name in entries if name.endswith(SUFFIXES) and not name.startswith(".")]


def documents_of(path: Path) -> tuple[list[Node], list[Problem]]:
    """The documents of a file, and the problems of reading it."""
    file = shown(path)
    try:
        found, wrong = parse(read_text(path), file=file)
    except SpecError as error:
        return [], list(error.problems)
    if not found and not wrong:
        wrong = [Problem("the file is empty; a job needs at least an image", file=file)]
    return found, wrong


def name_of(node: Node, stem: str, *, alone: bool) -> str | None:
    """The name of a document's job: the written one; else, of the only document in its file, the file's stem."""
    written = node.value.get("name") if is_mapping(node) else None
    if written is None or written.value is None:
        return stem if alone else None
    return written.value if isinstance(written.value, str) else None


def load_file(path: Path, context: Context, loaded: Loaded) -> None:
    """Add the jobs of a file, or its problems."""
    nodes, wrong = documents_of(path)
    loaded.problems += wrong
    for node in nodes:
        load_document(node, path.stem, context, loaded, alone=len(nodes) == 1)


def load_document(node: Node, stem: str, context: Context, loaded: Loaded, *, alone: bool) -> None:
    """Add the job of a document, or its problems."""
    if not is_mapping(node):
        message = f"a job is a mapping (key: value), not {kind_of(node.value)}"
        loaded.problems.append(node.place.problem(message))
        return
    name = name_of(node, stem, alone=alone)
    if name is not None:
        place = place_of(node, ("name",))
        if name in loaded.places:
            message = f"duplicate job name {quoted(name)}; first in {loaded.places[name]}"
            loaded.problems.append(place.problem(message))
        loaded.places.setdefault(name, place)
    elif not alone and "name" not in node.value:
        message = "a job in a file of several documents needs a name; the file's stem names only one"
        loaded.problems.append(node.place.problem(message))
    _add(node, name or stem, context, loaded)


def _add(node: Node, name: str, context: Context, loaded: Loaded) -> None:
    written = node.value.get("name")
    if written is None or written.value is None:
        node = with_entry(node, "name", Node(name, node.place))
    spec, problems = to_spec(node, context)
    loaded.problems += problems
    if spec is not None:
        loaded.jobs.setdefault(name, spec)


def to_spec(node: Node, context: Context) -> tuple[JobSpec | None, list[Problem]]:
    """A job's document, which has its name, over the defaults: the spec, or None and all problems."""
    merged = _over_defaults(node, context.defaults)
    merged, problems = _with_env_files(merged, context)
    spec, found = check(JobSpec, merged)
    file = node.place.file
    for one in found:
        place = place_of(merged, one.at, on_key=one.on_key)
        if place.file == file:
            problems.append(place.problem(one.message))
        elif one.about:
            problems.append(node.place.problem(f"{one.message} (from the defaults, {place})"))
        # A default that is wrong by itself is reported where it stands, once for all jobs.
    return (None if problems or found else spec), problems


def _over_defaults(node: Node, defaults: Node | None) -> Node:
    """The document over the defaults; what an existing task definition cannot take is no default for it."""
    if defaults is None:
        return node
    if "task_definition" in node.value:
        defaults = without(defaults, NOT_OVERRIDABLE)
    elif "image" in node.value:
        defaults = without(defaults, ("task_definition", "container"))
    return overlay(defaults, node)


def _with_env_files(node: Node, context: Context) -> tuple[Node, list[Problem]]:
    """The files of this machine, read and laid under `environment`; the ARNs stay in `env_file`."""
    written = node.value.get("env_file")
    if written is None or is_mapping(written):
        return node, []
    items = written.value if isinstance(written.value, list) else [written]
    if len(items) > MAX_ENV_FILES:
        message = f"env_file has {len(items)} entries; at most {MAX_ENV_FILES} are allowed"
        return without(node, ("env_file",)), [written.place.problem(message)]
    below: dict[str, Node] = {}
    problems: list[Problem] = []
    kept: list[Node] = []
    for item in items:
        if not isinstance(item.value, str) or item.value.startswith("arn:"):
            kept.append(item)
            continue
        try:
            values = read_env_file(context.directory / item.value, context.environ)
        except SpecError as error:
            problems += [_at_item(problem, item) for problem in error.problems]
            continue
        for name, value in values.items():
            # A file's text is literal: `${{` in it is no parameter.
            below[name] = Node(params.escape(value), item.place)
    node = with_entry(node, "env_file", Node(kept, written.place))
    if not below:
        return node, problems
    return with_entry(node, "environment", _environment_over(node, below, written.place)), problems


def _at_item(problem: Problem, item: Node) -> Problem:
    """A problem of the file as a whole belongs to the line that names the file."""
    if problem.line is None:
        return item.place.problem(f"env_file {item.value}: {problem.message}")
    return problem


def _environment_over(node: Node, below: dict[str, Node], place: Place) -> Node:
    lower = mapping(below, place, {name: inner.place for name, inner in below.items()})
    written = node.value.get("environment")
    return lower if written is None or written.value is None else overlay(lower, written)


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once; the files as they were read, and the lines of a file from top to bottom."""
    once = dict.fromkeys(problems)
    files = {problem.file: order for order, problem in reversed(list(enumerate(once)))}
    return sorted(once, key=lambda problem: (files[problem.file], problem.line or 0, problem.column or 0))


def load_job_text(
    text: str | bytes, *, name: str | None = None, file: str = "<job>", environ: Mapping[str, str] | None = None
) -> JobSpec:
    """One job from the text of its document, without a project.

    Args:
        text: YAML; bytes are decoded as UTF-8.
        name: The job's name when the document has none.
        file: What problems call the text.
        environ: For names without a value in an `env_file`, whose path is relative to the current directory.

    Raises:
        SpecError: The text is no valid job, or not exactly one; with all problems.
    """
    content = decode(text, file=file) if isinstance(text, bytes) else text
    nodes, wrong = parse(content, file=file)
    loaded = Loaded(problems=wrong)
    if not wrong and len(nodes) != 1:
        wrong.append(Problem(f"one job is expected; this has {len(nodes) or 'none'}", file=file))
    if name is None and len(nodes) == 1 and is_mapping(nodes[0]) and name_of(nodes[0], "", alone=True) == "":
        wrong.append(Problem("the job needs a name", file=file))
    elif len(nodes) == 1:
        context = Context(directory=Path(), environ=environ or {})
        load_document(nodes[0], name or "", context, loaded, alone=True)
    if loaded.problems:
        raise SpecError(ordered(loaded.problems))
    return next(iter(loaded.jobs.values()))
