"""pydantic's errors in the words of somebody who wrote a document."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

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
        about: Top-level keys that a statement about several keys rests on; empty for one about `at` alone.
    """

    at: Path
    message: str
    on_key: bool = False
    about: tuple[str, ...] = ()


def findings(error: ValidationError, model: type[BaseModel]) -> Iterator[Finding]:
    """Every problem of a failed validation of the model."""
    for detail in error.errors(include_url=False):
        yield from _finding(detail, model)


def _finding(detail: ErrorDetails, model: type[BaseModel]) -> Iterator[Finding]:
    kind, where = detail["type"], _document_path(detail["loc"])
    if kind == "default_factory_not_called":  # the cpu is wrong, which has its own message
        return
    context = detail.get("ctx", {})
    if kind == "inconsistent":
        for one in context["found"]:
            yield Finding(at=where + one.at, message=one.message, about=one.about or ("",))
    elif kind == "extra_forbidden":
        yield Finding(at=where, message=unknown_key(str(where[-1]), keys_at(model, where[:-1])), on_key=True)
    elif kind == "missing":
        yield Finding(at=where[:-1], message=f"{where[-1]} is missing")
    else:
        yield Finding(
            at=where,
            message=_sentence(kind, where, detail["input"], context),
            on_key=detail["loc"][-1:] == ("[key]",),
        )


def _document_path(loc: Path) -> Path:
    """pydantic's place without the steps that the document does not have."""
    return tuple(step for step in loc if step != "[key]")


def _sentence(kind: str, where: Path, found: Any, context: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _not_one_of(found, context["expected"])
    wanted = _WANTED.get(kind)
    key = next((str(step) for step in reversed(where) if isinstance(step, str)), "the document")
    if wanted is not None:
        return f"{key} must be {wanted}, not {kind_of(found)}"
    if kind in ("too_long", "too_short"):
        bound = context.get("max_length", context.get("min_length"))
        most = "at most" if kind == "too_long" else "at least"
        return f"{key} has {context['actual_length']} entries; {most} {bound} allowed"
    return f"{key}: {kind.replace('_', ' ')}"


_WANTED = {
    "string_type": "text",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
}


def kind_of(value: Any) -> str:
    """What a value is, in the words of YAML."""
    if value is None:
        return "empty (write '' for an empty text)"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return repr(value)


def _not_one_of(found: Any, expected: str) -> str:
    words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    return f"{found!r} is not one of {', '.join(words)}{did_you_mean(str(found), words)}"


def unknown_key(key: str, known: list[str]) -> str:
    """The message for a key that a mapping does not know."""
    hint = did_you_mean(key, known)
    return f"unknown key {key!r}{hint or '; allowed: ' + ', '.join(known)}"


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean 'command'?`, or nothing when nothing is near."""
    lowered = {one.lower(): one for one in known}
    near = get_close_matches(word.lower().replace("-", "_"), lowered, n=1) or get_close_matches(
        word.lower(), lowered, n=1
    )
    return f"; did you mean {lowered[near[0]]!r}?" if near else ""


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that the model allows at this place."""
    here: Any = model
    for step in path:
        if isinstance(step, str) and step in getattr(here, "model_fields", {}):
            here = _model_in(here.model_fields[step].annotation)
    return list(getattr(here, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """The one model that an annotation such as `tuple[Schedule, ...] | None` contains."""
    if hasattr(annotation, "model_fields"):
        return annotation
    inside = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in inside if model is not None), None)


def raise_spec_error(error: ValidationError, model: type[BaseModel], data: Any, *, file: str) -> NoReturn:
    """Turn pydantic's error about Python values into ours; places are paths of keys."""
    del data
    problems = [_as_problem(finding, file) for finding in findings(error, model)]
    raise SpecError(problems) from None


def _as_problem(finding: Finding, file: str) -> Problem:
    path = ".".join(map(str, finding.at))
    return Problem(f"{path}: {finding.message}" if path else finding.message, file=file)
