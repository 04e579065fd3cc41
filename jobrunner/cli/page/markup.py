"""Text of others in HTML and in the data of the page: it stays text, whatever it holds."""

from __future__ import annotations

import html
import json
from typing import Any, Final

from jobrunner.cli.harmless import harmless, harmless_line

# In a script element only `<` could end it, or begin a comment that hides its end (HTML, "Restrictions for contents of
# script elements"); the others for whoever moves the text into an attribute.
_ESCAPES: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def escaped(text: str) -> str:
    """Give text for an element or a quoted attribute; what reorders or hides text becomes visible."""
    return html.escape(harmless(text))


def named(text: str) -> str:
    """Give a name for an element: one line, and its direction changes nothing around it."""
    return f"<bdi>{html.escape(harmless_line(text))}</bdi>"


def embedded(value: Any) -> str:
    """Give JSON for a script element that holds data."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)
