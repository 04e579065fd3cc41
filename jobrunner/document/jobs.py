"""Job documents → `JobSpec`s."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.core import params
from jobrunner.core.spec import JobSpec
from jobrunner.core.spec_checks import NOT_OVERRIDABLE
from jobrunner.document.check import check
from jobrunner.document.env_file import read_env_file
from jobrunner.document.files import decode, read_text, shown
from jobrunner.document.parse import parse
from jobrunner.document.tree import Node, Place, from_values, is_mapping, overlay, place_of, with_entry, without
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """The files of the directory that may hold jobs, by name; hidden ones are an editor's, not the user's."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))


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


def names(nodes: list[Node], path: Path) -> Iterator[str]:
    """The job names of a file's documents."""
    for node in nodes:
        name = _written_name(node)
        if name is not None or len(nodes) == 1:
            yield name if name is not None else path.stem


def _written_name(node: Node) -> str | None:
    name = node.value.get("name") if is_mapping(node) else None
    return name.value if name is not None and isinstance(name.value, str) else None


def load_file(path: Path, context: Context, loaded: Loaded) -> None:
    """Add the jobs of a file, or its problems."""
    nodes, wrong = documents_of(path)
    loaded.problems += wrong
    load_documents(nodes, path.stem, context, loaded)


def load_documents(nodes: list[Node], stem: str, context: Context, loaded: Loaded) -> None:
    """Add the jobs of a file's documents, or their problems."""
    for node in nodes:
        if not is_mapping(node):
            kind = "a list" if isinstance(node.value, list) else "a text"
            loaded.problems.append(node.place.problem(f"a job is a mapping (key: value), not {kind}"))
        elif _written_name(node) is None and len(nodes) > 1:
            message = "a job in a file of several documents needs a name; the file's stem names only one"
            loaded.problems.append(node.place.problem(message))
        else:
            _load(node, stem, context, loaded)


def _load(node: Node, stem: str, context: Context, loaded: Loaded) -> None:
    name = _written_name(node)
    if name is None:
        name = stem
        node = with_entry(node, "name", Node(stem, node.place))
    place = place_of(node, ("name",))
    if name in loaded.places:
        loaded.problems.append(place.problem(f"duplicate job name {name!r}; first in {loaded.places[name]}"))
        return
    loaded.places[name] = place
    spec, problems = to_spec(node, context)
    loaded.problems += problems
    if spec is not None:
        loaded.jobs[name] = spec


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
    lower = from_values({}, place)
    for name, inner in below.items():
        lower = with_entry(lower, name, inner)
    written = node.value.get("environment")
    return lower if written is None or written.value is None else overlay(lower, written)


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
        wrong.append(Problem(f"one job is expected, not {len(nodes) or 'an empty text'}", file=file))
    load_documents(nodes, name or "", Context(directory=Path(), environ=environ or {}), loaded)
    if loaded.problems:
        raise SpecError(loaded.problems)
    return next(iter(loaded.jobs.values()))
