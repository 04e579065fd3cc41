"""The types of the keys of a document: text in, checked values out.

Every scalar of a document arrives as the text that was written, so each type here reads text; it reads its
own result too, so that a value can be validated again and a spec can be built from Python.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, JsonValue, WithJsonSchema
from pydantic_core import core_schema

from jobrunner.core import durations, money, sizes
from jobrunner.core.frozen import FrozenDict
from jobrunner.core.params import tighten
from jobrunner.core.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

V = TypeVar("V")

#: What jobrunner tells every job in its environment; a job cannot set these itself.
RUN_VARIABLES = (
    "JOBRUNNER_JOB",
    "JOBRUNNER_RUN_ID",
    "JOBRUNNER_ATTEMPT",
    "JOBRUNNER_TRIGGER",
    "JOBRUNNER_SCHEDULED_TIME",
)

MAX_TAGS = 40

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_ARN = r"arn:aws[a-z-]*"


@dataclass(frozen=True)
class Matching:
    """Text that a pattern matches in full; `wanted` completes the sentence "… is not".

    An editor gets the pattern too, unless it is one that only Python understands.
    """

    pattern: str
    wanted: str
    portable: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        written = handler(schema)
        return {**written, "pattern": f"^({self.pattern})$"} if self.portable else written

    def checked(self, text: str) -> str:
        """The text, if the pattern matches it.

        Raises:
            ValueError: It does not.
        """
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"{quoted(text)} is not {self.wanted}")
        return text


def parse_flag(value: object) -> bool:
    """True and false as YAML 1.1 spells them: true, yes, on; false, no, off, in any case."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{quoted(value)} is neither true nor false")


def whole_number(low: int, high: int, unit: str = "", suffix: str = "") -> Callable[[object], int]:
    """A reader of whole numbers from low to high; text may carry the suffix (a regular expression)."""
    pattern = re.compile(rf"([0-9]{{1,12}})\s*(?:{suffix})?", re.IGNORECASE)

    def read(value: object) -> int:
        match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
        number = int(match[1]) if match else value
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"{quoted(value)} is not a whole number{unit and ' of ' + unit}")  # noqa: TRY004  # pydantic collects ValueErrors only
        if not low <= number <= high:
            raise ValueError(f"{number} is out of range: {low} to {high}{unit and ' ' + unit}")
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
        reason = str(error).lower()
        raise ValueError(f"{quoted(value)} cannot be split into words ({reason}); write a list") from None
    if any(word and not word.strip("();<>|&") for word in bare):
        raise ValueError(f"{quoted(value)} needs a shell, and none runs it; write [sh, -c, {quoted(value)}]")
    return words


