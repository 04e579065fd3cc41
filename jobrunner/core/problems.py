"""pydantic's errors in the words of somebody who wrote a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from jobrunner.core.wording import kind_of, listed, nearest, quoted
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem in a document.

    Attributes:
        at: Path of the key or item, from the document's root.
        message: The sentence to print.
        on_key: Whether the key itself is wrong, rather than its value.
        across: Whether it is about several keys, each of them valid by itself.
        about: The top-level keys that a finding `across` keys rests on.
        meant: The known key that an unknown one was probably meant to be.
    """

    at: Path
    message: str
    on_key: bool = False
    across: bool = False
    about: tuple[str, ...] = ()
    meant: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inconsistency:
    """Keys that do not go together.

    Attributes:
        at: Path of the key to point at.
        message: What is wrong, what was found, what is allowed.
        about: Top-level keys that the statement rests on; if one of them is itself invalid, nothing is said.
    """

    at: Path
    message: str
    about: tuple[str, ...] = ()


def findings(error: ValidationError, model: type[BaseModel]) -> Iterator[Finding]:
    """Every problem of a failed validation of the model."""
    for detail in error.errors(include_url=False):
        yield from _finding(detail, model)


def _finding(detail: ErrorDetails, model: type[BaseModel]) -> Iterator[Finding]:
    kind, context = detail["type"], detail.get("ctx", {})
    where = tuple(step for step in detail["loc"] if step != "[key]")
    if kind == "inconsistent":
        for one in context["found"]:
            yield Finding(at=where + one.at, message=one.message, across=True, about=one.about)
    elif kind == "extra_forbidden":
        yield _unknown_key(where, model)
    elif kind == "missing":
        yield Finding(at=where[:-1], message=f"{where[-1]} is missing")
    elif not _is_echo(detail):
        on_key = detail["loc"][-1:] == ("[key]",)
        yield Finding(at=where, message=_sentence(kind, where, detail["input"], context), on_key=on_key)


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether the error only follows from another one: of the cpu, or of the entries of a list."""
    if detail["type"] == "too_short":
        return len(detail["input"]) > 0
    return detail["type"] == "default_factory_not_called"


def _unknown_key(where: Path, model: type[BaseModel]) -> Finding:
    key, known = str(where[-1]), keys_at(model, where[:-1])
    meant = nearest(key, known)
    hint = f"did you mean {meant!r}?" if meant else f"allowed: {', '.join(known)}"
    return Finding(at=where, message=f"unknown key {quoted(key)}; {hint}", on_key=True, meant=meant)


_SECRET = frozenset({"secrets", "notify"})
_WANTED = {
    "string_type": "text",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "tuple_type": "a list",
}


def _sentence(kind: str, where: Path, found: Any, context: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _not_one_of(found, context["expected"])
    name = _name(where)
    if kind in _WANTED:
        # A text where secrets are expected, or whom to notify, may be a secret: it is not repeated.
        what = "a text" if isinstance(found, str) and _SECRET & set(where) else kind_of(found)
        return f"{name} must be {_WANTED[kind]}, not {what}{_hint(kind, found)}"
    if kind == "too_long":
        return f"{name} has {len(found)} entries; at most {context['max_length']} are allowed"
    if kind == "too_short":
        return f"{name} is empty; leave it out, or give it at least one entry"
    return f"{name}: {kind.replace('_', ' ')}"


def _name(where: Path) -> str:
    """How a sentence names the value: by its key, or as an entry of a list under that key."""
    key = next((str(step) for step in reversed(where) if isinstance(step, str)), "the value")
    return f"an entry of {key}" if where and isinstance(where[-1], int) else key


def _hint(kind: str, found: Any) -> str:
    if kind == "tuple_type" and isinstance(found, str):
        return f"; write [{found}]" if found.isprintable() and len(found) <= 60 else "; write it in brackets"  # noqa: PLR2004
    if kind != "string_type":
        return ""
    if found is None:
        return "; write '' for an empty text, 'null' in quotes for the word"
    if isinstance(found, dict):
        return "; quote a text that contains ': ' or starts with '{'"
    return "; quote a text that starts with '['" if isinstance(found, list) else "; write it in quotes"


def _not_one_of(found: Any, expected: str) -> str:
    words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    if not isinstance(found, str):
        return f"this must be one of {listed(words, 'or')}, not {kind_of(found)}"
    meant = _SYNONYMS.get(found.lower()) or nearest(found, words)
    hint = f"; did you mean {meant!r}?" if meant in words else ""
    return f"{quoted(found)} is not one of {listed(words, 'or')}{hint}"


#: What docker, uname and AWS call the same thing.
_SYNONYMS = {
    "amd64": "x86_64",
    "x86": "x86_64",
    "x64": "x86_64",
    "aarch64": "arm64",
    "arm": "arm64",
    "fargate": "on-demand",
    "ondemand": "on-demand",
    "fargate_spot": "spot",
}


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the model allows at this place."""
    here: Any = model
    for step in path:
        fields = getattr(here, "model_fields", {})
        if step in fields:
            here = _model_in(fields[step].annotation)
    return list(getattr(here, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """The one model that an annotation such as `tuple[Schedule, ...] | None` contains."""
    if hasattr(annotation, "model_fields"):
        return annotation
    inside = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in inside if model is not None), None)


def raise_spec_error(error: ValidationError, model: type[BaseModel], *, file: str) -> NoReturn:
    """Turn pydantic's error about Python values into ours; a place is the dotted path of the key."""
    raise SpecError([_as_problem(finding, file) for finding in findings(error, model)]) from None


def _as_problem(finding: Finding, file: str) -> Problem:
    path = ".".join(map(str, finding.at))
    return Problem(f"{path}: {finding.message}" if path else finding.message, file=file)
