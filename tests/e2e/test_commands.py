"""The commands beside `run`, without a terminal."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from console import LIMIT_SECONDS, console_in
from jsonschema import Draft202012Validator

from jobrunner.core.naming import keyed_run_id
from jobrunner.store import open_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Console


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Console]:
    """A console in an empty directory."""
    directory = tmp_path / "my project"
    directory.mkdir()
    with console_in(directory) as console:
        yield console


def test_init_makes_a_project_that_runs(empty: Console) -> None:
    """`init`, then `run hello`, as it stands; a parameter changes the greeting."""
    result = empty.run("init")
    assert "" == result.text
    assert "next  jobrunner run hello" in result.err
    assert "is valid on stage local: hello" in empty.run("validate").err
    assert "Hello, world! This is run " == empty.run("run", "hello").text[:26]
    assert "Hello, Fargate! This is run " == empty.run("run", "hello", "-p", "name=Fargate").text[:28]


def test_init_changes_nothing_that_exists(empty: Console) -> None:
    """`init` writes what is missing, and never over a file."""
    (empty.directory / "jobrunner.yaml").write_text("default_stage: local\n", encoding="utf-8")
    assert [{"written": ["jobs/hello.yaml"]}] == empty.run("init", "--output", "json").json
    (empty.directory / "jobs" / "hello.yaml").write_text("mine", encoding="utf-8")
    assert "nothing was changed" in empty.run("init").err
    kept = [(empty.directory / name).read_text(encoding="utf-8") for name in ("jobrunner.yaml", "jobs/hello.yaml")]
    assert ["default_stage: local\n", "mine"] == kept


def test_init_in_a_new_directory(empty: Console) -> None:
    """`init DIR` makes the directory, and says how to go there."""
    assert "next  cd new && jobrunner run hello" in empty.run("init", "new").err
    assert (empty.directory / "new" / "jobs" / "hello.yaml").is_file()
    (empty.directory / "file").write_text("", encoding="utf-8")
    assert "cannot be written" in empty.run("init", "file", code=65).err


def test_validate_prints_every_problem(empty: Console) -> None:
    """Every problem of every file, on stdout, as file:line:column: message; 65."""
    jobs = empty.directory / "jobs"
    jobs.mkdir()
    (jobs / "a.yaml").write_text("image: busybox\ncomand: [true]\ncpu: 3 vCPU\n", encoding="utf-8")
    (jobs / "b.yaml").write_text("image: busybox\n\ttimeout: 1h\n", encoding="utf-8")
    result = empty.run("validate", code=65)
    places = [line.split(": ")[0] for line in result.lines]
    assert ["jobs/a.yaml:2:1", "jobs/a.yaml:3:6", "jobs/b.yaml:2:1"] == sorted(places)
    assert "did you mean 'command'?" in result.text
    assert "error: 3 problems" in result.err
    document = empty.run("validate", "--output", "json", code=65).json[0]
    assert [False, 3] == [document["valid"], len(document["problems"])]
    assert {"file", "line", "column", "message"} == set(document["problems"][0])


def test_validate_one_job(empty: Console) -> None:
    """Problems of other jobs do not matter to a job that is named."""
    jobs = empty.directory / "jobs"
    jobs.mkdir()
    (jobs / "good.yaml").write_text("image: busybox\n", encoding="utf-8")
    (jobs / "bad.yaml").write_text("image: [busybox]\n", encoding="utf-8")
    result = empty.run("validate", "good", "--local")
    assert ["", "jobrunner: 1 job is valid on stage local: good\n"] == [result.text, result.err]
    assert [{"valid": True, "problems": []}] == empty.run("validate", "good", "--output", "json").json


def test_validate_builds_the_requests_of_the_stage(empty: Console) -> None:
    """What Fargate needs and the stage does not say is a problem, at the job's place."""
    (empty.directory / "jobrunner.yaml").write_text("stages: {bare: {region: eu-west-1}}\n", encoding="utf-8")
    (empty.directory / "jobs").mkdir()
    (empty.directory / "jobs" / "a.yaml").write_text("image: busybox\n", encoding="utf-8")
    result = empty.run("validate", "--stage", "bare", code=65)
    assert "jobs/a.yaml:1:1: execution_role is not set for stage bare" in result.text


