"""The job's model: what it reads, what it refuses, how it says so."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from strategies import job_specs, only_spec_errors

from jobrunner.core.fields import RUN_VARIABLES
from jobrunner.core.spec import JobSpec, Param, Sidecar, job_spec, replace
from jobrunner.errors import SpecError

ACCOUNT = "123456789012"
ARN = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:etl-AbCdEf"


BAD_VARIABLE = "cannot be the name of an environment variable: no spaces, no '=', at most 255 characters"
NOT_A_MAPPING = "not a mapping; quote a text that contains ': ' or starts with '{'"
HEALTH_CHECK = "a health check is [CMD, program, argument…] or [CMD-SHELL, 'a shell line']"
WEBHOOK = "webhook must be a URL, https://HOST/… or http://HOST/…, without a user in front of the host"
MISPLACED = "would not be replaced: parameters go into the job's own command and environment"


def spec(**fields: Any) -> JobSpec:
    """A job of an image."""
    return job_spec(**{"name": "etl", "image": "etl:1", **fields})


def problems(**fields: Any) -> list[str]:
    """What is wrong with a job of an image, without the file."""
    with pytest.raises(SpecError) as caught:
        spec(**fields)
    return [problem.message for problem in caught.value.problems]


def test_defaults() -> None:
    """A job needs a name and an image; everything else has a value."""
    job = spec()
    assert (256, 512, "x86_64", "on-demand", "LATEST") == (
        job.cpu,
        job.memory,
        job.architecture,
        job.capacity,
        job.platform_version,
    )
    assert ({}, (), {}, {}, (), None) == (
        job.environment,
        job.env_file,
        job.secrets,
        job.sidecars,
        job.schedule,
        job.retries,
    )


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ("command", "python -m etl --since '2 days ago'", ("python", "-m", "etl", "--since", "2 days ago")),
        ("command", "run ${{ params.day }} x", ("run", "${{params.day}}", "x")),
        ("command", "sh -c 'a && b'", ("sh", "-c", "a && b")),
        ("command", ["a && b"], ("a && b",)),
        ("cpu", "2 vCPU", 2048),
        ("memory", "1 GB", 1024),
        ("paused", "NO", False),
        ("paused", "on", True),
        ("paused", True, True),
        ("timeout", "1h30m", 5400),
        ("ephemeral_storage", "50 GiB", 50),
        ("budget", "25 USD", Decimal(25)),
        ("budget", "$0.50", Decimal("0.5")),
        ("jitter", "2h", 7200),
        ("env_file", "arn:aws:s3:::bucket/x.env", ("arn:aws:s3:::bucket/x.env",)),
        ("tags", {"team": "data"}, {"team": "data"}),
        ("environment", {"A": ""}, {"A": ""}),
    ],
)
def test_texts_become_values(field: str, written: object, value: object) -> None:
    """Each key reads the text of a document."""
    more = {"params": {"day": None}} if "${{" in str(written) else {}
    more |= {"memory": "4 GB"} if field == "cpu" else {}
    assert value == getattr(spec(**{field: written}, **more), field)


def test_the_smallest_memory_is_the_default() -> None:
    """A memory that was not written goes with the cpu, also when the cpu is changed later."""
    job = spec(cpu="1 vCPU")
    assert (2048, 4096) == (job.memory, replace(job, cpu="2 vCPU").memory)


def test_none_is_not_written() -> None:
    """A key with None has its default."""
    assert spec() == spec(memory=None, environment=None, retries=None)


def test_params() -> None:
    """A parameter is a default, a mapping, or nothing: then each run must give it."""
    job = spec(params={"day": None, "mode": "fast", "n": {"default": "3", "description": "how many"}})
    assert {
        "day": Param(),
        "mode": Param(default="fast"),
        "n": Param(default="3", description="how many"),
    } == job.params


def test_retries() -> None:
    """Reasons are exit codes and words; a single one needs no list."""
    job = spec(retries={"attempts": "3", "backoff": "30s", "on": ["infrastructure", "75"]})
    assert job.retries is not None
    assert (3, 30, 600, ("infrastructure", 75)) == (
        job.retries.attempts,
        job.retries.backoff,
        job.retries.max_backoff,
        job.retries.on,
    )
    assert (75,) == spec(retries={"attempts": 2, "on": 75}).retries.on  # type: ignore[union-attr]


def test_sidecar() -> None:
    """A health check written as a text is a line for the container's shell."""
    job = spec(
        sidecars={
            "db": {
                "image": "postgres:17",
                "wait_for": "healthy",
                "health_check": {"command": "pg_isready -q", "interval": "10s"},
            }
        }
    )
    check = job.sidecars["db"].health_check
    assert check is not None
    assert (("CMD-SHELL", "pg_isready -q"), 10, 5, 3, 0) == (
        check.command,
        check.interval,
        check.timeout,
        check.retries,
        check.start_period,
    )


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        (
            {"budget": "25 EUR"},
            ["budget: '25 EUR' is not an amount of US dollars; write for instance 25 USD, $25, 25 or 0.50"],
        ),
        ({"budget": "0"}, ["budget: '0' is not above nothing; write for instance 25 USD, $25, 25 or 0.50"]),
        ({"imag": "x"}, ["imag: unknown key 'imag'; did you mean 'image'?"]),
        (
            {"working-directory": "/x"},
            ["working-directory: unknown key 'working-directory'; did you mean 'working_directory'?"],
        ),
        (
            {"sidecars": {"db": {"image": "x", "comand": "y"}}},
            ["sidecars.db.comand: unknown key 'comand'; did you mean 'command'?"],
        ),
        (
            {"schedule": {"zzz": "x"}},
            ["schedule.0.zzz: unknown key 'zzz'; allowed: cron, rate, at, timezone, start, end, name"],
        ),
        ({"architecture": "amd64"}, ["architecture: 'amd64' is not one of x86_64 or arm64; did you mean 'x86_64'?"]),
        ({"architecture": "mips"}, ["architecture: 'mips' is not one of x86_64 or arm64"]),
        (
            {"capacity": "Spot-Then-Ondemand"},
            [
                (
                    "capacity: 'Spot-Then-Ondemand' is not one of on-demand, spot or spot-then-on-demand; "
                    "did you mean 'spot-then-on-demand'?"
                )
            ],
        ),
        ({"overlap": ["a"]}, ["overlap: this must be one of allow, forbid or replace, not a list"]),
        ({"environment": "A=1"}, ["environment: environment must be a mapping (key: value), not the text 'A=1'"]),
        (
            {"environment": {"A": {"b": "c"}}},
            [f"environment.A: A must be text, {NOT_A_MAPPING}"],
        ),
        (
            {"environment": {"A": ["b"]}},
            ["environment.A: A must be text, not a list; quote a text that starts with '['"],
        ),
        (
            {"environment": {"A": None}},
            ["environment.A: A must be text, not empty; write '' for an empty text, 'null' in quotes for the word"],
        ),
        ({"environment": {"A": 1}}, ["environment.A: A must be text, not 1; write it in quotes"]),
        (
            {"environment": {"A B": "1"}},
            [f"environment: 'A B' {BAD_VARIABLE}"],
        ),
        (
            {"environment": {RUN_VARIABLES[0]: "x"}},
            ["environment: JOBRUNNER_JOB is set by jobrunner itself, for every run"],
        ),
        (
            {"environment": {"A": "x\0"}},
            ["environment.A: 'x\\x00' is not text that can be passed on: it has a NUL or half a character"],
        ),
        ({"command": {"a": "b"}}, ["command: command must be a list, not a mapping"]),
        ({"command": []}, ["command: this is empty; leave it out to keep what the image says"]),
        ({"command": "a && b"}, ["command: 'a && b' needs a shell, and none runs it; write [sh, -c, 'a && b']"]),
        (
            {"command": "echo 'a"},
            ['command: "echo \'a" cannot be split into words (no closing quotation); write a list'],
        ),
        (
            {"command": ["a", {"b": "c"}]},
            [f"command.1: an entry of command must be text, {NOT_A_MAPPING}"],
        ),
        (
            {"network": {"subnets": "subnet-01234567"}},
            ["network.subnets: subnets must be a list, not the text 'subnet-01234567'; write [subnet-01234567]"],
        ),
        (
            {"network": {"subnets": "x" * 61}},
            [f"network.subnets: subnets must be a list, not the text {'x' * 61!r}; write it in brackets"],
        ),
        (
            {"network": {"subnets": []}},
            ["network.subnets: subnets is empty; leave it out, or give it at least one entry"],
        ),
        (
            {"network": {"security_groups": ["sg-01234567"] * 6}},
            ["network.security_groups: security_groups has 6 entries; at most 5 are allowed"],
        ),
        (
            {"network": {"subnets": ["subnet-XYZ"]}},
            ["network.subnets.0: 'subnet-XYZ' is not a subnet id, such as subnet-0123456789abcdef0"],
        ),
        ({"paused": "maybe"}, ["paused: 'maybe' is neither true nor false"]),
        ({"stop_timeout": "5m"}, ["stop_timeout: 5m is out of range: Fargate waits 2s to 2m"]),
        ({"timeout": "15d"}, ["timeout: 15d is out of range: a timeout is 1s to 14d"]),
        ({"jitter": "90s"}, ["jitter: 90s is not a whole number of minutes, which is what Scheduler knows"]),
        (
            {"ephemeral_storage": "20"},
            [
                (
                    "ephemeral_storage: 20 GiB is what every task has, and AWS refuses to be asked for it; "
                    "leave ephemeral_storage out"
                )
            ],
        ),
        ({"ephemeral_storage": "201"}, ["ephemeral_storage: 201 GiB is out of range: 21 to 200 GiB"]),
        ({"ephemeral_storage": "much"}, ["ephemeral_storage: 'much' is not a whole number of GiB"]),
        ({"retries": "3"}, ["retries: retries must be a mapping (key: value), not the text '3'"]),
        ({"retries": {}}, ["retries: attempts is missing"]),
        ({"retries": {"attempts": "0"}}, ["retries.attempts: 0 is out of range: 1 to 20"]),
        (
            {"retries": {"attempts": "2", "on": ["infra structure"]}},
            [
                (
                    "retries.on.0: 'infra structure' is neither an exit code from 1 to 255 nor one of "
                    "infrastructure, spot, failure, out_of_memory or timeout; did you mean 'infrastructure'?"
                )
            ],
        ),
        (
            {"retries": {"attempts": "2", "on": [0]}},
            [
                (
                    "retries.on.0: 0 is neither an exit code from 1 to 255 nor one of "
                    "infrastructure, spot, failure, out_of_memory or timeout"
                )
            ],
        ),
        (
            {"secrets": {"PASSWORD": "hunter2"}},
            [
                (
                    "secrets.PASSWORD: this is not a reference to a secret: "
                    "write the ARN of a Secrets Manager secret, or the ARN or the /name of an SSM parameter, "
                    "never the value itself "
                    "(a plain value belongs in environment)"
                )
            ],
        ),
        (
            {"secrets": {"PASSWORD": ARN + ":password"}},
            [
                (
                    f"secrets.PASSWORD: {ARN + ':password'!r} is not a full secret ARN: "
                    "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf, then nothing or all of "
                    ":JSON-KEY:VERSION-STAGE:VERSION-ID (parts may be empty, as in …:password::)"
                )
            ],
        ),
        ({"secrets": "hunter2"}, ["secrets: secrets must be a mapping (key: value), not a text"]),
        (
            {"tags": {"aws:x": "y"}},
            ["tags: the tag key 'aws:x' is reserved: no key starts with aws: or jobrunner:"],
        ),
        (
            {"tags": {"a?": "y"}},
            ["tags: 'a?' cannot be the key of a tag: up to 128 letters, digits, spaces and _ . : / = + - @"],
        ),
        (
            {"tags": {"a": "?"}},
            ["tags: '?' cannot be the value of the tag 'a': up to 256 letters, digits, spaces and _ . : / = + - @"],
        ),
        (
            {"tags": {str(n): "" for n in range(41)}},
            ["tags: 41 tags are too many: at most 40 (AWS allows 50; jobrunner adds its own)"],
        ),
        ({"notify": {"on": "failure"}}, ["notify: notify needs sns, webhook or both: nobody would be told"]),
        ({"notify": {"webhook": "ftp://x/s3cret"}}, [f"notify.webhook: {WEBHOOK}"]),
        ({"notify": {"webhook": "https://x:s3cret/"}}, [f"notify.webhook: {WEBHOOK}"]),
        ({"notify": {"webhook": "https://me:s3cret@x/"}}, [f"notify.webhook: {WEBHOOK}"]),
        ({"notify": {"webhook": "https://[x/s3cret"}}, [f"notify.webhook: {WEBHOOK}"]),
        ({"notify": {"webhook": "https:///s3cret"}}, [f"notify.webhook: {WEBHOOK}"]),
        ({"notify": {"webhook": "https://x/s3 cret"}}, [f"notify.webhook: {WEBHOOK}"]),
        ({"notify": "https://x/s3cret"}, ["notify: notify must be a mapping (key: value), not a text"]),
        (
            {"env_file": "local.env"},
            ["env_file.0: 'local.env' is not the ARN of a .env file in S3, arn:aws:s3:::bucket/path/name.env"],
        ),
        (
            {"sidecars": {"a": {"image": "x", "health_check": {"command": ["true"]}}}},
            [f"sidecars.a.health_check.command: {HEALTH_CHECK}"],
        ),
        (
            {"schedule": "30 2 * * *"},
            ["schedule.0: an entry of schedule must be a mapping (key: value), not the text '30 2 * * *'"],
        ),
        ({"schedule": [{}] * 101}, ["schedule: schedule has 101 entries; at most 100 are allowed"]),
        (
            {"sidecars": {f"s{n}": {"image": "x"} for n in range(10)}},
            ["sidecars: sidecars has 10 entries; at most 9 are allowed"],
        ),
        ({"params": {"a b": "1"}}, ["params.a b: 'a b' is not a parameter's name: letters, digits, _ and -"]),
        ({"cpu": 1.5}, ["cpu: 1.5 is not an amount of cpu; write for instance 1 vCPU or 1024"]),
    ],
)
def test_refused(fields: dict[str, Any], messages: list[str]) -> None:
    """Each message says what is wrong, what was found and what is allowed."""
    with pytest.raises(SpecError) as caught:
        spec(**fields)
    assert [f"<job etl>: {message}" for message in messages] == [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"image": None}, ["a job needs an image (or a task_definition)"]),
        (
            {"container": "app"},
            ["container: container names the job's container in a task_definition; there is none here"],
        ),
        (
            {"cpu": "1 vCPU", "memory": "1 GB"},
            [
                (
                    "memory: cpu 1 vCPU with memory 1 GB is not a Fargate size; nearest legal: 1 vCPU with 2 GB "
                    "(cpu: 1 vCPU allows 2 to 8 GB in steps of 1 GB)"
                )
            ],
        ),
        (
            {"environment": {"A": "x"}, "secrets": {"A": ARN}},
            ["secrets.A: 'A' stands both in environment and in secrets; ECS refuses that"],
        ),
        (
            {"sidecars": {"db": {"image": "x", "environment": {"A": "x"}, "secrets": {"A": ARN}}}},
            ["sidecars.db.secrets.A: 'A' stands both in environment and in secrets; ECS refuses that"],
        ),
        ({"command": ["${{ params.x }}"]}, ["command.0: unknown parameter 'x'; the job has no params"]),
        (
            {"environment": {"A": "${{ params.x }}"}, "params": {"y": None, "z": None}},
            ["environment.A: unknown parameter 'x'; params has y and z"],
        ),
        (
            {"command": ["${{ env.X }}"]},
            ["command.0: '${{ env.X }}' is not a parameter; write ${{ params.NAME }}, or $${{ for a literal ${{"],
        ),
        (
            {"entrypoint": ["${{ params.x }}"], "sidecars": {"db": {"image": "x", "command": ["${{params.x}}"]}}},
            [
                f"entrypoint.0: '${{{{ params.x }}}}' {MISPLACED}",
                f"sidecars.db: '${{{{params.x}}}}' {MISPLACED}",
            ],
        ),
        (
            {"sidecars": {"main": {"image": "x"}}},
            ["sidecars.main: 'main' is the job's own container; choose another name"],
        ),
        (
            {"sidecars": {"db": {"image": "x", "wait_for": "healthy"}}},
            ["sidecars.db.wait_for: wait_for: healthy needs a health_check"],
        ),
        (
            {"sidecars": {"db": {"image": "x", "wait_for": "success", "essential": "true"}}},
            [
                (
                    "sidecars.db.wait_for: wait_for: success needs essential: false; "
                    "the end of an essential container ends the task"
                )
            ],
        ),
        (
            {
                "sidecars": {
                    "a": {"image": "x", "cpu": "0.25 vCPU"},
                    "b": {"image": "x", "cpu": "1"},
                }
            },
            ["sidecars: the sidecars reserve 0.250977 vCPU of the task's 0.25 vCPU"],
        ),
        (
            {"sidecars": {"a": {"image": "x", "memory": "512"}}},
            ["sidecars: the sidecars take 0.5 GB of the task's 0.5 GB: nothing is left for the job's own container"],
        ),
        (
            {"schedule": [{"rate": "1h", "name": "a"}, {"rate": "2h"}, {"rate": "3h", "name": "a"}]},
            ["schedule.2.name: the schedule name 'a' is used twice"],
        ),
        (
            {"schedule": [{"rate": "1h", "name": "2"}, {"rate": "2h"}]},
            ["schedule.1: two entries would give schedules of the name 'etl.2'; rename one of them"],
        ),
        (
            {"schedule": [{"rate": "1h"}, {"rate": "2h"}, {"rate": "3h", "name": "2"}]},
            ["schedule.2.name: two entries would give schedules of the name 'etl.2'; rename one of them"],
        ),
        (
            {"schedule": [{"cron": "0 9 13 * FRI"}, {"cron": "0 8 13 * FRI", "name": "1"}]},
            ["schedule.1.name: two entries would give schedules of the name 'etl.1.2'; rename one of them"],
        ),
    ],
)
def test_inconsistent(fields: dict[str, Any], messages: list[str]) -> None:
    """Keys that do not go together are named, all of them."""
    with pytest.raises(SpecError) as caught:
        spec(**fields)
    assert [f"<job etl>: {message}" for message in messages] == [str(problem) for problem in caught.value.problems]


