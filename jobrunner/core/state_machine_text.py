"""JSONata as text: what the state machine of scheduled runs is written in.

An expression stands between `{%` and `%}`. Only what JSONata 2.0.6 has is used, the version that Step Functions
names, so no `??` and no `?:` without a condition; `$eval` is not there either. What is read here has comments and white
space; what is deployed has not, because CloudFormation takes a template of 51,200 bytes. What to know of the language:

- A sequence of one is that one, and of none is nothing. `[ … ]` around it makes an array of it again.
- Nothing is not null: a comparison with it is false, `!=` included, so `$not(a = b)` stands where the difference
  counts. A variable of the machine cannot hold nothing; and nothing is decided here by a null in one, because engines
  differ in whether they give that back as null or as nothing: what may be null in the input, the first state reads.
- A variable of the machine cannot hold a function: each expression brings along the functions that it needs.

Source: Step Functions developer guide, "Transforming data with JSONata".
"""

from __future__ import annotations

import json
import re
from textwrap import dedent, indent
from typing import Any, Final

#: What a reader of the source needs and the machine does not: comments and white space, but not inside of strings.
_GAP: Final = re.compile(r"(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?:\s|/\*.*?\*/)+", re.DOTALL)
#: Beside these, white space separates nothing; between two operators it may, and names end at no `$` and no quote.
_BRACKETS: Final = "()[]{},;"
_OPERATORS: Final = ":=?&<>!+-*/"


def literal(value: Any) -> str:
    """Write a JSON value in JSONata."""
    if isinstance(value, str) and not any(mark in value for mark in "'\\\n"):
        return f"'{value}'"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def rows(values: list[dict[str, Any]]) -> str:
    """Write a table: one row a line."""
    return "[\n" + indent(",\n".join(map(literal, values)), "  ") + "\n]"


def filled(text: str, **values: str) -> str:
    """Put texts in the places of `<<name>>`: JSONata has braces of its own. Its lines begin at the margin."""
    text = dedent(text).strip()
    for name, value in values.items():
        text = text.replace(f"<<{name}>>", value)
    return text


def block(*parts: str) -> str:
    """Give a block: definitions, each ending in a semicolon, and at last the value."""
    return "(\n" + indent("\n".join(dedent(part).strip() for part in parts), "  ") + "\n)"


def expression(*parts: str) -> str:
    """Give the expression of a field: a plain one, or several parts as a block."""
    return f"{{%{compact(parts[0] if len(parts) == 1 else block(*parts))}%}}"


def compact(source: str) -> str:
    """Write an expression in one line, without what separates nothing."""

    def kept(gap: re.Match[str]) -> str:
        if gap["string"] is not None:
            return gap["string"]
        around = source[gap.start() - 1] + source[gap.end()]
        separate = any(mark in _BRACKETS for mark in around) or sum(mark in _OPERATORS for mark in around) == 1
        return "" if separate else " "

    source = source.strip()
    return _GAP.sub(kept, source)
