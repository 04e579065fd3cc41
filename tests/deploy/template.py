"""The template as a document, and the state machine in it: `python -m tests.deploy.template` writes that anew."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

import yaml

from jobrunner.core.state_machine import definition

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parents[2] / "deploy"
PATH: Final = FOLDER / "jobrunner.yaml"
#: The property of the machine, which is the last one of its resource, and what comes behind it.
_BLOCK: Final = re.compile(r"^(?P<indent> +)Definition:.*?(?=^Outputs:)", re.MULTILINE | re.DOTALL)
#: CloudFormation has no null, in no property ("'null' values are not allowed in templates"); JSONata has.
_NULL: Final = "{% null %}"


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as their long ones."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        value: Any = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)  # type: ignore[arg-type]  # no template has a function of a mapping
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def load(text: str | None = None) -> dict[str, Any]:
    """Read a template, by default ours."""
    document: dict[str, Any] = yaml.load(text or PATH.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return document


def machine() -> Any:
    """The state machine as a template can hold it: the partition by reference, no null, and ASCII alone."""
    return _fitting(definition(partition="${AWS::Partition}"))


def _fitting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fitting(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fitting(item) for item in value]
    if value is None:
        return _NULL
    if not isinstance(value, str):
        return value
    # GetTemplate and the console show other letters as question marks; both languages know these escapes.
    text = value.encode("ascii", "backslashreplace").decode()
    return {"Fn::Sub": text} if "${AWS::" in text else text


class _Dumper(yaml.SafeDumper):
    """Writes functions in their short forms, and JSONata's strings without doubling their quotes."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "'" in text else None)


def _mapping(dumper: _Dumper, value: dict[str, Any]) -> yaml.Node:
    if list(value) == ["Fn::Sub"]:
        return dumper.represent_scalar("!Sub", value["Fn::Sub"], style='"')
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _mapping)


def written(text: str) -> str:
    """A template with the state machine of today in it."""
    found = _BLOCK.search(text)
    if found is None:
        raise ValueError("the template has no Definition before its Outputs")
    return f"{text[: found.start()]}{indent(''.join(_lines(machine())), found['indent'])}\n{text[found.end() :]}"


def _lines(document: dict[str, Any]) -> Iterator[str]:
    """Each state is a line: CloudFormation takes a template of 51,200 bytes, and indentation would be a third of it."""
    states = document["States"]
    yield "Definition:\n"
    yield indent(_dumped({key: value for key, value in document.items() if key != "States"}, flow=False), "  ")
    yield "  States:\n"
    for name, state in states.items():
        yield f"    {name}: {_dumped(state, flow=True)}"


def _dumped(value: dict[str, Any], *, flow: bool) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=inf, default_flow_style=flow))


if __name__ == "__main__":
    PATH.write_text(written(PATH.read_text()))
