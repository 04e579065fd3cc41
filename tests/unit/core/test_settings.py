"""The values of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobrunner.core.settings import KEYS, RETENTION_DAYS, Settings, parse_retention


def settings(**values: Any) -> Settings:
    """Settings with nothing but what every project has."""
    needed = {"project": "shop", "log_group": "/jobrunner/shop", "schedule_group": "jobrunner-shop"}
    return Settings(**{**needed, "state_dir": Path("/state"), **values})


def test_retention() -> None:
    """CloudWatch Logs keeps logs for some numbers of days only; the nearest one is named."""
    assert (30, 365) == (parse_retention("30"), parse_retention("365 days"))
    with pytest.raises(ValueError, match=r"^CloudWatch Logs cannot keep logs for 20 days; nearest: 14 \(legal: 1, 3, "):
        parse_retention("20")
    assert 3653 == max(RETENTION_DAYS)


def test_rows() -> None:
    """Every setting has a row with its value and origin; each tag has its own."""
    plain = settings()
    tagged = settings(
        tags={"team": "data", "cost": "1"},
        provenance={"tags.team": "jobrunner.yaml:2:3", "project": "jobrunner.yaml:1:1"},
    )
    assert list(KEYS) == [row.key for row in plain.rows()]
    rows = {row.key: (row.value, row.origin) for row in tagged.rows()}
    assert (("shop", "jobrunner.yaml:1:1"), ("data", "jobrunner.yaml:2:3"), ("1", "default"), (None, "default")) == (
        rows["project"],
        rows["tags.team"],
        rows["tags.cost"],
        rows["network.subnets"],
    )


def test_rows_of_schedules() -> None:
    """What schedules need has its rows; nothing of it is deployed unless somebody says so."""
    rows = {row.key: row.value for row in settings(dead_letter_queue="letters").rows()}
    assert [None, "jobrunner-shop", None, "letters", 30] == [
        rows[key] for key in ("scheduler_role", "schedule_group", "state_machine", "dead_letter_queue", "first_look")
    ]


def test_the_row_of_history() -> None:
    """Whoever makes settings by hand has no log group of events, unless they name one."""
    found = [{row.key: row.value for row in one.rows()} for one in (settings(), settings(history_log_group="/aws/e"))]
    assert [None, "/aws/e"] == [rows["history_log_group"] for rows in found]


@pytest.mark.parametrize(("endpoint", "local"), [(None, False), ("local", True), ("http://127.0.0.1:5000", False)])
def test_is_local(endpoint: str | None, *, local: bool) -> None:
    """Only the word means the endpoint that jobrunner starts."""
    assert local == settings(endpoint=endpoint).is_local
