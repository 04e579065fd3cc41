"""The types of the keys of a document: text in, checked values out.

Every scalar of a document arrives as the text that was written, so each type here reads text; it reads its
own result too, so that a value can be validated again and a spec can be built from Python.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from jobrunner.core import durations, sizes
from jobrunner.core.frozen import FrozenDict
from jobrunner.core.params import tighten

if TYPE_CHECKING:
    from collections.abc import Callable

V = TypeVar("V")

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})


def matching(pattern: str, wanted: str) -> AfterValidator:
    """Text that the pattern matches in full; `wanted` completes the sentence "… is not"."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not {wanted}")
        return text

    return AfterValidator(check)


def parse_flag(value: object) -> bool:
    """True and false as YAML 1.1 spells them: true, yes, on; false, no, off, in any case."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{value!r} is neither true nor false")


def whole_number(low: int, high: int, unit: str = "", suffix: str = "") -> Callable[[object], int]:
    """A reader of whole numbers from low to high; text may carry the suffix (a regular expression)."""
    pattern = re.compile(rf"([0-9]{{1,12}})\s*(?:{suffix})?", re.I)

    def read(value: object) -> int:
        match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
        number = int(match[1]) if match else value
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"{value!r} is not a whole number{unit and ' of ' + unit}")  # noqa: TRY004  # pydantic collects ValueErrors only
        if not low <= number <= high:
            raise ValueError(f"{value} is out of range: {low} to {high}{unit and ' ' + unit}")
        return number

    return read


def duration(low: int, high: int, why: str) -> AfterValidator:
    """Seconds between two bounds; `why` says whose bounds they are."""

    def check(seconds: int) -> int:
        if not low <= seconds <= high:
            shown = durations.format_duration
            raise ValueError(f"{shown(seconds)} is out of range: {why} {shown(low)} to {shown(high)}")
        return seconds

    return AfterValidator(check)


def parse_words(value: object) -> object:
    """A command: a list stays; a string is split as a POSIX shell splits words, as Compose does.

    No shell runs it. So shell operators are refused, instead of being passed on as arguments.
    """
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(tighten(value))
        bare = list(shlex.shlex(value, posix=True, punctuation_chars=True))
    except ValueError as error:
        raise ValueError(f"{value!r} cannot be split into words: {str(error).lower()}; write a list") from None
    if any(word and not word.strip("();<>|&") for word in bare):
        raise ValueError(f"{value!r} needs a shell, and none runs it; write [sh, -c, {value!r}]")
    return words


def one_or_list(value: object) -> object:
    """A single text counts as a list of one."""
    return [value] if isinstance(value, str) else value


def _freeze(value: Mapping[str, V]) -> FrozenDict[str, V]:
    return FrozenDict(value)


def described(kind: str | list[str], **more: Any) -> WithJsonSchema:
    """What an editor should accept where the loader reads text."""
    return WithJsonSchema({"type": kind, **more})


FROZEN = AfterValidator(_freeze)

Seconds = Annotated[
    int,
    BeforeValidator(durations.parse_duration),
    described(["string", "integer"], examples=["30s", "90m", "1h30m"]),
]
Flag = Annotated[bool, BeforeValidator(parse_flag), described(["boolean", "string"], examples=[True, False])]
Cpu = Annotated[
    int,
    BeforeValidator(sizes.parse_cpu),
    described(["string", "number"], examples=["0.25 vCPU", "1 vCPU", 1024]),
]
Memory = Annotated[
    int,
    BeforeValidator(sizes.parse_memory),
    described(["string", "number"], examples=["512 MiB", "4 GB", 4096]),
]
Words = Annotated[tuple[str, ...], BeforeValidator(parse_words)]

CONTAINER_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
VARIABLE_NAME = r"[^=\s\x00]{1,255}"

Image = Annotated[
    str,
    # BC ecs ContainerDefinition.image: letters, digits, - _ : . / # and, for digests, @; up to 255.
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._:/#@-]{0,254}",
        "the name of an image, such as python:3.13-slim or repository@sha256:…",
    ),
]
Role = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}|[\w+=,.@-]{1,64}",
        "a role; write its name or its ARN, arn:aws:iam::ACCOUNT:role/NAME",
    ),
]
LogGroup = Annotated[
    str,
    matching(r"[.\-_/#A-Za-z0-9]{1,512}", "the name of a log group: up to 512 letters, digits and . - _ / #"),
]
Subnet = Annotated[str, matching(r"subnet-[0-9a-f]{8,17}", "a subnet id, such as subnet-0123456789abcdef0")]
SecurityGroup = Annotated[str, matching(r"sg-[0-9a-f]{8,17}", "a security group id, such as sg-0123456789abcdef0")]
WorkingDirectory = Annotated[str, matching(r"/[^\x00]*", "an absolute path in the container, such as /app")]
Text = Annotated[str, matching(r"[^\x00]*", "text without NUL characters")]


def _check_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    for name in environment:
        if re.fullmatch(VARIABLE_NAME, name) is None:
            raise ValueError(
                f"{name!r} cannot be the name of an environment variable: no spaces, no '=', at most 255 characters"
            )
        if name.startswith("JOBRUNNER_"):
            raise ValueError(f"{name!r} is set by jobrunner itself; choose a name without JOBRUNNER_")
    return environment


def _check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    if len(tags) > MAX_TAGS:
        raise ValueError(f"{len(tags)} tags are too many: at most {MAX_TAGS} (AWS allows 50; jobrunner adds its own)")
    for key, value in tags.items():
        if key.lower().startswith(("aws:", "jobrunner:")):
            raise ValueError(f"the tag key {key!r} is reserved: no keys that start with aws: or jobrunner:")
        if re.fullmatch(_TAG + r"{1,128}", key) is None:
            raise ValueError(
                f"{key!r} cannot be the key of a tag: up to 128 letters, digits, spaces and _ . : / = + - @"
            )
        if re.fullmatch(_TAG + r"{0,256}", value) is None:
            raise ValueError(
                f"the value of the tag {key!r} cannot be {value!r}: up to 256 letters, digits, spaces and _ . : / = + - @"
            )
    return tags


MAX_TAGS = 40
_TAG = r"[\w .:/=+\-@]"  # BC ecs TagKey: [\p{L}\p{Z}\p{N}_.:/=+\-@]*

Environment = Annotated[Mapping[str, Text], AfterValidator(_check_environment), FROZEN]
Tags = Annotated[Mapping[str, str], AfterValidator(_check_tags), FROZEN]

_ARN = r"arn:aws[a-z-]*"
_SECRET = re.compile(
    rf"{_ARN}:secretsmanager:[a-z0-9-]+:[0-9]{{12}}:secret:[A-Za-z0-9/_+=.@!-]+(?P<rest>:[^:]*:[^:]*:[^:]*)?"
    rf"|{_ARN}:ssm:[a-z0-9-]+:[0-9]{{12}}:parameter/[A-Za-z0-9_.\-/]+"
    r"|/[A-Za-z0-9_.\-/]+"
)


def _check_value_from(text: str) -> str:
    if _SECRET.fullmatch(text):
        return text
    if re.match(rf"{_ARN}:secretsmanager:", text):
        raise ValueError(
            f"{text!r} is not a full secret ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf, then nothing "
            "or all three of :JSON-KEY:VERSION-STAGE:VERSION-ID (leave out, but keep the colons: …:password::)"
        )
    # The value itself may be a secret that was pasted here: it is never repeated.
    raise ValueError(
        "this is not a reference to a secret; a secret stands here as the ARN of a Secrets Manager secret, or as the ARN "
        "or the /name of an SSM parameter, never as its value (a plain value belongs in environment)"
    )


def _check_secrets(secrets: Mapping[str, str]) -> Mapping[str, str]:
    _check_environment(secrets)
    return secrets


ValueFrom = Annotated[str, AfterValidator(_check_value_from)]
Secrets = Annotated[Mapping[str, ValueFrom], AfterValidator(_check_secrets), FROZEN]
