"""What of a request people may see: not what looks like a secret.

Secrets belong under `secrets:`, of which AWS only gets references. People write them into variables and commands all
the same, and a plan ends up in the log of a CI job.
"""

from __future__ import annotations

import re
from typing import Any, Final

HIDDEN: Final = "(hidden)"
CHANGED: Final = "(hidden, changed)"

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORDS: Final = frozenset(
    {"token", "tokens", "password", "passwords", "passwd", "passphrase", "pass", "pwd", "secret", "secrets", "key",
     "keys", "apikey", "credential", "credentials", "creds", "dsn", "auth", "authorization", "bearer", "cookie"}
)  # fmt: skip
#: As one word with something before it: PGPASSWORD, GITHUBTOKEN. (`key` is not one of them: MONKEY.)
_ENDINGS: Final = ("password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "credentials")
#: `scheme://user:password@host`.
_CREDENTIALS_IN_URL: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def looks_secret(name: str) -> bool:
    """Tell whether a variable, or a key, of this name probably holds a secret; a guess, word by word."""
    words = [word.lower() for word in _WORD.findall(name)]
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in words)


def masked(value: Any) -> Any:
    """Give a value whose name says nothing, without the secrets that it shows by itself.

    That is a URL with a password in it; and in a list of words, a command for instance, what belongs to an option
    whose name looks secret: `--token=…`, and the word after `--token`.
    """
    if isinstance(value, str):
        return HIDDEN if _CREDENTIALS_IN_URL.search(value) else value
    if not isinstance(value, list):
        return value
    return [HIDDEN if _follows(value, number) else _without_value(word) for number, word in enumerate(value)]


def _follows(words: list[Any], number: int) -> bool:
    option = words[number - 1] if number else None
    return isinstance(option, str) and option.startswith("-") and "=" not in option and looks_secret(option)


def _without_value(word: Any) -> Any:
    if isinstance(word, dict | list):
        return HIDDEN
    if not isinstance(word, str):
        return word
    name, equals, _ = word.partition("=")
    return f"{name}={HIDDEN}" if equals and looks_secret(name) else masked(word)
