"""Whatever stands at a path, reading it gives text or one clear problem, and never hangs."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import only_spec_errors

from jobrunner.document.files import MAX_BYTES, decode, read_text, shown
from jobrunner.errors import SpecError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: paths in messages are relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problem(path: str) -> str:
    """What is wrong with a file."""
    with pytest.raises(SpecError) as caught:
        read_text(Path(path))
    (one,) = caught.value.problems
    return str(one)


def test_text() -> None:
    """UTF-8 is read, without a byte order mark."""
    Path("a.yaml").write_bytes(b"\xef\xbb\xbfname: \xc3\xa9\r\n")
    assert "name: é\r\n" == read_text(Path("a.yaml"))


def test_what_is_no_file(tmp_path: Path) -> None:
    """A directory, a missing file, a dangling link, a loop, a pipe, a socket, an impossible name."""
    (tmp_path / "d.yaml").mkdir()
    (tmp_path / "dangling.yaml").symlink_to("gone.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert [
        "d.yaml: cannot be read: it is a directory, not a file",
        "gone.yaml: cannot be read: no such file or directory",
        "dangling.yaml: the symbolic link points to gone.yaml, which does not exist",
        "loop.yaml: cannot be read: too many levels of symbolic links",
        "pipe.yaml: cannot be read: it is a special file, not a file",
        f"{'x' * 300}: cannot be read: file name too long",
        "a\\x00b: cannot be read: no path has a NUL character in it",
        "d.yaml/x: cannot be read: no such file or directory",
    ] == [
        problem(name)
        for name in ("d.yaml", "gone.yaml", "dangling.yaml", "loop.yaml", "pipe.yaml", "x" * 300, "a\0b", "d.yaml/x")
    ]


def test_a_socket() -> None:
    """A socket cannot be opened at all."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.yaml")
        assert problem("s.yaml").startswith("s.yaml: cannot be read: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else() -> None:
    """A file without permission is named."""
    Path("secret.yaml").touch(mode=0)
    assert "secret.yaml: cannot be read: permission denied" == problem("secret.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: b\nc: \xff\n", "f:2:4: byte 0xff at offset 8 is not UTF-8; save the file as UTF-8"),
        (b"\xef\xbb\xbfa: \xe9", "f:1:4: byte 0xe9 at offset 6 is not UTF-8; save the file as UTF-8"),
        ("é: ".encode() + b"\xc3", "f:1:4: byte 0xc3 at offset 4 is not UTF-8; save the file as UTF-8"),
        ("a: b".encode("utf-16"), "f: the file is UTF-16; save it as UTF-8"),
        ("a: b".encode("utf-16-be"), "f:1:1: a NUL character is not allowed in a document"),
        (b"a: \x07", "f:1:4: the control character U+0007 is not allowed in a document"),
        (b"a" * (MAX_BYTES + 1), "f: the file is larger than 1 MiB, the limit for a document"),
    ],
)
def test_bytes_that_are_no_text(content: bytes, message: str) -> None:
    """The message has the place and the remedy."""
    with pytest.raises(SpecError) as caught:
        decode(content, file="f")
    assert message == str(caught.value)


def test_a_large_file_is_not_read_whole() -> None:
    """Of a file of many gigabytes, one megabyte is read."""
    with Path("huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert "huge.yaml: the file is larger than 1 MiB, the limit for a document" == problem("huge.yaml")


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """No bytes give anything but text or a SpecError."""
    with only_spec_errors():
        assert content.replace(b"\xef\xbb\xbf", b"") == decode(content, file="f").replace("\ufeff", "").encode()


def test_paths_are_shown_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is relative to the current directory; when that is gone, it stays as it is."""
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir("sub")
    assert "../jobrunner.yaml" == shown(tmp_path / "jobrunner.yaml")
    (tmp_path / "sub").rmdir()
    assert str(tmp_path / "jobrunner.yaml") == shown(tmp_path / "jobrunner.yaml")
