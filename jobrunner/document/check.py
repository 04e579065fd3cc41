"""A tree against a model: the value, or every problem with its place."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobrunner.core.problems import findings
from jobrunner.document.parse import MAX_PROBLEMS
from jobrunner.document.tree import place_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobrunner.core.problems import Finding
    from jobrunner.document.tree import Node
    from jobrunner.errors import Problem

M = TypeVar("M", bound=BaseModel)


def check(model: type[M], node: Node) -> tuple[M | None, list[Finding]]:
    """The model's instance, or None and everything that is wrong with the mapping.

    Pydantic compares keys with each other only when each is valid by itself. So that all problems come out at
    once, the invalid keys are taken away and the rest is validated again for what does not go together.
    """
    data = plain(node)
    value, found = _attempt(model, data)
    if value is None:
        invalid = {one.at[0] for one in found if one.at and not one.across}
        rest = {key: inner for key, inner in data.items() if key not in invalid}
        # `imag: …` is not the same as no image at all.
        meant = {one.meant for one in found if one.meant and len(one.at) == 1}
        if invalid:
            found += [one for one in _attempt(model, rest)[1] if one.across and not (invalid | meant) & {*one.about}]
    return value, found


def _attempt(model: type[M], data: Any) -> tuple[M | None, list[Finding]]:
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, list(islice(findings(error, model), MAX_PROBLEMS))


def problems(found: Iterable[Finding], node: Node) -> Iterator[Problem]:
    """The findings with their places in the tree."""
    for one in found:
        yield place_of(node, one.at, on_key=one.on_key).problem(one.message)
