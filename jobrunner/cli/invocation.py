"""What the shared options of one call of the command line say."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jobrunner.cli.terminal import Terminal
from jobrunner.core import local_stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(kw_only=True)
class Invocation:
    """One call; filled in by `jobrunner.cli.options.shared` wherever the options stand.

    Attributes:
        project: The directory that was named, or None.
        stage: The stage that was named, or None.
        local: Whether `--local` was given.
        output: `text` or `json`; or `table`, which is text, or `csv`, of a command that writes it.
    """

    project: str | None = None
    stage: str | None = None
    local: bool = False
    output: str = "text"
    terminal: Terminal = field(default_factory=Terminal)

    @property
    def json(self) -> bool:
        """Whether stdout is JSON lines."""
        return self.output == "json"

    @property
    def csv(self) -> bool:
        """Whether stdout is CSV."""
        return self.output == "csv"

    @property
    def stage_named(self) -> str | None:
        """The stage that the options name."""
        return local_stage.STAGE if self.local else self.stage

    @cached_property
    def directory(self) -> Path:
        """The project's directory.

        Raises:
            SpecError: The named directory does not exist.
        """
        from pathlib import Path

        from jobrunner.document import find_project

        return find_project(given=Path(self.project) if self.project is not None else None)

    def command(self, *words: str) -> str:
        """Give a command to type next, with the shared options of this one."""
        given = ["--local"] if self.local else ["--stage", self.stage] if self.stage else []
        given += ["--project", self.project] if self.project is not None else []
        return shlex.join(["jobrunner", *words, *given])

    def write_json(self, *documents: Mapping[str, Any]) -> None:
        """Write JSON lines to stdout, at once; in ASCII, so that no reader can find another end of a line in them."""
        import json

        text = "".join(json.dumps(document, separators=(",", ":")) + "\n" for document in documents)
        self.terminal.write(text)

    def note(self, text: str) -> None:
        """Narrate on stderr."""
        self.terminal.say(f"jobrunner: {text}")
