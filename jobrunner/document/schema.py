"""JSON Schema 2020-12 of the documents, so that an editor completes and explains the keys.

pydantic writes the schema of the models. A document is wider than that: an editor sees numbers and booleans
where the loader reads text, a key may be left empty, and some values have a short form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobrunner.core.settings import ProjectFile
from jobrunner.core.spec import JobSpec
from jobrunner.core.spec_checks import NEVER_A_DEFAULT

if TYPE_CHECKING:
    from jobrunner.core.part import Part

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: What an editor takes for a scalar that the loader reads as text.
_SCALAR = ["string", "number", "boolean"]
_JOB = "#/$defs/Job"

#: Keywords of a schema whose values are values, and no schemas.
_VALUES = frozenset({"default", "examples", "enum", "properties"})

Json = dict[str, Any]


def job_schema() -> Json:
    """The schema of a job's document. A job's `name` and, where the project has a default, `image` may be missing."""
    schema = _document(JobSpec)
    schema.pop("required")
    return _headed(schema, "A job of jobrunner", "One container image and how, where and when it runs on AWS Fargate.")


def project_schema() -> Json:
    """The schema of `jobrunner.yaml`."""
    schema, job = _document(ProjectFile), _document(JobSpec)
    job.pop("required")
    job.pop("$schema", None)
    for key in NEVER_A_DEFAULT:
        job["properties"].pop(key)
    schema["$defs"] |= job.pop("$defs") | {"Job": job}
    for layer in (schema, schema["$defs"]["Overlay"]):
        layer["properties"]["defaults"] = {
            "description": layer["properties"]["defaults"]["description"],
            "anyOf": [{"$ref": _JOB}, {"type": "null"}],
        }
    stages = schema["properties"]["stages"]
    (pattern,) = stages["patternProperties"]
    stages["patternProperties"][pattern] = {"anyOf": [stages["patternProperties"][pattern], {"type": "null"}]}
    schema["type"] = ["object", "null"]  # an empty project file is a project with every default
    return _headed(schema, "A project of jobrunner", "Where and how the jobs of this project run.")


def _headed(schema: Json, title: str, description: str) -> Json:
    return {"$schema": DIALECT, **schema, "title": title, "description": description}


def _document(model: type[Part]) -> Json:
    widened: Json = _widened(model.model_json_schema())
    return widened


def _widened(node: Any) -> Any:
    """The schema as it has to be for a document, from the leaves up."""
    if isinstance(node, list):
        return [_widened(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    made = {key: inner if key in _VALUES else _widened(inner) for key, inner in node.items()}
    if "properties" in node:
        # Its entries are keys of a document, whatever they are called: a parameter has a `default`.
        made["properties"] = {key: _widened(inner) for key, inner in node["properties"].items()}
        made = _object(made)
    if made.get("type") == "string" and "enum" not in made:
        made["type"] = _SCALAR
    if "patternProperties" in made:
        made["additionalProperties"] = False
    return _short(made)


def _object(schema: Json) -> Json:
    """A model: every key that is not required may be left empty; titles repeat the keys and go."""
    required = schema.get("required", [])
    properties = {}
    for key, value in schema["properties"].items():
        value.pop("title", None)
        if value.get("default", 0) is None:
            del value["default"]
        properties[key] = value if key in required else _nullable(value)
    return {**schema, "properties": properties}


def _nullable(schema: Json) -> Json:
    """The schema that accepts null too, as flat as it can be: editors explain flat ones best."""
    about = {key: value for key, value in schema.items() if key in {"description", "default", "examples"}}
    rest = {key: value for key, value in schema.items() if key not in about}
    options = rest.pop("anyOf", None) or [rest]
    if {"type": "null"} not in options:
        options = [*options, {"type": "null"}]
    if len(options) == 2 and "type" in options[0] and "enum" not in options[0]:  # noqa: PLR2004  # the value, or null
        kinds = options[0]["type"]
        return {**options[0], **about, "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}
    return {**about, "anyOf": options}


def _short(schema: Json) -> Json:
    """The short forms: a list as its only entry, a parameter as its default."""
    if schema.pop("x-short", False):
        return {"description": schema.pop("description"), "anyOf": [schema, {"type": [*_SCALAR, "null"]}]}
    if schema.pop("x-single", False):
        about: Json = {key: schema.pop(key) for key in ("description", "default", "examples") if key in schema}
        return {**about, "anyOf": [schema, schema["items"]]}
    return schema
