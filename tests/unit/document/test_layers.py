"""Flag over environment over stage over project file over default, and where each value came from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import only_spec_errors

from jobrunner.core import local_stage
from jobrunner.core.settings import KEYS, Settings
from jobrunner.document import load_project
from jobrunner.document.settings import sanitised
from jobrunner.errors import SpecError

SUBNETS = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project called shop, which is the current directory."""
    (tmp_path / "my shop").mkdir()
    monkeypatch.chdir(tmp_path / "my shop")
    return tmp_path / "my shop"


def load(text: str | None = None, environ: dict[str, str] | None = None, **options: Any) -> Settings:
    """The settings of a project file."""
    if text is not None:
        Path("jobrunner.yaml").write_text(text)
    return load_project(Path(), environ={"HOME": "/home/me", **(environ or {})}, **options).settings


def problems(text: str | None = None, environ: dict[str, str] | None = None, **options: Any) -> list[str]:
    """What is wrong with the layers."""
    with pytest.raises(SpecError) as caught:
        load(text, environ, **options)
    return [str(problem) for problem in caught.value.problems]


def test_defaults() -> None:
    """Without a project file every setting has its default, and no stage is guessed."""
    found = load()
    assert ("my-shop", None, None, "default", "/jobrunner/my-shop", 30, "stop", None, "jobs") == (
        found.project,
        found.stage,
        found.region,
        found.cluster,
        found.log_group,
        found.log_retention,
        found.on_interrupt,
        found.endpoint,
        found.jobs,
    )
    assert Path("/home/me/.local/state/jobrunner") == found.state_dir
    assert dict.fromkeys(KEYS, "default") == found.provenance


@pytest.mark.parametrize(
    ("name", "project"), [("a b!c", "a-b-c"), ("..", "project"), ("x" * 40, "x" * 32), ("_a_", "a")]
)
def test_names_of_directories(name: str, project: str) -> None:
    """A directory's name becomes one that is allowed."""
    assert project == sanitised(name)


PROJECT = """\
project: shop
region: eu-west-1
cluster: prod
network: {subnets: [subnet-0123456789abcdef0], assign_public_ip: no}
tags: {team: data, cost: "1"}
stages:
  prod:
    region: eu-west-2
    network: {subnets: [subnet-0123456789abcdef1]}
    tags: {cost: "2"}
  dev:
"""


def test_precedence() -> None:
    """Each layer wins over the ones below, key by key in mappings; the origin is where the value stands."""
    found = load(
        PROJECT,
        {"JOBRUNNER_CLUSTER": "from-env", "JOBRUNNER_LOG_RETENTION": "7", "JOBRUNNER_STAGE": "dev"},
        stage="prod",
        overrides={"log_retention": "14", "on_interrupt": "detach", "profile": None},
    )
    assert ("shop", "prod", "eu-west-2", "from-env", 14, "detach") == (
        found.project,
        found.stage,
        found.region,
        found.cluster,
        found.log_retention,
        found.on_interrupt,
    )
    assert (SUBNETS[1:], False, {"team": "data", "cost": "2"}, "/jobrunner/shop/prod") == (
        found.network.subnets,
        found.network.assign_public_ip,
        found.tags,
        found.log_group,
    )
    expected = {
        "project": "jobrunner.yaml:1:1",
        "stage": "flag --stage",
        "region": "jobrunner.yaml:8:5 (stage prod)",
        "cluster": "JOBRUNNER_CLUSTER",
        "network.subnets": "jobrunner.yaml:9:15 (stage prod)",
        "network.assign_public_ip": "jobrunner.yaml:4:48",
        "tags.team": "jobrunner.yaml:5:8",
        "tags.cost": "jobrunner.yaml:10:12 (stage prod)",
        "log_retention": "flag --log-retention",
        "on_interrupt": "flag --on-interrupt",
        "profile": "default",
    }
    assert expected == {key: found.provenance[key] for key in expected}


def test_the_stage() -> None:
    """A flag, then JOBRUNNER_STAGE, then default_stage; a stage may be empty."""
    text = "default_stage: prod\n" + PROJECT
    chosen = [load(text), load(text, {"JOBRUNNER_STAGE": "dev"}), load(text, {"JOBRUNNER_STAGE": "dev"}, stage="prod")]
    assert [
        ("prod", "jobrunner.yaml:1:16"),
        ("dev", "JOBRUNNER_STAGE"),
        ("prod", "flag --stage"),
    ] == [(found.stage, found.provenance["stage"]) for found in chosen]


