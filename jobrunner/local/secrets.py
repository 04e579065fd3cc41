"""Secrets of a container, read from moto's Secrets Manager and Parameter Store.

Forms of `valueFrom` (developer guide, "Pass sensitive data"): a Secrets Manager ARN, optionally followed by
`:json-key:version-stage:version-id`; a Parameter Store ARN, or a parameter's name.
"""

from __future__ import annotations

import importlib
import json
from typing import Any, Final

from jobrunner.core import local_stage

#: arn:aws:secretsmanager:region:account:secret:name, before the optional parts.
_SECRET_ARN_PARTS: Final = 7

_FAILED: Final = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
)


class SecretError(Exception):
    """A secret cannot be read; the text is the stopped reason."""


def read_secrets(wanted: list[dict[str, str]], region: str) -> dict[str, str]:
    """The values by the name of the environment variable. Imports moto's services: not for the event loop.

    Raises:
        SecretError: One of them cannot be read.
    """
    found = {}
    for secret in wanted:
        source = secret["valueFrom"]
        read = _secret if ":secretsmanager:" in source else _parameter
        try:
            found[secret["name"]] = read(source, region)
        except SecretError:
            raise
        except Exception as error:
            raise SecretError(_words(source, region, error)) from error
    return found


def _secret(source: str, region: str) -> str:
    parts = source.split(":")
    arn, rest = ":".join(parts[:_SECRET_ARN_PARTS]), [*parts[_SECRET_ARN_PARTS:], "", "", ""]
    key, stage, version = rest[:3]
    models = importlib.import_module("moto.secretsmanager.models")
    backend = models.secretsmanager_backends[local_stage.ACCOUNT_ID][parts[3] or region]
    value = backend.get_secret_value(arn, version or None, stage or None)
    text = value.get("SecretString")
    if text is None:
        text = value["SecretBinary"].decode()
    if not key:
        return str(text)
    document = json.loads(text)
    if key not in document:
        raise SecretError(
            f"{_FAILED}unable to retrieve secret from asm: service call has been retried 1 time(s): "
            f"retrieved secret from Secrets Manager did not contain json key {key}"
        )
    return _plain(document[key])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _parameter(source: str, region: str) -> str:
    name = source
    if source.startswith("arn:"):
        region = source.split(":")[3] or region
        name = source.partition(":parameter")[2]
    models = importlib.import_module("moto.ssm.models")
    backend = models.ssm_backends[local_stage.ACCOUNT_ID][region]
    parameter = backend.get_parameter(name) or backend.get_parameter(name.lstrip("/"))
    if parameter is None:
        raise SecretError(
            f"{_FAILED}unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
            f"invalid parameters: {name}"
        )
    return str(parameter.response_object(decrypt=True)["Value"])


def _words(source: str, region: str, error: Exception) -> str:
    store = "asm" if ":secretsmanager:" in source else "ssm"
    return (
        f"{_FAILED}unable to retrieve secret from {store}: service call has been retried 1 time(s): "
        f"failed to fetch secret {source} from {region}: {getattr(error, 'message', None) or error}"
    )