def test_show_is_what_run_sends(served: Console) -> None:
    """`show --key K` prints the very RunTask request that `run --key K` stores and sends."""
    size = ["--cpu", "0.5 vCPU", "--memory", "1 GB", "--capacity", "spot"]
    words = ["arguments", "--key", "shown", "-e", "A=1", *size, "--output", "json", "--", "x"]
    shown, run = served.run("show", *words).json[0], served.run("run", *words).json[-1]
    store = open_runs(served.state_dir)
    record = store.get(run["run_id"])
    store.close()
    assert record is not None
    sent: dict[str, Any] = dict(record.request or {})
    family = shown["run_task"].pop("taskDefinition")
    assert sent.pop("taskDefinition").rpartition(":")[0].endswith(f"/{family}")
    assert sent == shown["run_task"]
    assert shown["task_definition"]["family"] == family
    assert [] == shown["schedules"]


def test_show_says_what_stands_for_the_run(console: Console) -> None:
    """As text it is the same JSON, indented; the placeholder of the run id is explained."""
    result = console.run("show", "hello")
    assert json.loads(result.text) == console.run("show", "hello", "--output", "json").json[0]
    assert "0000000000000000 stands for the id that each run gets" in result.err
    assert "jobrunner/0000000000000000" == json.loads(result.text)["run_task"]["startedBy"]


@pytest.mark.parametrize(("words", "title"), [([], "job"), (["job"], "job"), (["project"], "project")])
def test_schema_is_json_schema(console: Console, words: list[str], title: str) -> None:
    """`schema` prints a JSON Schema of draft 2020-12."""
    schema = json.loads(console.run("schema", *words).text)
    Draft202012Validator.check_schema(schema)
    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]
    assert title in json.dumps(schema).lower()


def test_settings_say_where_they_come_from(console: Console) -> None:
    """Each value with its origin: variable, built-in stage, file and line, default."""
    document = console.run("settings", "--output", "json").json[0]
    origins = {key: document[key]["origin"] for key in ("state_dir", "region", "project", "jobs")}
    expected = {
        "state_dir": "JOBRUNNER_STATE_DIR",
        "region": "built-in stage local",
        "project": "jobrunner.yaml:2:1",
        "jobs": "default",
    }
    assert expected == origins
    assert {"value": "local", "origin": "flag"}.items() <= console.run("settings", "--local", "--output", "json").json[
        0
    ]["stage"].items()
    lines = console.run("settings").lines
    assert ["KEY", "VALUE", "ORIGIN"] == lines[0].split()
    assert len(document) == len(lines) - 1


def test_shared_options_stand_before_or_after(console: Console) -> None:
    """`--stage` and the others may stand before the command, too; the nearer one wins."""
    before = console.run("--stage", "prod", "--output", "json", "settings").json[0]
    assert "prod" == before["stage"]["value"]
    nearer = console.run("--stage", "prod", "settings", "--stage", "local", "--output", "json").json[0]
    assert "local" == nearer["stage"]["value"]


def test_life_of_a_detached_run(served: Console) -> None:
    """ps lists it, status and logs know it by a prefix, stop ends it, and attach says how it ended."""
    run_id = served.run("run", "stubborn", "--detach").text.strip()
    assert "ready" in _first_line(served, "logs", run_id, "--follow")
    rows = {line.split()[0]: line.split() for line in served.run("ps").lines}
    assert ["RUN", "JOB", "PHASE", "ATTEMPT", "TRIGGER", "AGE", "TASK"] == rows["RUN"]
    assert ["stubborn", "RUNNING", "1", "manual"] == rows[run_id][1:5]
    (status,) = (one for one in served.run("ps", "--output", "json").json if one["run_id"] == run_id)
    assert ["RUNNING", "manual", None, None] == [
        status[key] for key in ("phase", "trigger", "scheduled_time", "verdict")
    ]
    text = served.run("status", run_id[:10]).text
    for words in ("phase    RUNNING\n", f"next     jobrunner attach {run_id}\n"):
        assert words in text
    assert "ready\n" == served.run("logs", status["task_arn"]).text