def test_entries_with_names_of_their_own_do_not_collide() -> None:
    """A number is a name like another one, as long as no other entry has it."""
    entries = [{"rate": "1h", "name": "1"}, {"rate": "2h"}, {"rate": "3h"}, {"rate": "4h", "name": "5"}]
    assert 4 == len(spec(schedule=entries).schedule)


def test_a_scheduled_job_is_not_called_like_a_timeout() -> None:
    """The schedules that stop tasks stand in the same group, and are not the plan's."""
    fields = {"name": "jobrunner-timeout-x", "image": "x"}
    assert "jobrunner-timeout-x" == job_spec(**fields).name
    with pytest.raises(SpecError, match="name: a scheduled job cannot be called jobrunner-timeout-…"):
        job_spec(**fields, schedule={"rate": "1h"})


def test_an_existing_definition() -> None:
    """A job of an existing task definition may override what RunTask can, and nothing else."""
    job = job_spec(name="etl", task_definition="etl:7", container="app", command="x", cpu="1 vCPU", task_role="r")
    assert {"name", "task_definition", "container", "command", "cpu", "task_role"} == job.model_fields_set
    with pytest.raises(SpecError) as caught:
        replace(job, image="x", stop_timeout="30s", memory="1 GB")
    tail = "cannot be changed when an existing task_definition runs; take it out, or change the definition"
    size = (
        "cpu 1 vCPU with memory 1 GB is not a Fargate size; nearest legal: 1 vCPU with 2 GB "
        "(cpu: 1 vCPU allows 2 to 8 GB in steps of 1 GB)"
    )
    assert [f"image: image {tail}", f"stop_timeout: stop_timeout {tail}", f"memory: {size}"] == [
        problem.message for problem in caught.value.problems
    ]


