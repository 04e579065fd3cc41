"""What a container's process finds in its environment."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.task import Container, Task

#: Static credentials of the endpoint, which checks none. moto takes the account from the access key, and any key
#: that it did not make itself means the account of `core.local_stage`.
ACCESS_KEY_ID: Final = "jobrunner-local"
SECRET_ACCESS_KEY: Final = "jobrunner-local"  # noqa: S105 - opens nothing


def container_environment(container: Container, task: Task, *, url: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container's process.

    A container on Fargate knows nothing of the machine that called RunTask, so little is inherited: enough that
    programs are found (`python` is the interpreter that runs the endpoint, with its packages). Then what ECS
    sets, what points AWS clients at this endpoint, what the definition and the overrides say, and the secrets.
    """
    return {
        **_base(),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": task.region,
        "AWS_REGION": task.region,
        "AWS_ENDPOINT_URL": url,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "ECS_CONTAINER_METADATA_URI_V4": f"{url}/v4/{container.runtime_id}",
        **{pair["name"]: pair["value"] for pair in container.definition["environment"]},
        **secrets,
    }


def _base() -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    base = {
        "PATH": os.pathsep.join([programs, os.environ.get("PATH") or os.defpath]),
        "HOME": os.environ.get("HOME") or str(Path("~").expanduser()),
        "LANG": os.environ.get("LANG") or "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
    }
    if sys.prefix != sys.base_prefix:
        base["VIRTUAL_ENV"] = sys.prefix
    return base


def client_environment(url: str, region: str) -> dict[str, str]:
    """What points any AWS client at an endpoint."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": region,
    }
