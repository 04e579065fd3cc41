"""A file that others see as it was, or whole, and never in part."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from jobrunner.cli.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file(tmp_path: Path) -> None:
    """It has the text, and what the umask allows; nothing is left beside it."""
    before = os.umask(0o027)
    try:
        assert 5 == write_whole(tmp_path / "page", "äöx")
    finally:
        os.umask(before)
    assert "äöx" == (tmp_path / "page").read_text(encoding="utf-8")
    assert 0o640 == stat.S_IMODE((tmp_path / "page").stat().st_mode)
    assert ["page"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_that_is_there(tmp_path: Path) -> None:
    """It is replaced; who has it open reads on in the old one."""
    path = tmp_path / "page"
    path.write_text("the old one", encoding="utf-8")
    with path.open(encoding="utf-8") as reading:
        write_whole(path, "new")
        assert "the old one" == reading.read()
    assert "new" == path.read_text(encoding="utf-8")


def test_through_a_link(tmp_path: Path) -> None:
    """The link stays one, and leads to the new text."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "page")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert "new" == (tmp_path / "deep" / "page").read_text(encoding="utf-8")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe is written to, and stays a pipe: in the place of /dev/null there must never be a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text(encoding="utf-8")))
    reader.start()
    write_whole(path, "through")
    reader.join()
    assert ["through"] == read
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    """It stays, and that is an error."""
    (tmp_path / "page").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "page", "new")
    assert ["page"] == [path.name for path in tmp_path.iterdir()]


def test_no_place_for_it(tmp_path: Path) -> None:
    """Without its directory there is no file."""
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "page", "new")


def test_it_does_not_fit(tmp_path: Path) -> None:
    """When the disk is full, the old file is there still, and nothing beside it."""
    path = tmp_path / "page"
    path.write_text("the old one", encoding="utf-8")
    beside = tmp_path / f".page.{os.getpid()}"
    beside.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert "the old one" == path.read_text(encoding="utf-8")
    assert ["page"] == [one.name for one in tmp_path.iterdir()]


def test_text_that_is_no_text(tmp_path: Path) -> None:
    """Half a surrogate, as a job's name may hold, becomes a question mark, and no failure."""
    write_whole(tmp_path / "page", "a\ud800b")
    assert b"a?b" == (tmp_path / "page").read_bytes()
