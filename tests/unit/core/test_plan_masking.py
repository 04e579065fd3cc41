"""What a plan does not show."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner.core.plan_masking import HIDDEN, looks_secret, masked


@pytest.mark.parametrize(
    "name",
    ["TOKEN", "github_token", "apiToken", "DB_PASSWORD", "PGPASSWORD", "GITHUBTOKEN", "passwd", "CLIENT_SECRET",
     "Secrets", "API_KEY", "apiKey", "x-api-key", "AWS_SECRET_ACCESS_KEY", "SENTRY_DSN", "AUTH", "BASIC_AUTH",
     "Credentials", "pwd2"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    """A word of the name says it, in whatever case, and however the words are joined."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    ["LOG_LEVEL", "AUTHOR", "MONKEY", "KEYBOARD_LAYOUT", "TOKENIZER", "PASSENGERS", "COMPASS", "", "JOBRUNNER_RUN_ID",
     "DATABASE_URL", "jobrunner:run-id"],
)  # fmt: skip
def test_names_of_nothing_secret(name: str) -> None:
    """Part of a word says nothing."""
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("info", "info"),
        ("postgres://app:hunter2@db/app", HIDDEN),
        ("https://:x@db", HIDDEN),
        ("https://app@db/x:y@z", "https://app@db/x:y@z"),
        (7, 7),
        (None, None),
        ({}, {}),
        (["etl", "--day", "1"], ["etl", "--day", "1"]),
        (["etl", "--token", "x", "y"], ["etl", "--token", HIDDEN, "y"]),
        (["--token=x", "y"], [f"--token={HIDDEN}", "y"]),
        (["DB_PASSWORD=x"], [f"DB_PASSWORD={HIDDEN}"]),
        (["token", "x"], ["token", "x"]),
        (["--url=postgres://a:b@c", 1], [HIDDEN, 1]),
        (["--token", {"a": 1}, {"password": "x"}, ["y"]], ["--token", HIDDEN, HIDDEN, HIDDEN]),
        ([1, "x"], [1, "x"]),
    ],
)  # fmt: skip
def test_values(value: Any, expected: Any) -> None:
    """A URL with a password, and what belongs to an option whose name looks secret; everything else is shown."""
    assert expected == masked(value)
