"""`jobrunner schema`: JSON Schema of the documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from jobrunner.cli.options import shared

if TYPE_CHECKING:
    from jobrunner.cli.invocation import Invocation


@click.command("schema")
@click.argument("document", type=click.Choice(["job", "project"]), default="job")
@shared
@click.pass_obj
def command(invocation: Invocation, *, document: str) -> int:
    """Print the JSON Schema of the documents, for editors.

    job (the default) describes jobs/*.yaml, project describes jobrunner.yaml. An editor with a YAML language
    server reads it from a first line such as: # yaml-language-server: $schema=job.schema.json
    """
    from jobrunner.document import job_schema, project_schema

    schema = job_schema() if document == "job" else project_schema()
    if invocation.json:
        invocation.write_json(schema)
    else:
        invocation.terminal.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0
