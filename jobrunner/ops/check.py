"""Find everything that can be wrong with a run before anything is asked, stored or sent.

Apart from `ops.start`, so that `validate` does not pay for what only a run needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobrunner.core import naming, request
from jobrunner.core.definition import task_definition

if TYPE_CHECKING:
    from jobrunner.core.options import RunOptions
    from jobrunner.core.settings import Settings
    from jobrunner.core.spec import JobSpec


def check(spec: JobSpec, settings: Settings, options: RunOptions) -> None:
    """Find everything that can be wrong without asking AWS.

    Raises:
        SpecError: With what is missing or illegal.
    """
    definition = task_definition(spec, settings)
    name = definition.family if definition else str(spec.task_definition)
    identity = request.RunIdentity.of_run(naming.run_id_from(bytes(10)))
    request.run_request(spec, settings, options, identity, task_definition=name)
