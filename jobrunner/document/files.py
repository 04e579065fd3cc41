"""Reading a document's bytes: whatever stands at the path, the answer is text or one clear problem."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from jobrunner.core.wording import visible
from jobrunner.errors import Problem, SpecError

if TYPE_CHECKING:
    from pathlib import Path

#: A document that a person wrote is a few kilobytes; a file of this size is something else.
MAX_BYTES = 1_048_576

# What YAML 1.2, section 5.1, allows: tab, line breaks and printable characters.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def shown(path: Path) -> str:
    """The path as the user would type it: relative to the current directory."""
    try:
        return visible(os.path.relpath(path))
    except (OSError, ValueError):  # the current directory is gone, or on another drive
        return visible(str(path))


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        SpecError: It cannot be read, is no regular file, is too large or is not UTF-8; with the position.
    """
    file = shown(path)
    try:
        content = _read(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SpecError([Problem(_reason(path, error), file=file)]) from None
    return decode(content, file=file)


def _reason(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError) and os.path.islink(path):  # noqa: PTH114  # unlike Path's, it never raises
        return f"the symbolic link points to {os.readlink(path)}, which does not exist"  # noqa: PTH115
    if isinstance(error, OSError):
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    return "cannot be read: no path has a NUL character in it"


def _read(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a named pipe that nobody writes to never returns.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "a special file"
            raise OSError(f"it is {kind}, not a file")
        with open(descriptor, "rb", closefd=False) as stream:  # it is open already
            return stream.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def decode(content: bytes, *, file: str) -> str:
    """UTF-8 text of the bytes, without a byte order mark.

    Raises:
        SpecError: The bytes are too many, or not UTF-8, or not text.
    """
    if len(content) > MAX_BYTES:
        raise SpecError(
            [Problem(f"the file is larger than {MAX_BYTES >> 20} MiB, the limit for a document", file=file)]
        )
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise SpecError([Problem("the file is UTF-16; save it as UTF-8", file=file)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the byte order mark.
        start = error.start + (3 if content.startswith(b"\xef\xbb\xbf") else 0)
        before = content[:start].decode("utf-8-sig")
        message = f"byte 0x{content[start]:02x} at offset {start} is not UTF-8; save the file as UTF-8"
        raise SpecError([at(before, message, file=file)]) from None
    return printable(text, file=file)


def printable(text: str, *, file: str) -> str:
    """The text, without a byte order mark.

    Raises:
        SpecError: It has a character that YAML does not allow, such as NUL.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        raise SpecError(
            [Problem(f"the text is larger than {MAX_BYTES >> 20} MiB, the limit for a document", file=file)]
        )
    match = _UNPRINTABLE.search(text)
    if match is not None:
        name = "a NUL character" if match[0] == "\0" else f"the control character U+{ord(match[0]):04X}"
        raise SpecError([at(text[: match.start()], f"{name} is not allowed in a document", file=file)])
    return text


def at(before: str, message: str, *, file: str) -> Problem:
    """A problem at the end of this beginning of the text."""
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Problem(message, file=file, line=line, column=column)