def _not_empty(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError("this is empty; leave it out to keep what the image says")
    return words


def one_or_list(value: object) -> object:
    """A single text, or number, counts as a list of one."""
    return [value] if isinstance(value, str | int) else value


def freeze(value: Mapping[str, V]) -> FrozenDict[str, V]:
    """The mapping as one that cannot be changed."""
    return FrozenDict(value)


def described(kind: str | list[str], **more: Any) -> WithJsonSchema:
    """What an editor should accept where the loader reads text."""
    return WithJsonSchema({"type": kind, **more})


def _check_variables(variables: Mapping[str, str]) -> Mapping[str, str]:
    for name in variables:
        if re.fullmatch(VARIABLE_NAME, name) is None:
            wanted = "no spaces, no '=', at most 255 characters"
            raise ValueError(f"{quoted(name)} cannot be the name of an environment variable: {wanted}")
        if name in RUN_VARIABLES:
            raise ValueError(f"{name} is set by jobrunner itself, for every run")
    return variables


def _check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    if len(tags) > MAX_TAGS:
        raise ValueError(f"{len(tags)} tags are too many: at most {MAX_TAGS} (AWS allows 50; jobrunner adds its own)")
    allowed = "letters, digits, spaces and _ . : / = + - @"
    for key, value in tags.items():
        if key.lower().startswith(("aws:", "jobrunner:")):
            raise ValueError(f"the tag key {quoted(key)} is reserved: no key starts with aws: or jobrunner:")
        if re.fullmatch(_TAG + r"{1,128}", key) is None:
            raise ValueError(f"{quoted(key)} cannot be the key of a tag: up to 128 {allowed}")
        if re.fullmatch(_TAG + r"{0,256}", value) is None:
            raise ValueError(f"{quoted(value)} cannot be the value of the tag {quoted(key)}: up to 256 {allowed}")
    return tags


_TAG = r"[\w .:/=+\-@]"  # BC ecs TagKey and TagValue: [\p{L}\p{Z}\p{N}_.:/=+\-@]*

_SECRET = re.compile(
    # AWS appends - and six characters to the name of every secret; "full ARN" means with them.
    rf"{_ARN}:secretsmanager:[a-z0-9-]+:[0-9]{{12}}:secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{{6}}(:[^:]*:[^:]*:[^:]*)?"
    rf"|{_ARN}:ssm:[a-z0-9-]+:[0-9]{{12}}:parameter/[A-Za-z0-9_./-]+"
    r"|/[A-Za-z0-9_./-]+"
)


def _check_value_from(text: str) -> str:
    if _SECRET.fullmatch(text):
        return text
    if re.match(rf"{_ARN}:secretsmanager:", text):
        raise ValueError(
            f"{quoted(text)} is not a full secret ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf, "
            "then nothing or all of :JSON-KEY:VERSION-STAGE:VERSION-ID (parts may be empty, as in …:password::)"
        )
    # The value itself may be a secret that was pasted here: it is never repeated.
    raise ValueError(
        "this is not a reference to a secret: write the ARN of a Secrets Manager secret, or the ARN or the /name "
        "of an SSM parameter, never the value itself (a plain value belongs in environment)"
    )


FROZEN = AfterValidator(freeze)

#: Marks for `jobrunner.document.schema`: a list that may be written as its only entry; a mapping that may be
#: written as a text.
SINGLE: dict[str, JsonValue] = {"x-single": True}
SHORT: dict[str, JsonValue] = {"x-short": True}

CONTAINER_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
VARIABLE_NAME = r"[^=\s\x00\ud800-\udfff]{1,255}"

Text = Annotated[
    str,
    Matching(r"[^\x00\ud800-\udfff]*", "text that can be passed on: it has a NUL or half a character", portable=False),
]
Words = Annotated[
    tuple[Text, ...],
    BeforeValidator(parse_words),
    AfterValidator(_not_empty),
    described(["array", "string", "number", "boolean"], items={"type": "string"}, minItems=1),
]

_DURATION = r"^\s*([0-9]+|([0-9]+\s*[A-Za-z]+\s*)+)\s*$"
Seconds = Annotated[
    int,
    BeforeValidator(durations.parse_duration),
    described(["string", "integer"], pattern=_DURATION, minimum=0, examples=["30s", "90m", "1h30m"]),
]
Flag = Annotated[
    bool,
    BeforeValidator(parse_flag),
    described(["boolean", "string"], pattern="^([Tt]rue|TRUE|[Yy]es|YES|[Oo]n|ON|[Ff]alse|FALSE|[Nn]o|NO|[Oo]ff|OFF)$"),
]
Usd = Annotated[
    Decimal,
    BeforeValidator(money.parse_usd),
    described(
        ["string", "number"],
        pattern=r"^\s*(\$\s*[0-9]{1,9}(\.[0-9]{1,6})?|[0-9]{1,9}(\.[0-9]{1,6})?(\s*[uU][sS][dD])?)\s*$",
        exclusiveMinimum=0,
        examples=["25 USD", "$25", "0.50"],
    ),
]
_AMOUNT = r"^\s*([0-9]+|[0-9]*\.[0-9]+)\s*"
Cpu = Annotated[
    int,
    BeforeValidator(sizes.parse_cpu),
    described(
        ["string", "integer"], pattern=_AMOUNT + r"([vV][cC][pP][uU][sS]?)?\s*$", examples=["0.25 vCPU", "1 vCPU", 1024]
    ),
]
ContainerCpu = Annotated[
    int,
    BeforeValidator(sizes.parse_container_cpu),
    described(["string", "integer"], pattern=_AMOUNT + r"([vV][cC][pP][uU][sS]?)?\s*$", examples=["0.1 vCPU", 128]),
]
Memory = Annotated[
    int,
    BeforeValidator(sizes.parse_memory),
    described(
        ["string", "integer"],
        pattern=_AMOUNT + r"([gGmM]([iI]?[bB]?))?\s*$",
        examples=["512 MiB", "4 GB", 4096],
    ),
]

Image = Annotated[
    str,
    # BC ecs ContainerDefinition.image: letters, digits, - _ : . / # and, for digests, @; up to 255.
    Matching(r"[A-Za-z0-9][A-Za-z0-9._:/#@-]{0,254}", "the name of an image, such as python:3.13-slim"),
]
Role = Annotated[
    str,
    Matching(
        rf"{_ARN}:iam::[0-9]{{12}}:role/[\w+=,.@/-]{{1,512}}|[\w+=,.@-]{{1,64}}",
        "a role; write its name or its ARN, arn:aws:iam::ACCOUNT:role/NAME",
    ),
]
LogGroup = Annotated[
    str,
    Matching(r"[.\-_/#A-Za-z0-9]{1,512}", "the name of a log group: up to 512 letters, digits and . - _ / #"),
]
Subnet = Annotated[str, Matching(r"subnet-[0-9a-f]{8,17}", "a subnet id, such as subnet-0123456789abcdef0")]
SecurityGroup = Annotated[str, Matching(r"sg-[0-9a-f]{8,17}", "a security group id, such as sg-0123456789abcdef0")]
WorkingDirectory = Annotated[Text, Matching(r"/.*", "an absolute path in the container, such as /app")]
Environment = Annotated[Mapping[str, Text], AfterValidator(_check_variables), FROZEN]
Tags = Annotated[Mapping[str, str], AfterValidator(_check_tags), FROZEN]
ValueFrom = Annotated[str, AfterValidator(_check_value_from)]
Secrets = Annotated[Mapping[str, ValueFrom], AfterValidator(_check_variables), FROZEN]
