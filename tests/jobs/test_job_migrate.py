"""The migrate job: each version once, whole or not at all, whoever else is at it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from job_scripts import ROOT, Run, Start, dump, query, wait_until

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ["0001_create_accounts.sql", "0002_subscriptions.sql", "0003_case_insensitive_email.sql"]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database in a folder that does not exist yet."""
    return tmp_path / "data" / "app.sqlite"


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A copy of the repository's versions, to be changed by the test."""
    folder = tmp_path / "versions"
    folder.mkdir()
    for name in VERSIONS:
        shutil.copy(ROOT / "jobs/migrate" / name, folder)
    return folder


def applied(database: Path) -> list[str]:
    """The versions on record."""
    return [name for (name,) in query(database, "SELECT name FROM schema_migrations ORDER BY version")]


def test_twice(run: Run, database: Path) -> None:
    """The first run applies every version in order; the second changes nothing."""
    first = run("migrate/migrate.py", MIGRATE_DATABASE=str(database), JOBRUNNER_RUN_ID="run-1")
    lines = [*(f"migrate: applied {name}" for name in VERSIONS)]
    lines.append(f"migrate: {database} is at version 0003; 3 applied now")
    assert (0, "", lines) == (first.returncode, first.stderr, first.stdout.splitlines())
    content = dump(database)
    second = run("migrate/migrate.py", MIGRATE_DATABASE=str(database), JOBRUNNER_RUN_ID="run-2")
    assert f"migrate: {database} is at version 0003; 0 applied now\n" == second.stdout
    assert content == dump(database)
    assert [("run-1",)] * 3 == query(database, "SELECT run_id FROM schema_migrations")


def test_many_at_once(start: Start, database: Path) -> None:
    """Of several migrators on a new database each version is applied by one; all of them succeed."""
    running = [start("migrate/migrate.py", MIGRATE_DATABASE=str(database)) for _ in range(5)]
    ended = [process.communicate() for process in running]
    assert [(0, "")] * 5 == [(p.returncode, err) for p, (_, err) in zip(running, ended, strict=True)]
    lines = [line for out, _ in ended for line in out.splitlines()]
    assert [f"migrate: applied {name}" for name in VERSIONS] == sorted(ln for ln in lines if "applied 0" in ln)
    assert VERSIONS == applied(database)


def test_data_survives_the_next_version(run: Run, database: Path, versions: Path) -> None:
    """A version that arrives later works on the rows that are there."""
    env = {"MIGRATE_DATABASE": str(database), "MIGRATE_DIRECTORY": str(versions)}
    late = (versions / VERSIONS[2]).rename(versions / "late")
    run("migrate/migrate.py", **env)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO accounts (email, full_name) VALUES ('Reader@Example.com', 'A Reader')")
    late.rename(versions / VERSIONS[2])
    assert "1 applied now" in run("migrate/migrate.py", **env).stdout
    assert [("reader@example.com", "free")] == query(
        database, "SELECT email, plan FROM accounts JOIN subscriptions ON account_id = id"
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("INSERT INTO plans VALUES ('gold', 1); INSERT INTO plan VALUES (1);", "statement 2: no such table: plan"),
        ("INSERT INTO plans VALUES ('gold', 1); INSERT INTO plans VALUES ('gold', 2);", "UNIQUE constraint failed"),
        ("INSERT INTO plans VALUES ('gold', 1); COMMIT;", "BEGIN, COMMIT and ROLLBACK are not allowed"),
        ("INSERT INTO plans VALUES ('gold', 1); ROLLBACK;", "BEGIN, COMMIT and ROLLBACK are not allowed"),
        ("INSERT INTO plans VALUES ('gold', 1); INSERT INTO plans VALUES (?, 2);", "statement 2: Incorrect number"),
        ("INSERT INTO plans VALUES ('gold', 1); CREATE TABLE half (", "statement 2: incomplete input"),
    ],
)
def test_a_failing_version_is_rolled_back(run: Run, database: Path, versions: Path, sql: str, message: str) -> None:
    """What the version did before it failed is undone; the ones before it stay; the exit code is 1."""
    (versions / "0004_bad.sql").write_text(sql, "utf-8")
    result = run("migrate/migrate.py", MIGRATE_DATABASE=str(database), MIGRATE_DIRECTORY=str(versions))
    assert 1 == result.returncode
    assert result.stderr.startswith("migrate: 0004_bad.sql, statement 2: ")
    assert message in result.stderr
    assert result.stderr.endswith("; the version is rolled back\n")
    assert VERSIONS == applied(database)
    assert [("free",), ("team",)] == query(database, "SELECT name FROM plans ORDER BY name")


