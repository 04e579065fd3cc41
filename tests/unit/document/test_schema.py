"""The JSON Schemas accept what the loader accepts, refuse misspelt keys and explain every key."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from strategies import job_documents

from jobrunner.core.spec import JobSpec
from jobrunner.document import job_schema, load_job_text, load_project, project_schema
from jobrunner.document.parse import parse
from jobrunner.document.tree import plain
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@cache
def validator(kind: str) -> Draft202012Validator:
    """The validator of jobs or of project files."""
    return Draft202012Validator({"job": job_schema, "project": project_schema}[kind]())


def as_editor(value: Any) -> Any:
    """The value as an editor sees it, by YAML 1.2's core schema: numbers and booleans are no texts."""
    if isinstance(value, dict):
        return {key: as_editor(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_editor(inner) for inner in value]
    if value in {"true", "false"}:
        return value == "true"
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return float(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", value) else value


def accepts(kind: str, text: str) -> bool:
    """Whether an editor finds nothing wrong with the text."""
    nodes, _ = parse(text, file="f")
    return all(validator(kind).is_valid(as_editor(plain(node))) for node in nodes)


@pytest.mark.parametrize("schema", [job_schema(), project_schema()])
def test_they_are_schemas(schema: dict[str, Any]) -> None:
    """They are valid by the dialect that they name."""
    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]
    Draft202012Validator.check_schema(schema)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every part of a schema that describes keys."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema.get("properties"), dict):
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


@pytest.mark.parametrize("schema", [job_schema(), project_schema()])
def test_every_key_is_explained(schema: dict[str, Any]) -> None:
    """An editor has a sentence for each key, and none for keys that do not exist."""
    for one in objects(schema):
        assert False is one["additionalProperties"]
        assert [] == [key for key, value in one["properties"].items() if not value.get("description", "").endswith(".")]


def test_no_marks_are_left() -> None:
    """The marks by which the schema was made are not part of it, nor are titles that repeat a key."""
    text = str(job_schema()) + str(project_schema())
    assert [False, False, False] == [word in text for word in ("x-single", "x-short", "'title': 'Cpu'")]


GOOD = [
    "image: a",
    "{name: x, image: a, cpu: 256, memory: 512}",
    "{image: a, environment: {DEBUG: 1, RATE: 0.5, ON: true, EMPTY: ''}}",
    "{image: a, command: python -m etl}",
    "{image: a, command: [sleep, 1], entrypoint: [sh]}",
    "{image: a, params: {day: , n: 3, m: {default: 5, description: x}}}",
    "{image: a, schedule: {cron: '@daily', timezone: Europe/London}}",
    "{image: a, schedule: [{rate: 1 hour}, {at: 2026-12-01T09:00}]}",
    "{image: a, retries: {attempts: 3, on: infrastructure}}",
    "{image: a, retries: {attempts: 3, on: [infrastructure, 75]}, timeout: 90}",
    "{image: a, paused: yes, memory: , sidecars: {db: {image: b, health_check: {command: 'true'}}}}",
    "{image: a, env_file: 'arn:aws:s3:::bucket/a.env', notify: {webhook: 'https://x', on: failure}}",
    "{task_definition: etl:7, container: app, jitter: 5m, network: {assign_public_ip: true, security_groups: []}}",
    "{image: a, timeout: 1 hour, stop_timeout: 1m 30s, cpu: .25 vcpu, memory: 0.5 gb}",
]


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    """What the loader accepts, the editor accepts."""
    load_job_text(text, name="x")
    assert accepts("job", text)


@pytest.mark.parametrize(
    "text",
    [
        "{imag: a}",
        "{image: a, sidecars: {db: {image: b, comand: c}}}",
        "{image: a, sidecars: {db: {}}}",
        "{image: a, schedule: {crn: '@daily'}}",
        "{image: a, schedule: [{crn: '@daily'}]}",
        "{image: a, params: {day: {defualt: x}}}",
        "{image: a, params: {a b: x}}",
        "{image: a, architecture: amd64}",
        "{image: a, retries: {attempt: 3}}",
        "{image: a, retries: 3}",
        "{image: a, environment: {A: }}",
        "{image: a, environment: {A: {b: c}}}",
        "{image: a, cpu: 0.5}",
        "{image: a, cpu: 500m}",
        "{image: a, timeout: soon}",
        "{image: a, network: {subnets: [x]}}",
        "{image: a, network: {subnets: []}}",
        "{image: a, command: []}",
        "{image: a b}",
        "{image: a, paused: maybe}",
    ],
)
def test_bad(text: str) -> None:
    """What the editor refuses, the loader refuses too."""
    assert not accepts("job", text)
    with pytest.raises(SpecError):
        load_job_text(text, name="x")


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
@given(job_documents())
def test_every_valid_job(document: dict[str, Any]) -> None:
    """Every job that the strategies make is valid in an editor, as texts and as numbers."""
    assert [] == [error.message for error in validator("job").iter_errors(document)]
    assert [] == [error.message for error in validator("job").iter_errors(as_editor(document))]


PROJECTS = [
    "",
    "{project: x, region: eu-west-1, default_stage: local, jobs: work, log_retention: 30, log_settle: 5}",
    "{budget: 25 USD, stages: {prod: {budget: 0.50}, dev: {budget: $1.5}}}",
    "{endpoint: local, local: {startup: 30s, deprovision: 20}, on_interrupt: detach, tags: {a: 1}}",
    "{defaults: {cpu: 256, environment: {A: 1}}, stages: {prod: {region: eu-west-2, defaults: {memory: 1 GB}}, dev: }}",
]


@pytest.mark.parametrize("text", PROJECTS)
def test_good_projects(text: str, tmp_path: Path) -> None:
    """What the loader accepts as a project, the editor accepts."""
    (tmp_path / "jobrunner.yaml").write_text(text)
    (tmp_path / "work").mkdir()
    load_project(tmp_path, environ={})
    assert accepts("project", text)
    assert validator("project").is_valid(None)


@pytest.mark.parametrize(
    "text",
    [
        "{regoin: x}",
        "{stages: {prod: {regoin: x}}}",
        "{stages: {prod: {project: x}}}",
        "{stages: {a b: {}}}",
        "{defaults: {comand: x}}",
        "{defaults: {name: x}}",
        "{stages: {prod: {defaults: {comand: x}}}}",
        "{region: Europe}",
        "{on_interrupt: kill}",
        "{budget: 25 EUR}",
        "{budget: 0}",
    ],
)
def test_bad_projects(text: str, tmp_path: Path) -> None:
    """What the editor refuses in a project file, the loader refuses too."""
    assert not accepts("project", text)
    (tmp_path / "jobrunner.yaml").write_text(text)
    with pytest.raises(SpecError):
        load_project(tmp_path, environ={})


def test_every_key_of_a_job_is_there() -> None:
    """The schema has the keys of the model, no more and no fewer."""
    assert set(JobSpec.model_fields) == set(job_schema()["properties"])
