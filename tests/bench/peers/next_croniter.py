# ruff: noqa: T201 - a script prints
"""By hand: the next fire times of a Unix cron expression in a time zone, as JSON lines.

next_croniter.py CRON ZONE FROM COUNT
"""

import json
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import croniter

cron, zone, since, count = sys.argv[1], ZoneInfo(sys.argv[2]), datetime.fromisoformat(sys.argv[3]), int(sys.argv[4])
times = croniter(cron, since.astimezone(zone), ret_type=datetime)
for _ in range(count):
    local = times.get_next()
    print(json.dumps({"utc": local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "local": local.isoformat()}))
