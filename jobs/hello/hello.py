"""Say who runs here, and where: the smallest job that shows what jobrunner tells a job."""

from __future__ import annotations

import os
import platform


def main() -> None:
    env = os.environ
    job, run_id = env.get("JOBRUNNER_JOB", "nobody"), env.get("JOBRUNNER_RUN_ID", "none")
    attempt, trigger = env.get("JOBRUNNER_ATTEMPT", "none"), env.get("JOBRUNNER_TRIGGER", "none")
    print(f"Hello, {env.get('GREETED', 'world')}! This is job {job}, run {run_id}.")
    print(f"attempt {attempt}, trigger {trigger}, scheduled time {env.get('JOBRUNNER_SCHEDULED_TIME', 'none')}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")


if __name__ == "__main__":
    main()
