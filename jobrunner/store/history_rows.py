"""What history's file holds of a run: its figures in columns, and its notes as compressed JSON."""

from __future__ import annotations

import json
import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core.figures import Figures, figures_of
from jobrunner.core.history import Note, Source, better, entry_of, note_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The columns that figures are read from; the stage is that of the run's source.
FIGURES: Final = Figures._fields[1:]

#: What a note is made of. With it, zlib needs a third of what it needs without; to change a letter of it makes every
#: stored note unreadable, and so needs another `SCHEMA_VERSION`.
_DICTIONARY: Final = (
    b'[{"note":"execution","identity":{"run_id":"nightly@2026-01-01T00:00:00Z","job":"nightly","trigger":"schedule'
    b'","scheduled_time":null},"name":"2026-01-01T00.00.00Z","running":false,"end":null},{"note":"launch","identit'
    b'y":{"run_id":"","job":"","trigger":"manual","scheduled_time":"2026-01-01T00:00:00.000Z"},"attempt":1,"at":"2'
    b'026-01-01T00:00:00.000Z","main":"main","task":{"task_arn":"arn:aws:ecs:eu-west-1:123456789012:task/jobrunner'
    b'/","last_status":"STOPPED","desired_status":"STOPPED","stop_code":"EssentialContainerExited","stopped_reason'
    b'":"Essential container in task exited","task_definition_arn":"arn:aws:ecs:us-east-1:000000000000:task-defini'
    b'tion/jobrunner-","started_by":"jobrunner/jobrunner-schedule/","group":"jobrunner--","main":"main","cpu":1024'
    b',"memory":2048,"ephemeral_storage":20,"architecture":"x86_64","operating_system":"LINUX","launch_type":"FARG'
    b'ATE","capacity_provider":"FARGATE_SPOT","created_at":"2026-","pull_started_at":"2026-","pull_stopped_at":"20'
    b'26-","started_at":"2026-","stopping_at":"2026-","execution_stopped_at":"2026-","stopped_at":"2026-","contain'
    b'ers":[{"name":"main","last_status":"STOPPED","exit_code":0,"reason":null}],"environment":{"JOBRUNNER_JOB":""'
    b',"JOBRUNNER_RUN_ID":"","JOBRUNNER_ATTEMPT":"1","JOBRUNNER_TRIGGER":"schedule","JOBRUNNER_SCHEDULED_TIME":"20'
    b'26-01-01T00:00:00Z"}},"outcome":{"run_id":"","job":"","attempt":1,"verdict":"failed","reason":"exit","exit_c'
    b'ode":1,"detail":"exit code 1","verdict":"succeeded","reason":"exit","exit_code":0,"detail":"exit code 0","ta'
    b'sk_arn":"arn:aws:ecs:eu-west-1:","created_at":"2026-","pull_started_at":"2026-","started_at":"2026-","stoppe'
    b'd_at":"2026-","billed_seconds":60,"cost_usd":"0.000","capacity":"on-demand","capacity":"spot","logs":{"compl'
    b'ete":true,"events":0},"logs":{"complete":false,"events":0,"reason":"the log was not read"},"earlier":[]},"ve'
    b'rsion":6,"on_demand_usd":"0.000","teller":"aws","teller":"record"}]'
)


_JSON: Final = json.JSONEncoder(separators=(",", ":"))
#: 8 KiB, as much as a dictionary and a note; and memory for hashes of so much. More takes longer to clear than to use.
_WINDOW: Final = 13
_MEMORY: Final = 6


class UnreadableError(ValueError):
    """What is stored of a run is not what was stored."""


def packed(notes: Iterable[Note]) -> bytes:
    """Give the bytes of a run's notes; the same ones for the same notes, in whatever order."""
    documents = [note.to_json() for note in sorted(notes, key=lambda note: note.key)]
    packer = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY, zdict=_DICTIONARY)
    return packer.compress(_JSON.encode(documents).encode()) + packer.flush()


def unpacked(stored: object) -> list[Note]:
    """Read what `packed` gave.

    Raises:
        UnreadableError: It is something else.
    """
    try:
        unpacker = zlib.decompressobj(zdict=_DICTIONARY)
        text = unpacker.decompress(stored)  # type: ignore[arg-type]  # what a damaged file holds may be anything
        if not unpacker.eof:
            raise UnreadableError("the notes of a run are cut off")
        return [note_from_json(document) for document in json.loads(text)]
    except (zlib.error, ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise UnreadableError(f"the notes of a run cannot be read: {error}") from error


def merged(stored: Iterable[Note], fresh: Iterable[Note]) -> list[Note] | None:
    """Give the notes that stay; None when those that are stored say it all."""
    before = {note.key: note for note in stored}
    after = dict(before)
    for note in fresh:
        after[note.key] = better(note, after.get(note.key))
    return None if after == before else list(after.values())


def row_of(source: Source, notes: Iterable[Note]) -> dict[str, Any]:
    """Give the columns of a run, but for those that say whose it is."""
    entry = entry_of(source, notes)
    return {"run_id": entry.identity.run_id, **figures_of(entry)._asdict()}


def figures_from(stage: str | None, row: tuple[Any, ...]) -> Figures:
    """Read the columns `FIGURES`.

    Raises:
        UnreadableError: They hold something else.
    """
    job, trigger, due, verdict, skipped, *numbers = row
    if type(due) is not int:
        raise UnreadableError(f"the figures of a run cannot be read: {row}")
    return Figures(stage, job, trigger, due, verdict, bool(skipped), *numbers)


def task_number(task_arn: str) -> int:
    """Give a number of 64 bits for a task, by which its run is found; two tasks may, just possibly, have the same."""
    return int.from_bytes(blake2b(task_arn.encode(), digest_size=8).digest(), "big", signed=True)


def tasks_of(notes: Iterable[Note]) -> set[str]:
    """Give the tasks that notes are about."""
    return {arn for note in notes if (arn := getattr(note, "task_arn", None)) is not None}