def test_stop_waits_and_tells(served: Console) -> None:
    """`stop` takes several runs, waits for their end and prints their ids; an unknown one is an error at the end."""
    runs = [served.run("run", "slow", "--detach").text.strip() for _ in range(2)]
    for run in runs:
        assert "seconds of work begin" in _first_line(served, "logs", run, "--follow")
    result = served.run("stop", runs[0], "no-such-run", runs[1], code=65)
    assert runs == result.lines
    assert 2 == result.err.count("slow was stopped: stopped by request")
    assert "knows no run 'no-such-run'" in result.err
    ended = served.run("status", runs[0], "--output", "json").json[0]
    assert ["stopped", "user", 143, "STOPPED"] == [ended[key] for key in ("verdict", "reason", "exit_code", "phase")]
    assert 143 == served.run("attach", runs[0], code=None).code
    assert "is over already: slow was stopped" in served.run("stop", runs[0]).err


def test_stop_without_waiting(served: Console) -> None:
    """`--no-wait` returns when ECS has been told; the reason stands in the outcome."""
    run = served.run("run", "slow", "--detach").text.strip()
    assert "seconds of work begin" in _first_line(served, "logs", run, "--follow")
    words = ["stop", run, "--no-wait", "--reason", "tired of it", "--output", "json"]
    assert [["stopping", run]] == [[one["event"], one["run_id"]] for one in served.run(*words).json]
    outcome = served.run("attach", run, "--output", "json", code=143).json[-1]
    assert ["stopped", "stopped: tired of it"] == [outcome["verdict"], outcome["detail"]]


def _first_line(console: Console, *words: str) -> str:
    process = console.start(*words)
    assert process.stdout is not None
    line: bytes = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT_SECONDS)
    assert 130 == process.returncode
    return line.decode()


def test_logs_print_the_log_alone(served: Console) -> None:
    """`logs` of a run that is over: its lines, byte for byte, and nothing else; as JSON, log events."""
    run = served.run("run", "fail", "--output", "json", code=3).json[-1]["run_id"]
    result = served.run("logs", run)
    assert ["fail: about to fail\nfail: this job fails on purpose, with exit code 3\n", ""] == [
        result.text,
        result.err,
    ]
    events = served.run("logs", run, "--output", "json").json
    assert [["log", "main"], ["log", "main"]] == [[event["event"], event["container"]] for event in events]


def test_gone_endpoint_is_named(console: Console) -> None:
    """When its endpoint has gone: status and attach know the end, logs says that the log has gone with it."""
    run = console.run("run", "fail", "--output", "json", code=3).json[-1]["run_id"]
    assert "failed" == console.run("status", run, "--output", "json").json[0]["verdict"]
    attached = console.run("attach", run, code=3)
    assert ["", True] == [attached.text, "has gone, and its log with it" in attached.err]
    assert "fail failed" in attached.err
    assert "has gone, and its log with it" in console.run("logs", run, code=69).err
    assert "nothing runs now" in console.run("ps").err


def test_run_that_went_with_its_endpoint(project: Path) -> None:
    """A run whose endpoint went away before its end is not known to have ended: 69, and what to do."""
    with console_in(project) as console:
        server = console.start("local")
        assert server.stdout is not None
        assert server.stdout.readline()
        run = console.run("run", "stubborn", "--detach").text.strip()
        server.kill()
        server.communicate()
        for command in ("attach", "status", "logs", "stop"):
            result = console.run(command, run, code=69)
            assert f"the local endpoint that ran {run} (stubborn) has gone, and the run with it" in result.err


def test_local_prints_exports(project: Path) -> None:
    """stdout of `jobrunner local` is shell code that points any AWS client at it; a second one is told of."""
    with console_in(project) as console:
        script = 'eval "$(cat exports)" && env | grep ^AWS_'
        servers = []
        assert "no local endpoint serves" in console.run("local", "--exports", code=69).err
        for _ in range(2):
            server = console.start("local", "--startup", "1s")
            assert server.stdout is not None
            servers.append((server, [server.stdout.readline() for _ in range(4)]))
        for _, exports in servers:
            assert [b"export AWS_"] * 4 == [line[:11] for line in exports]
        (project / "exports").write_bytes(b"".join(servers[1][1]))
        assert b"".join(servers[1][1]).decode() == console.run("local", "--exports").text
        shell = subprocess.run(
            ["sh", "-c", script], cwd=project, env=console.environment, capture_output=True, text=True, check=True
        )
        assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in shell.stdout
        outcome = console.run("run", "hello", "--output", "json").json[-1]
        waited = _seconds(outcome["started_at"]) - _seconds(outcome["created_at"])
        assert waited >= 1.0
        for server, _ in servers:
            server.terminate()
        said = [server.communicate(timeout=LIMIT_SECONDS)[1].decode() for server, _ in servers]
        assert [0, 0] == [server.returncode for server, _ in servers]
        assert [False, True] == ["serves this directory as well" in text for text in said]


