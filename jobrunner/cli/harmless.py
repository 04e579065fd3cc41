"""Text of others on a terminal: control sequences become visible, and harmless.

A log line may hold anything. Written to a terminal as it is, it could clear the screen, change its title, hide
text, or make the terminal answer as if somebody had typed. So on a terminal, and only there, every control
character is shown as `cat -v` shows it. Colours are no exception: a sequence that hides text is one of them.
"""

from __future__ import annotations

import re
from typing import Final

# C0 without tab and line feed, DEL, C1 (one-byte CSI, OSC, …), and the marks that reorder or hide what is read
# (Unicode TR36, "Bidirectional text spoofing"; CVE-2021-42574).
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_DELETE: Final = 0x7F
_FIRST_C1, _LAST_C1 = 0x80, 0x9F


def harmless(text: str) -> str:
    """Give the text with every control character but tab and line feed made visible: `^[`, `M-^[`, `<U+202E>`.

    A carriage return before a line feed, as Windows programs write it, is dropped.
    """
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(_visible, text.replace("\r\n", "\n"))


def harmless_line(text: str) -> str:
    """Give the text as one line: line feeds become visible too."""
    return harmless(text).replace("\n", "^J")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == _DELETE:
        return "^?"
    if code < _DELETE:
        return f"^{chr(code + 64)}"
    if _FIRST_C1 <= code <= _LAST_C1:
        return f"M-^{chr(code - 64)}"
    return f"<U+{code:04X}>"
