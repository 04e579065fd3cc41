"""One laboratory for all cases of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from laboratory import Laboratory

from jobrunner.local import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """An endpoint on which faults can be ordered, each for one job only, and the machines that use it."""
    directory = tmp_path_factory.mktemp("laboratory")
    with serve(workdir=directory) as endpoint:
        made = Laboratory(endpoint, directory)
        yield made
        made.close()