def test_conflicting_data_is_left_to_a_person(run: Run, database: Path, versions: Path) -> None:
    """The repository's version 3 refuses accounts that differ in case only, and changes none of them."""
    env = {"MIGRATE_DATABASE": str(database), "MIGRATE_DIRECTORY": str(versions)}
    late = (versions / VERSIONS[2]).rename(versions / "late")
    run("migrate/migrate.py", **env)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO accounts (email, full_name) VALUES ('A@example.com', 'A'), ('a@example.com', 'B')"
        )
    before = dump(database)
    late.rename(versions / VERSIONS[2])
    assert 1 == run("migrate/migrate.py", **env).returncode
    assert before == dump(database)


def test_a_changed_version_is_refused(run: Run, database: Path, versions: Path) -> None:
    """A version that was applied may not change: nothing runs, and the message says what to do."""
    env = {"MIGRATE_DATABASE": str(database), "MIGRATE_DIRECTORY": str(versions)}
    run("migrate/migrate.py", **env)
    before = dump(database)
    with (versions / VERSIONS[1]).open("a", encoding="utf-8") as file:
        file.write("DROP TABLE accounts;\n")
    result = run("migrate/migrate.py", **env)
    message = (
        f"migrate: {VERSIONS[1]} was changed after it was applied: restore it, and write the change as version 0004\n"
    )
    assert (1, message) == (result.returncode, result.stderr)
    assert before == dump(database)


def test_other_line_endings_are_not_a_change(run: Run, database: Path, versions: Path) -> None:
    """A checkout with CRLF has the same versions."""
    env = {"MIGRATE_DATABASE": str(database), "MIGRATE_DIRECTORY": str(versions)}
    run("migrate/migrate.py", **env)
    for file in versions.iterdir():
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert 0 == run("migrate/migrate.py", **env).returncode


def test_older_code_is_refused(run: Run, database: Path, versions: Path) -> None:
    """Code that lacks an applied version does not know this database."""
    env = {"MIGRATE_DATABASE": str(database), "MIGRATE_DIRECTORY": str(versions)}
    run("migrate/migrate.py", **env)
    (versions / VERSIONS[2]).unlink()
    result = run("migrate/migrate.py", **env)
    assert 1 == result.returncode
    assert "the database is at version 0003, but the newest file is 0002_subscriptions.sql" in result.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0005_gap.sql", "0005_gap.sql stands where version 0004 should"),
        ("0003_more.sql", "0003_more.sql stands where version 0004 should"),
        ("later.sql", "later.sql is not named like 0001_what_it_does.sql"),
        ("0004_latin.sql", "0004_latin.sql is not UTF-8: bad byte at offset 6"),
    ],
)
def test_an_unclear_folder_is_refused(run: Run, database: Path, versions: Path, name: str, message: str) -> None:
    """A gap, a doubled number, another name or bad text: nothing is applied."""
    (versions / name).write_bytes(b"-- caf\xe9")
    result = run("migrate/migrate.py", MIGRATE_DATABASE=str(database), MIGRATE_DIRECTORY=str(versions))
    assert 1 == result.returncode
    assert message in result.stderr
    assert not database.exists()


def test_semicolons_are_not_always_ends(run: Run, database: Path, versions: Path) -> None:
    """Triggers, text and comments may hold semicolons, and a last comment needs none."""
    (versions / "0004_semicolons.sql").write_text(
        "/* one; two */ INSERT INTO plans VALUES ('a;b', 1); -- three; four\n"
        "CREATE TRIGGER t AFTER INSERT ON plans BEGIN SELECT 1; SELECT ';'; END;\n-- the end",
        "utf-8",
    )
    result = run("migrate/migrate.py", MIGRATE_DATABASE=str(database), MIGRATE_DIRECTORY=str(versions))
    assert (0, "") == (result.returncode, result.stderr)
    assert [(1,)] == query(database, "SELECT price_cents FROM plans WHERE name = 'a;b'")


def test_a_killed_migration_leaves_no_half(start: Start, run: Run, database: Path) -> None:
    """SIGKILL before the commit of a version leaves the database as it was; the next run completes it."""
    database.parent.mkdir()
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("CREATE TABLE other (x)")
        # A reader in the middle of a transaction lets a writer write, but not commit.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM other").fetchall()
        process = start("migrate/migrate.py", MIGRATE_DATABASE=str(database))
        wait_until(database.with_name("app.sqlite-journal").exists, "the first version to be written")
        assert process.poll() is None
        process.kill()
        assert -9 == process.wait()
    assert [("other",)] == query(database, "SELECT name FROM sqlite_master")
    assert 0 == run("migrate/migrate.py", MIGRATE_DATABASE=str(database)).returncode
    assert VERSIONS == applied(database)


def test_a_locked_database_is_worth_another_attempt(run: Run, database: Path) -> None:
    """A lock that does not go away within the patience is exit code 75, which the job's retries name."""
    run("migrate/migrate.py", MIGRATE_DATABASE=str(database))
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        result = run("migrate/migrate.py", MIGRATE_DATABASE=str(database), MIGRATE_LOCK_SECONDS="0")
    assert (75, f"migrate: {database}: database is locked\n") == (result.returncode, result.stderr)
