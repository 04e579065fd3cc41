"""Hypothesis strategies of valid jobs, for every test that wants more specs than it can think of.

`from strategies import job_specs`: pytest's `pythonpath` has this folder.
"""

from __future__ import annotations

import string
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from jobrunner.core.params import escape
from jobrunner.core.sizes import FARGATE_SIZES, show_cpu, show_memory
from jobrunner.core.spec import JobSpec, job_spec
from jobrunner.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"


@contextmanager
def only_spec_errors() -> Iterator[None]:
    """Whatever the block does with bad input, nothing worse comes out than a SpecError with problems."""
    try:
        yield
    except SpecError as error:
        if not error.problems:
            raise AssertionError("a SpecError without problems") from error


_LETTERS = string.ascii_letters + string.digits
_WORD = st.text(_LETTERS + "_-./:=,+ äß日'\"\\$%", min_size=1, max_size=20)


def names(size: int = 12) -> st.SearchStrategy[str]:
    """Names that everything accepts: a letter, then letters, digits, `-` and `_`."""
    rest = st.text(_LETTERS + "_-", max_size=size - 1)
    return st.tuples(st.sampled_from(string.ascii_letters), rest).map("".join)


def texts() -> st.SearchStrategy[str]:
    """Texts of one line or several that a container can be given, without parameters."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).map(escape)


def durations(low: int, high: int) -> st.SearchStrategy[str]:
    """A duration between two numbers of seconds, in one of its spellings."""
    seconds = st.integers(low, high)
    return seconds.flatmap(lambda n: st.sampled_from([f"{n}s", f"{n}", f"{n} seconds", f"{n // 60}m{n % 60}s"]))


def sizes() -> st.SearchStrategy[dict[str, str]]:
    """A legal pair of cpu and memory, in one of its spellings, or a part of it."""
    pairs = st.sampled_from([(cpu, memory) for cpu, sizes in FARGATE_SIZES.items() for memory in sizes])
    spelt = pairs.flatmap(
        lambda pair: st.fixed_dictionaries(
            {
                "cpu": st.sampled_from([str(pair[0]), show_cpu(pair[0])]),
                "memory": st.sampled_from([str(pair[1]), show_memory(pair[1]), f"{pair[1]}MiB"]),
            }
        )
    )
    only_cpu = st.sampled_from(list(FARGATE_SIZES)).map(lambda cpu: {"cpu": str(cpu)})
    return st.one_of(spelt, only_cpu, st.just({}))


def environments() -> st.SearchStrategy[dict[str, str]]:
    """Environment variables."""
    return st.dictionaries(names().map(str.upper), texts(), max_size=4)


def secrets() -> st.SearchStrategy[dict[str, str]]:
    """Secrets, with names that no environment of `environments` has."""
    values = st.sampled_from(
        [
            f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:app/db-AbCdEf",
            f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:app/db-AbCdEf:password::",
            f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/app/db",
            "/app/db",
        ]
    )
    return st.dictionaries(names().map(lambda name: "secret_" + name), values, max_size=3)


def schedules() -> st.SearchStrategy[dict[str, str]]:
    """Schedules of every kind."""
    when = st.one_of(
        st.sampled_from(["30 2 * * *", "@daily", "*/5 9-17 * * MON-FRI", "0 0 1,15 * *"]).map(lambda c: {"cron": c}),
        st.sampled_from(["15 minutes", "1 hour", "2 days", "90m"]).map(lambda r: {"rate": r}),
        st.sampled_from(["2026-12-01T09:00", "2030-06-30 23:59:59"]).map(lambda a: {"at": a}),
    )
    zone = st.sampled_from([{}, {"timezone": "UTC"}, {"timezone": "Europe/London"}, {"timezone": "Asia/Kolkata"}])
    return st.builds(lambda one, two: one | two, when, zone)


def params() -> st.SearchStrategy[dict[str, Any]]:
    """Parameters: required, with a default, in the short and the long form."""
    long = st.fixed_dictionaries({}, optional={"default": texts(), "description": texts()})
    return st.dictionaries(names(), st.one_of(st.none(), texts(), long), max_size=3)


def sidecars() -> st.SearchStrategy[dict[str, Any]]:
    """Sidecars that fit into the smallest task."""
    check = {"command": ["CMD-SHELL", "true"], "interval": "5s", "retries": "2"}
    waits = st.sampled_from(
        [{}, {"wait_for": "started"}, {"wait_for": "success"}, {"wait_for": "healthy", "health_check": check}]
    )
    body = st.fixed_dictionaries(
        {"image": st.just("postgres:17")},
        optional={
            "command": st.lists(_WORD, min_size=1, max_size=3),
            "environment": environments(),
            "secrets": secrets(),
            "cpu": st.sampled_from(["16", "0.03125 vCPU"]),
            "memory": st.sampled_from(["6", "32 MiB"]),
            "stop_timeout": durations(2, 120),
        },
    )
    sidecar = st.builds(lambda one, two: one | two, body, waits)
    return st.dictionaries(names().map(lambda name: "side-" + name), sidecar, max_size=2)


@st.composite
def job_documents(draw: st.DrawFn) -> dict[str, Any]:
    """The document of a valid job of an image, with every scalar as the text that a person writes."""
    document = draw(
        st.fixed_dictionaries(
            {"name": names(), "image": st.sampled_from(["python:3.13-slim", "repo/app@sha256:" + "0" * 64])},
            optional={
                "description": texts(),
                "entrypoint": st.lists(_WORD.map(escape), min_size=1, max_size=3),
                "command": st.lists(_WORD.map(escape), min_size=1, max_size=5),
                "working_directory": st.sampled_from(["/", "/app", "/srv/my app"]),
                "architecture": st.sampled_from(["x86_64", "arm64"]),
                "capacity": st.sampled_from(["on-demand", "spot", "spot-then-on-demand"]),
                "platform_version": st.sampled_from(["LATEST", "1.4.0"]),
                "environment": environments(),
                "env_file": st.just(["arn:aws:s3:::bucket/app.env"]),
                "secrets": secrets(),
                "params": params(),
                "network": st.sampled_from(
                    [{"assign_public_ip": "yes"}, {"subnets": ["subnet-0123456789abcdef0"], "security_groups": []}]
                ),
                "task_role": st.sampled_from(["app", f"arn:aws:iam::{ACCOUNT}:role/team/app"]),
                "execution_role": st.sampled_from(["execution", f"arn:aws:iam::{ACCOUNT}:role/execution"]),
                "ephemeral_storage": st.integers(21, 200).map(lambda gib: f"{gib} GiB"),
                "sidecars": sidecars(),
                "stop_timeout": durations(2, 120),
                "tags": st.dictionaries(names(), st.sampled_from(["", "data", "a b/c:d=e"]), max_size=3),
                "schedule": st.one_of(schedules(), st.lists(schedules(), max_size=3)),
                "timeout": durations(1, 86_400),
                "start_timeout": durations(1, 3600),
                "retries": st.fixed_dictionaries(
                    {"attempts": st.integers(1, 20).map(str)},
                    optional={"backoff": durations(0, 600), "on": st.just(["infrastructure", "spot", "75"])},
                ),
                "overlap": st.sampled_from(["allow", "forbid", "replace"]),
                "start_deadline": durations(60, 86_400),
                "jitter": st.integers(1, 1440).map(lambda minutes: f"{minutes}m"),
                "paused": st.sampled_from(["true", "no"]),
                "log_group": st.just("/team/jobs"),
                "budget": st.sampled_from(["25 USD", "$25", "25", "0.50", "0.000001usd"]),
                "notify": st.just({"on": ["failure"], "webhook": "https://example.com/hook"}),
            },
        )
    )
    document |= draw(sizes())
    if document.get("params") and document.get("command"):
        document["command"].append("${{ params." + next(iter(document["params"])) + " }}")
    return document


def job_specs() -> st.SearchStrategy[JobSpec]:
    """Valid jobs of an image."""
    return job_documents().map(lambda document: job_spec(**document))