def test_unknown_stages() -> None:
    """A stage that does not exist is refused where it was named."""
    assert ["--stage: there is no stage 'prd'; did you mean 'prod'?"] == problems(PROJECT, stage="prd")
    assert ["JOBRUNNER_STAGE: there is no stage 'zzz'; stages: prod, dev and local"] == problems(
        PROJECT, {"JOBRUNNER_STAGE": "zzz"}
    )
    assert ["jobrunner.yaml:1:16: there is no stage 'zzz'; stages: local"] == problems("default_stage: zzz")


def test_the_built_in_stage() -> None:
    """The local stage exists unwritten; what the endpoint brings is not replaced by the project's own."""
    text = PROJECT + "profile: mine\nlog_group: /mine\nexecution_role: mine\n"
    found = load(text, stage="local")
    assert (local_stage.REGION, local_stage.CLUSTER, local_stage.SUBNETS, local_stage.SECURITY_GROUPS, True) == (
        found.region,
        found.cluster,
        found.network.subnets,
        found.network.security_groups,
        found.network.assign_public_ip,
    )
    assert (local_stage.EXECUTION_ROLE, local_stage.TASK_ROLE, None, "/jobrunner/shop/local", True) == (
        found.execution_role,
        found.task_role,
        found.profile,
        found.log_group,
        found.is_local,
    )
    assert {"built-in stage local"} == {
        found.provenance[key] for key in ("endpoint", "cluster", "network.subnets", "profile")
    }
    assert "jobrunner.yaml:5:8" == found.provenance["tags.team"]


def test_the_budget() -> None:
    """Of the project, of a stage, or of the environment; exact, and with the place where it stands."""
    text = "budget: 25 USD\nstages: {prod: {budget: $0.50}, dev: {}}\n"
    found = [load(text, stage="prod"), load(text, stage="dev"), load(text, {"JOBRUNNER_BUDGET": "7"}, stage="prod")]
    assert [
        (Decimal("0.50"), "jobrunner.yaml:2:17 (stage prod)"),
        (Decimal(25), "jobrunner.yaml:1:1"),
        (Decimal(7), "JOBRUNNER_BUDGET"),
    ] == [(one.budget, one.provenance["budget"]) for one in found]
    assert ["my-shop/prod", "my-shop"] == [found[0].title, load().title]
    said = "is not an amount of US dollars; write for instance 25 USD, $25, 25 or 0.50"
    assert [f"JOBRUNNER_BUDGET: '1,000' {said}"] == problems(text, {"JOBRUNNER_BUDGET": "1,000"})
    assert None is load("budget:\n").budget


def test_the_log_group_of_history() -> None:
    """It is that of the rule of deploy/history.yaml: of project and stage, unless it is written; locally of all."""
    groups = [load().history_log_group, load(PROJECT, stage="prod").history_log_group]
    assert ["/aws/events/jobrunner-my-shop", "/aws/events/jobrunner-shop-prod"] == groups
    assert "/mine" == load(PROJECT + "history_log_group: /mine\n", stage="prod").history_log_group
    assert local_stage.HISTORY_LOG_GROUP == load(PROJECT, stage="local").history_log_group


def test_the_schedule_group_is_the_projects_own() -> None:
    """Of project and stage, unless it is written: what stands in the group is what `apply` answers for."""
    groups = [load().schedule_group, load(PROJECT, stage="prod").schedule_group]
    assert ["jobrunner-my-shop", "jobrunner-shop-prod"] == groups
    assert "mine" == load(PROJECT + "schedule_group: mine\n", stage="prod").schedule_group
    long = load(f"project: {'p' * 32}\nstages: {{{'s' * 32}: {{}}}}\n", stage="s" * 32).schedule_group
    assert (64, f"jobrunner-{'p' * 32}-{'s' * 12}") == (len(long), long.rpartition("-")[0])


def test_what_schedules_need_is_there_on_the_local_stage() -> None:
    """Role, state machine and queue, by name; and the state machine looks at a task at once."""
    found = load(PROJECT, stage="local")
    assert (local_stage.SCHEDULER_ROLE, "jobrunner-local", "jobrunner-local-dead-letters", 1) == (
        found.scheduler_role,
        found.state_machine,
        found.dead_letter_queue,
        found.first_look,
    )


def test_the_built_in_stage_may_be_extended() -> None:
    """What the local stage writes itself lies over what the endpoint brings."""
    found = load(PROJECT + "  local: {cluster: mine, local: {startup: 2s, deprovision: 1s}}\n", stage="local")
    assert ("mine", local_stage.REGION, 2, 1) == (
        found.cluster,
        found.region,
        found.local_startup,
        found.local_deprovision,
    )


