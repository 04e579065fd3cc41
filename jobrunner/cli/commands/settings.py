"""`jobrunner settings`: what is in effect, and where it comes from."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from jobrunner.cli import words
from jobrunner.cli.harmless import harmless_line
from jobrunner.cli.options import shared
from jobrunner.cli.session import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.cli.invocation import Invocation
    from jobrunner.core.settings import Settings

#: Attribute → the key that a person writes.
_WRITTEN = {"local_startup": "local.startup", "local_deprovision": "local.deprovision"}


@click.command("settings")
@shared
@click.pass_obj
def command(invocation: Invocation) -> int:
    """Print every setting in effect, and where it comes from.

    A flag wins over the environment, that over the stage, that over the project file, that over the default.
    """
    project = load(invocation)
    rows = list(effective(project.settings, stage_flag=invocation.stage_named))
    if invocation.json:
        invocation.write_json({key: {"value": value, "origin": origin} for key, value, origin in rows})
    else:
        cells = ((key, harmless_line(_shown(value)), harmless_line(origin)) for key, value, origin in rows)
        invocation.terminal.write(words.table(("KEY", "VALUE", "ORIGIN"), cells))
    return 0


def effective(settings: Settings, *, stage_flag: str | None) -> Iterator[tuple[str, Any, str]]:
    """Give key, value as JSON, and origin of each setting."""
    for field in fields(settings):
        if field.name == "provenance":
            continue
        key = _WRITTEN.get(field.name, field.name)
        value = getattr(settings, field.name)
        if field.name == "network":
            for name, part in value.model_dump(mode="json").items():
                yield f"network.{name}", part, _origin(settings, f"network.{name}")
        elif field.name == "tags":
            yield key, dict(value), _origin(settings, key)
        elif field.name == "stage" and stage_flag is not None:
            yield key, value, "flag"
        else:
            plain = value if isinstance(value, str | int | float | bool | None) else str(value)
            yield key, plain, _origin(settings, key)


def _origin(settings: Settings, key: str) -> str:
    """Give the origin of a key, or those of the keys below it."""
    known = settings.provenance
    if key in known:
        return known[key]
    below = dict.fromkeys(origin for name, origin in known.items() if name.startswith(f"{key}."))
    return ", ".join(below) or "default"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items()) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
