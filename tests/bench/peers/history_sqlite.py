# ruff: noqa: T201 - a script prints
"""By hand: what SQLite alone takes for the same rows.

history_sqlite.py FILE newest COUNT | history_sqlite.py FILE report SINCE, in microseconds since the epoch
"""

import sqlite3
import sys

file, what, value = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
if what == "newest":
    rows = connection.execute(
        "SELECT run_id, job, trigger, due, verdict, duration, cost FROM runs WHERE place = 1 ORDER BY due DESC LIMIT ?",
        (value,),
    )
else:
    rows = connection.execute(
        "SELECT job, count(*), sum(verdict = 'succeeded'), avg(duration), sum(billed), sum(cost) FROM runs"
        " WHERE place = 1 AND due >= ? GROUP BY job",
        (value,),
    )
for row in rows:
    print(*row)