def test_endpoints() -> None:
    """Whoever chooses the local endpoint gets what it brings; `aws` takes a lower choice back."""
    stages = "{prod: {endpoint: aws, region: eu-west-1}, test: {region: eu-west-3}}"
    text = f"endpoint: local\ncluster: mine\nstages: {stages}\n"
    top, prod, test = load(text), load(text, stage="prod"), load(text, stage="test")
    assert ("mine", local_stage.REGION, "local") == (top.cluster, top.region, top.endpoint)
    assert ("mine", "eu-west-1", None, None) == (prod.cluster, prod.region, prod.endpoint, prod.network.subnets)
    assert ("eu-west-3", "local", local_stage.SUBNETS) == (test.region, test.endpoint, test.network.subnets)
    url = load(text, {"JOBRUNNER_ENDPOINT": "http://127.0.0.1:5000"})
    assert ("http://127.0.0.1:5000", None) == (url.endpoint, url.region)
    assert [
        (
            "jobrunner.yaml:1:11: 'http://me:secret@host' is not "
            "an endpoint: local, aws or an http(s) URL without credentials"
        )
    ] == problems("endpoint: http://me:secret@host")


def test_variables() -> None:
    """Lists may be separated by commas or JSON, mappings nested by __ or JSON; empty variables do not count."""
    found = load(
        None,
        {
            "JOBRUNNER_NETWORK__SUBNETS": ", ".join(SUBNETS),
            "JOBRUNNER_NETWORK__SECURITY_GROUPS": '["sg-01234567"]',
            "JOBRUNNER_NETWORK__ASSIGN_PUBLIC_IP": "yes",
            "JOBRUNNER_TAGS": '{"team": "data", "n": 1.50, "b": true}',
            "JOBRUNNER_LOCAL__STARTUP": "5s",
            "JOBRUNNER_REGION": "",
            "JOBRUNNER_DEFAULTS": '{"environment": {"A": "1"}}',
        },
    )
    assert (SUBNETS, ("sg-01234567",), True, {"team": "data", "n": "1.50", "b": "true"}, 5, None) == (
        found.network.subnets,
        found.network.security_groups,
        found.network.assign_public_ip,
        found.tags,
        found.local_startup,
        found.region,
    )
    assert ("JOBRUNNER_NETWORK__SUBNETS", "JOBRUNNER_TAGS", "JOBRUNNER_LOCAL__STARTUP") == (
        found.provenance["network.subnets"],
        found.provenance["tags.team"],
        found.provenance["local.startup"],
    )


def test_defaults_from_variables() -> None:
    """`defaults` can come from the environment like any other setting."""
    Path("jobs").mkdir()
    Path("jobs/a.yaml").write_text("image: a")
    project = load_project(Path(), environ={"JOBRUNNER_DEFAULTS__CPU": "1 vCPU"})
    assert 1024 == project.jobs["a"].cpu


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"JOBRUNNER_LOG_RETENTION": "x"}, ["JOBRUNNER_LOG_RETENTION: 'x' is not a whole number of days"]),
        (
            {"JOBRUNNER_NETWORK__SUBNETS": "subnet-1,subnet-0123456789abcdef0"},
            ["JOBRUNNER_NETWORK__SUBNETS: 'subnet-1' is not a subnet id, such as subnet-0123456789abcdef0"],
        ),
        (
            {"JOBRUNNER_NETWORK__SUBNET": "x"},
            ["JOBRUNNER_NETWORK__SUBNET: unknown key 'subnet'; did you mean 'subnets'?"],
        ),
        (
            {"JOBRUNNER_TAGS": "{a"},
            [
                (
                    "JOBRUNNER_TAGS: the value starts like JSON and is not: "
                    "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
                )
            ],
        ),
        (
            {"JOBRUNNER_TAGS": '{"a":' * 60 + "1" + "}" * 60},
            ["JOBRUNNER_TAGS: the value starts like JSON and is not: it is nested more than 50 levels deep"],
        ),
        (
            {"JOBRUNNER_TAGS": "[" * 100_000},
            None,
        ),
        ({"JOBRUNNER_DEFAULTS__CPU": "7 vCPU", "JOBRUNNER_REGION": "?"}, None),
        (
            {"JOBRUNNER_TAGS" + "__A" * 60: "x"},
            [f"{('JOBRUNNER_TAGS' + '__A' * 60)[:80]}: the name has more than 50 parts"],
        ),
    ],
)
def test_wrong_variables(environ: dict[str, str], expected: list[str] | None) -> None:
    """A problem of a variable names the variable."""
    found = problems(None, environ)
    if expected is not None:
        assert expected == found
    assert {problem.split(":")[0] for problem in found} == {name[:80] for name in environ}


def test_misspelt_variables() -> None:
    """A variable that is nearly a setting is a warning; what a run sets is none, nor is what is far from all."""
    environ = {
        "JOBRUNNER_REGOIN": "x",
        "JOBRUNNER_STAEG": "x",
        "JOBRUNNER_JOB": "x",
        "JOBRUNNER_RUN_ID": "x",
        "JOBRUNNER_KEY": "x",
        "JOBRUNNER_SOMETHING_ELSE": "x",
        "OTHER_REGION": "x",
    }
    assert (
        "unknown variable JOBRUNNER_REGOIN; did you mean JOBRUNNER_REGION?",
        "unknown variable JOBRUNNER_STAEG; did you mean JOBRUNNER_STAGE?",
    ) == load_project(Path(), environ=environ).warnings


