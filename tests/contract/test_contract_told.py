"""The contract of `ports.Told`, on the fake and on the file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from jobrunner.store import open_told
from jobrunner.testing import MemoryTold

if TYPE_CHECKING:
    from pathlib import Path

    from jobrunner.core.ports import Told

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Told:
    """What has been told: nothing yet."""
    return MemoryTold() if request.param == "memory" else open_told(tmp_path)


def test_an_event_is_claimed_once(told: Told) -> None:
    """Another one is another claim."""
    assert [True, False, True, False] == [told.claim(what, NOW) for what in ("a", "a", "b", "b")]


def test_a_claim_is_given_back(told: Told) -> None:
    """Then it can be claimed again; one that nobody has made is no error."""
    told.claim("a", NOW)
    told.forget("a")
    told.forget("b")
    assert [True, False] == [told.claim("a", NOW) for _ in range(2)]
