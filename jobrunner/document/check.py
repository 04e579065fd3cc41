"""A tree against a model: the value, or every problem with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobrunner.core.problems import findings
from jobrunner.document.tree import place_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.core.problems import Finding
    from jobrunner.document.tree import Node

M = TypeVar("M", bound=BaseModel)


def check(model: type[M], node: Node) -> tuple[M | None, list[Finding]]:
    """The model's instance, or None and everything that is wrong.

    Pydantic compares keys with each other only when each is valid by itself. So that all problems come out at
    once, the invalid keys are taken away and the rest is validated again for what does not go together.
    """
    data = plain(node)
    found: list[Finding] = []
    for _ in range(2):
        try:
            value = model.model_validate(data)
        except ValidationError as error:
            new = list(findings(error, model))
            found += [one for one in new if _is_news(one, found)]
            data = _pruned(data, new)
        else:
            return (None if found else value), found
    return None, found


def _is_news(finding: Finding, before: list[Finding]) -> bool:
    """The second round may only tell what rests on valid keys."""
    invalid = {one.at[0] for one in before if one.at}
    return not before or bool(finding.about and invalid.isdisjoint(finding.about))


def _pruned(data: Any, found: list[Finding]) -> Any:
    if not isinstance(data, dict):
        return data
    bad = {one.at[0] for one in found if one.at}
    return {key: value for key, value in data.items() if key not in bad}


def problems(found: list[Finding], node: Node) -> Iterator[Any]:
    """The findings with their places in the tree."""
    for one in found:
        yield place_of(node, one.at, on_key=one.on_key).problem(one.message)
