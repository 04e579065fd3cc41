"""What every part of a document has in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Part(BaseModel):
    """A frozen piece of a document that knows its keys and refuses others.

    A key whose value is None is a key that was not written: `memory: null` in a job takes the project's
    default away again.
    """

    # defer_build: a part is compiled once, inside the model that is validated, and not once more by itself at
    # import. hide_input: a ValidationError that reaches a log must not carry a pasted secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _none_is_not_set(cls, data: Any) -> Any:
        if isinstance(data, dict) and None in data.values():
            return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
        return data