def test_an_exported_endpoint_is_known_by_its_url(tmp_path: Path) -> None:
    """A stage of AWS that is pointed at the local endpoint is told that nothing is paid, and waits for nothing."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "hello.yaml").write_text("image: busybox\ncommand: [echo, hello]\n", encoding="utf-8")
    with console_in(tmp_path) as console:
        server = console.start("local")
        assert server.stdout is not None
        exports = [server.stdout.readline().decode().split()[1].partition("=") for _ in range(4)]
        console.env = {name: value for name, _, value in exports}
        (tmp_path / "jobrunner.yaml").write_text(
            "stages:\n  prod:\n    cluster: jobrunner\n    execution_role: exec\n    network:\n"
            "      subnets: [subnet-0123456789abcdef0]\n      security_groups: [sg-0123456789abcdef0]\n",
            encoding="utf-8",
        )
        result = console.run("run", "hello", "--stage", "prod")
        assert "nothing on the local endpoint" in result.err
        assert "complete, 1 line" in result.err
        server.terminate()
        server.communicate(timeout=LIMIT_SECONDS)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def test_local_port_in_use(served: Console) -> None:
    """A port that is taken is a clear error: 69."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = served.run("local", "--port", str(taken.getsockname()[1]), code=69)
    assert "cannot listen on port" in result.err


def test_run_of_another_stage_is_found(served: Console) -> None:
    """attach and status need no --stage for a run that this machine has started."""
    run = served.run("run", "hello", "--output", "json").json[-1]["run_id"]
    elsewhere = type(served)(directory=served.directory, state_dir=served.state_dir, env={"JOBRUNNER_STAGE": "prod"})
    assert "succeeded" == elsewhere.run("status", run, "--output", "json").json[0]["verdict"]
    assert "Hello, world!" == elsewhere.run("logs", run).text[:13]


def test_ambiguous_prefix_names_the_runs(served: Console) -> None:
    """A prefix of several runs is refused, and they are named."""
    keys: dict[str, str] = {}
    for number in range(100):  # the ids of keyed runs are known beforehand: find two that begin alike
        key = f"ambiguous-{number}"
        run_id = keyed_run_id(project="jobrunner-demo", stage="local", job="hello", key=key)
        if run_id[0] in keys:
            break
        keys[run_id[0]] = key
    else:
        pytest.fail("no two run ids begin alike")
    for one in (key, keys[run_id[0]]):
        served.run("run", "hello", "--key", one, "--detach")
    said = served.run("status", run_id[0], code=65).err
    assert "names several runs" in said


def test_attach_while_another_process_owns_the_endpoint(console: Console) -> None:
    """A run on the endpoint of another `jobrunner run` can be attached to; when that one ends, its outcome is told."""
    owner = console.start("run", "slow", "-p", "seconds=60")
    begin = b"slow: 60 seconds of work begin\n"
    assert owner.stdout is not None
    assert begin == owner.stdout.readline()
    (status,) = console.run("ps", "--output", "json").json
    attached = console.start("attach", status["run_id"])
    assert attached.stdout is not None
    assert begin == attached.stdout.readline()
    owner.send_signal(signal.SIGINT)
    owner.communicate(timeout=LIMIT_SECONDS)
    _, err = attached.communicate(timeout=LIMIT_SECONDS)
    assert [130, 130] == [owner.returncode, attached.returncode]
    assert b"slow was interrupted" in err


@pytest.mark.parametrize("words", [["run", "hello"], ["local"], ["status", "abc"]])
def test_unusable_state_directory(console: Console, words: list[str]) -> None:
    """Where runs cannot be recorded, nothing is started: 69, and no traceback."""
    (console.state_dir / "file").write_text("", encoding="utf-8")
    there = type(console)(
        directory=console.directory,
        state_dir=console.state_dir,
        env={"JOBRUNNER_STATE_DIR": str(console.state_dir / "file" / "below")},
    )
    result = there.run(*words, code=69)
    assert "error: the run store cannot be used" in result.err
    assert "Traceback" not in result.err
