"""What has been told: once for all processes of a machine."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobrunner.errors import StoreError
from jobrunner.store.told import KEPT_DAYS, open_told

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_first_claims(tmp_path: Path) -> None:
    """Any other process is too late, until the claim is given back; other events are other claims."""
    one, other = open_told(tmp_path), open_told(tmp_path)
    assert [True, False, False, True] == [
        one.claim("a", NOW),
        other.claim("a", NOW),
        one.claim("a", NOW),
        other.claim("b", NOW),
    ]
    other.forget("a")
    other.forget("never claimed")
    assert [True, False] == [one.claim("a", NOW), one.claim("b", NOW)]


def test_of_many_at_once_one_claims(tmp_path: Path) -> None:
    """Each with its own connection, as processes have, on a file that is not there yet."""
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: open_told(tmp_path).claim("a", NOW), range(32)))
    assert 1 == sum(claimed)


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    """With the next claim, so that the file does not grow for ever."""
    told = open_told(tmp_path)
    told.claim("old", NOW)
    told.claim("new", NOW + timedelta(days=KEPT_DAYS, seconds=1))
    assert [True, False] == [told.claim(what, NOW + timedelta(days=KEPT_DAYS, seconds=2)) for what in ("old", "new")]


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """It and its directory, which is made."""
    open_told(tmp_path / "state").claim("a", NOW)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state", tmp_path / "state" / "told.sqlite")]
    assert [0o700, 0o600] == modes


@pytest.mark.parametrize("call", ["claim", "forget"])
def test_a_file_that_is_damaged(tmp_path: Path, call: str) -> None:
    """It is said which, and that it may go."""
    (tmp_path / "told.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 100)
    told = open_told(tmp_path)
    with pytest.raises(StoreError, match="what has been told cannot be stored: file is not a database") as caught:
        told.claim("a", NOW) if call == "claim" else told.forget("a")
    assert (str(tmp_path / "told.sqlite"), True) == (caught.value.where, "deleted" in str(caught.value.hint))


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """That is an error of the store as well."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="what has been told cannot be stored"):
        open_told(tmp_path / "file").claim("a", NOW)