def test_secrets_do_not_reach_a_traceback() -> None:
    """Pydantic's own message does not repeat the input either."""
    with pytest.raises(ValidationError) as caught:
        JobSpec(name="etl", image="x", secrets={"A": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_long_values_are_cut() -> None:
    """A megabyte in the wrong place is not repeated."""
    (message,) = problems(cpu="x" * 1_000_000)
    assert len(message) < 200


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(job_specs())
def test_values_are_values(job: JobSpec) -> None:
    """A spec is equal to its copies, hashes, pickles, and validates to itself; its mappings are frozen."""
    assert job == replace(job) == copy.deepcopy(job) == pickle.loads(pickle.dumps(job))  # noqa: S301  # our own bytes
    # our own bytes
    assert hash(job) == hash(replace(job))
    assert job.model_fields_set == replace(job).model_fields_set
    json.dumps(job.model_dump(mode="json"))
    with pytest.raises(TypeError, match="this mapping is frozen"):
        job.environment["A"] = "b"  # type: ignore[index]
    with pytest.raises(ValidationError):
        job.cpu = 512


def test_parts_are_accepted_as_values() -> None:
    """From Python, a part may be built before the whole."""
    assert spec(sidecars={"db": {"image": "x"}}) == spec(sidecars={"db": Sidecar(image="x")})


@given(
    st.dictionaries(
        st.sampled_from([*JobSpec.model_fields, "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=6,
    )
)
def test_anything_else_is_a_spec_error(fields: dict[str, Any]) -> None:
    """No value of any key gives anything but a spec or a SpecError with problems."""
    with only_spec_errors():
        job_spec(**fields)