def test_the_region_of_the_sdks() -> None:
    """Without a region of its own, a project has the one that every AWS SDK reads."""
    found = load(None, {"AWS_DEFAULT_REGION": "eu-west-3", "AWS_REGION": "eu-west-2"})
    assert ("eu-west-2", "AWS_REGION") == (found.region, found.provenance["region"])
    assert "eu-west-1" == load("region: eu-west-1", {"AWS_REGION": "eu-west-2"}).region


def test_the_state_directory(here: Path) -> None:
    """A path is absolute, of the home directory, or relative: to the file that says so, or to where we are."""
    assert [
        Path("/x/jobrunner"),
        Path("/home/me/.local/state/jobrunner"),
        Path("/home/me/state"),
        Path("/home/me"),
        here / "state",
        here / "state",
    ] == [
        load("", {"XDG_STATE_HOME": "/x"}).state_dir,
        load("", {"XDG_STATE_HOME": "relative"}).state_dir,
        load("state_dir: ~/state").state_dir,
        load("state_dir: '~'").state_dir,
        load("state_dir: state").state_dir,
        load("", {"JOBRUNNER_STATE_DIR": "state"}).state_dir,
    ]


def test_what_is_no_project_file(here: Path) -> None:
    """The project file is one mapping; it may be empty; there is one of it."""
    assert ["jobrunner.yaml:1:1: the project file is a mapping (key: value), not a list"] == problems("- x")
    assert ["jobrunner.yaml:3:1: the project file is one document; this is a second one"] == problems(
        "a: b\n---\nc: d"
    )[-1:]
    assert ["jobrunner.yaml: the file is UTF-16; save it as UTF-8"] == problems_of_bytes("region: x".encode("utf-16"))
    assert "my-shop" == load("# nothing\n").project
    (here / "jobrunner.yml").write_text("")
    assert ["jobrunner.yaml: jobrunner.yml stands beside it; keep one of them"] == problems("")
    (here / "jobrunner.yaml").unlink()
    assert None is load().region


def problems_of_bytes(content: bytes) -> list[str]:
    """What is wrong with the bytes of a project file."""
    Path("jobrunner.yaml").write_bytes(content)
    return problems()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stages: [a]", ["jobrunner.yaml:1:9: stages must be a mapping (key: value), not a list"]),
        ("stages: {a: [b]}", ["jobrunner.yaml:1:13: a must be a mapping (key: value), not a list"]),
        ("stages: {a b: {}}", ["jobrunner.yaml:1:10: 'a b' is not a stage's name: up to 32 letters, digits, - and _"]),
        ("stages: {a: {stages: {}}}", ["jobrunner.yaml:1:14: unknown key 'stages'; did you mean 'tags'?"]),
        ("stages: {a: {regoin: x}}", ["jobrunner.yaml:1:14: unknown key 'regoin'; did you mean 'region'?"]),
        (
            "default_stage: [x]",
            ["jobrunner.yaml:1:16: default_stage must be text, not a list; quote a text that starts with '['"],
        ),
        ("region: Europe", ["jobrunner.yaml:1:9: 'Europe' is not an AWS region, such as eu-west-1"]),
        ("local: {startup: 11m}", ["jobrunner.yaml:1:18: 11m is out of range: simulated times are 0s to 10m"]),
    ],
)
def test_wrong_project_files(text: str, expected: list[str]) -> None:
    """Stages that nobody chose are checked as well."""
    assert expected == problems(text)


def test_wrong_flags() -> None:
    """A problem of a flag names the flag."""
    endless: list[Any] = []
    endless.append(endless)
    assert [
        "--region: 'x y' is not an AWS region, such as eu-west-1",
        "--tags: it is nested more than 50 levels deep",
    ] == sorted(problems(None, None, overrides={"region": "x y", "tags": endless}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "NETWORK",
                "NETWORK__SUBNETS",
                "TAGS",
                "TAGS__A",
                "TAGS__A__B",
                "LOCAL",
                "REGION",
                "REGION__X",
                "STAGE",
                "STATE_DIR",
                "DEFAULTS",
            ]
        ).map(lambda name: "JOBRUNNER_" + name),
        st.text(alphabet='{}[]",:a1 -~/', max_size=8),
        max_size=5,
    )
)
def test_any_variables(environ: dict[str, str]) -> None:
    """No variables give anything but settings or problems."""
    with only_spec_errors():
        load_project(Path(), environ=environ)
