"""`jobrunner plan`, `apply` and `destroy`; and what `show` and `validate` say of schedules."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from console import LIMIT_SECONDS, Console, console_in, wait_until

from jobrunner.core.billing import Tariff
from jobrunner.store import load_prices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Terminal

NIGHTLY = """
name: nightly
image: busybox
command: [sh, -c, 'echo night']
schedule: {cron: "30 2 * * *", timezone: Europe/London}
"""
REPORT = """
name: report
image: busybox
params: {token: hunter2}
environment: {API_TOKEN: '${{ params.token }}'}
timeout: 2h
retries: {attempts: 3}
schedule:
  - {cron: "0 0 1 1 *"}
  - {cron: "0 12 1 7 *", name: summer}
"""
IDLE = "name: idle\nimage: busybox\n"
#: Everything that changes anything at AWS, as far as plan and apply could.
WRITES = ("scheduler:Create*", "scheduler:Update*", "scheduler:Delete*", "ecs:Register*", "logs:Create*", "logs:Put*")


_NUMBERS = itertools.count(1)


class Shop:
    """A project of scheduled jobs, the endpoint that serves it, and a look at what is there."""

    def __init__(self, console: Console, url: str, name: str) -> None:
        self.console = console
        self.url = url
        self.name = name
        self.group = f"jobrunner-{name}-local"
        self.scheduler: Any = boto3.client(
            "scheduler", region_name="us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.ecs: Any = boto3.client(
            "ecs", region_name="us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x"
        )

    def write(self, *jobs: str) -> None:
        """Make these the project's jobs."""
        write(self.console.directory, *jobs)

    def run(self, *words: str, code: int = 0) -> Any:
        """Run `jobrunner`."""
        return self.console.run(*words, code=code)

    def plan(self, *words: str, code: int = 0) -> dict[str, Any]:
        """The plan as JSON."""
        [document] = self.run("plan", "--output", "json", *words, code=code).json
        return dict(document)

    def names(self) -> list[str]:
        """The schedules that are there."""
        return [one["Name"] for one in self.scheduler.list_schedules(GroupName=self.group)["Schedules"]]

    def get(self, name: str) -> dict[str, Any]:
        """A schedule in the form of UpdateSchedule."""
        found = self.scheduler.get_schedule(GroupName=self.group, Name=name)
        left_out = ("ResponseMetadata", "Arn", "CreationDate", "LastModificationDate")
        return {key: value for key, value in found.items() if key not in left_out}

    def change(self, name: str, **fields: Any) -> None:
        """Change a schedule by hand."""
        self.scheduler.update_schedule(**{**self.get(name), **fields})

    def order(self, **fault: Any) -> None:
        """Order a fault at the endpoint."""
        self._faults(json.dumps(fault).encode())

    def clear(self) -> None:
        """Take all faults back."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_jobrunner/faults", method="DELETE")).close()  # noqa: S310  127.0.0.1

    def struck(self, operation: str) -> int:
        """How often the faults of an operation have struck."""
        return sum(one["struck"] for one in self._faults()["faults"] if one["operation"] == operation)

    @contextmanager
    def counting(self) -> Iterator[dict[str, int]]:
        """Count the writes in this block, with a fault that does no harm to a call but counts it."""
        counted: dict[str, int] = {}
        before = {operation: self.struck(operation) for operation in WRITES}
        for operation in WRITES:
            self.order(fault="SlowAnswer", operation=operation, seconds=0, times="always")
        yield counted
        counted.update({operation: self.struck(operation) - before[operation] for operation in WRITES})
        self.clear()

    def _faults(self, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(f"{self.url}/_jobrunner/faults", data=body) as answer:  # noqa: S310  127.0.0.1
            return json.load(answer)


def write(directory: Path, *jobs: str) -> None:
    """Write the project's jobs."""
    (directory / "jobs").mkdir(exist_ok=True)
    (directory / "jobs" / "all.yaml").write_text("---\n".join(job.lstrip() for job in jobs), encoding="utf-8")


def project(directory: Path, name: str) -> None:
    """Write a project of three jobs."""
    (directory / "jobrunner.yaml").write_text(f"project: {name}\ndefault_stage: local\n", encoding="utf-8")
    write(directory, NIGHTLY, REPORT, IDLE)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A project that nobody serves."""
    project(tmp_path, "shop")
    return tmp_path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, str]]:
    """A console in a directory that `jobrunner local` serves, and its URL."""
    with console_in(tmp_path_factory.mktemp("shop")) as console:
        server = console.start("local", stderr=subprocess.STDOUT)
        assert server.stdout is not None
        said = server.stdout.readline().decode()
        assert said.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:"), said
        yield console, said.partition("=")[2].strip()
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=LIMIT_SECONDS)


@pytest.fixture
def shop(served: tuple[Console, str]) -> Iterator[Shop]:
    """A project of its own name in that directory, of which nothing is at AWS."""
    console, url = served
    name = f"shop{next(_NUMBERS)}"
    project(console.directory, name)
    shop = Shop(console, url, name)
    yield shop
    shop.clear()


def actions(plan: dict[str, Any]) -> dict[str, str]:
    """What is done with which schedule."""
    return {change["name"]: change["action"] for change in plan["changes"]}


# -- plan and apply -------------------------------------------------------------------------------------------------


def test_a_plan_writes_nothing(shop: Shop) -> None:
    """What would be created, when it fires, and what a month costs; not a single call that changes anything."""
    with shop.counting() as writes:
        result = shop.run("plan")
        assert 3 == shop.run("plan", "--exit-code", code=3).code
    assert dict.fromkeys(WRITES, 0) == writes
    assert re.fullmatch(
        r"\+ create  nightly         30 2 \* \* \* Europe/London → next \S+ 0[12]:30:00Z", result.lines[0]
    )
    assert ["+ create  report", "+ create  report.summer"] == [
        line.split("  ")[0] + "  " + line.split()[2] for line in result.lines[1:3]
    ]
    assert "First a new revision of the task definition is registered for nightly, report." in result.lines
    assert "Plan: 3 to create, 0 to update, 0 to delete, 0 unchanged." in result.lines
    assert "Nothing on the local endpoint; on Fargate at least $0.0" in result.lines[-1]
    assert "an estimate for 3" in result.lines[-1]
    assert "hunter2" not in shop.run("plan", "--verbose").text
    assert "\x1b" not in result.text


def test_a_plan_as_json(shop: Shop) -> None:
    """One object: each change with its fields, secrets hidden, and what they come to."""
    plan = shop.plan()
    assert {"nightly": "create", "report": "create", "report.summer": "create"} == actions(plan)
    fields = plan["changes"][1]["fields"]
    token = "Target.Input.request.Overrides.ContainerOverrides[main].Environment[API_TOKEN]"
    assert {"old": None, "new": "(hidden)"} == fields[token]
    assert "hunter2" not in json.dumps(plan)
    summary = plan["summary"]
    counts = {"create": 3, "update": 0, "delete": 0, "keep": 0, "foreign": 0, "register": ["nightly", "report"]}
    counts["budget"] = []
    assert {"group": shop.group, **counts} == {key: value for key, value in summary.items() if key != "month"}
    assert [True, 0] == [summary["month"]["estimate"], summary["month"]["before"]["runs"]]


def test_an_apply_and_another(shop: Shop) -> None:
    """The first makes what the plan says; the second one finds nothing to do, and changes nothing at AWS."""
    with shop.counting() as writes:
        result = shop.run("apply", "--yes")
    # The group, and three schedules.
    assert [4, 2] == [writes["scheduler:Create*"], writes["ecs:Register*"]]
    assert ["✓ create nightly", "✓ create report", "✓ create report.summer"] == result.lines[-3:]
    assert "jobrunner: 3 changes made" in result.err
    assert ["nightly", "report", "report.summer"] == shop.names()
    tags = {tag["Key"]: tag["Value"] for tag in group_tags(shop)}
    assert ["jobrunner", shop.name, "local"] == [
        tags[key] for key in ("managed-by", "jobrunner:project", "jobrunner:stage")
    ]
    with shop.counting() as writes:
        again = shop.run("apply", "--yes")
    assert dict.fromkeys(WRITES, 0) == writes
    assert "jobrunner: nothing to change" in again.err
    assert "Plan: 0 to create, 0 to update, 0 to delete, 3 unchanged." == again.lines[0]
    shop.run("plan", "--exit-code")
    assert {"nightly": "keep", "report": "keep", "report.summer": "keep"} == actions(shop.plan())


def group_tags(shop: Shop) -> list[dict[str, str]]:
    """The tags of the schedule group."""
    arn = shop.scheduler.get_schedule_group(Name=shop.group)["Arn"]
    return list(shop.scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"])


def test_an_update_changes_what_differs(shop: Shop) -> None:
    """Field by field, old → new; what somebody has set that jobrunner does not manage stays, and is shown."""
    shop.run("apply", "--yes")
    key = "arn:aws:kms:us-east-1:123456789012:key/0f3c0000"
    shop.change("nightly", KmsKeyArn=key)
    shop.write(NIGHTLY.replace("30 2", "45 3").replace("echo night", "echo day"), REPORT)
    result = shop.run("apply", "--yes")
    assert result.lines[0].startswith("~ update  nightly   45 3 * * * Europe/London → next ")
    assert "    ScheduleExpression: cron(30 2 * * ? *) → cron(45 3 * * ? *)" in result.lines
    [definition] = [line for line in result.lines if "Input.TaskDefinition" in line]
    family = f"{shop.group}-nightly"
    assert definition.endswith(f"task-definition/{family}:1 → {family}:(new revision)")
    command = '["sh", "-c", "echo night"] → ["sh", "-c", "echo day"]'
    assert f"    TaskDefinition.Containers[main].Command: {command}" in result.lines
    assert f"    KmsKeyArn: {key} (set by hand, stays)" in result.lines
    assert "✓ update nightly" == result.lines[-1]
    after = shop.get("nightly")
    sent = json.loads(after["Target"]["Input"])
    assert ["cron(45 3 * * ? *)", key] == [after["ScheduleExpression"], after["KmsKeyArn"]]
    assert sent["TaskDefinition"].endswith(f"/{shop.group}-nightly:2")
    command = shop.ecs.describe_task_definition(taskDefinition=sent["TaskDefinition"])
    assert ["sh", "-c", "echo day"] == command["taskDefinition"]["containerDefinitions"][0]["command"]
    shop.run("plan", "--exit-code")


VERSIONED = """
name: etl
image: etl:1.4.1
cpu: 256
memory: 1 GiB
timeout: 2h
environment: {LOG_LEVEL: info, API_TOKEN: hunter1}
secrets: {DB: /shop/hunter1}
schedule: {cron: "0 * * * *"}
"""


def month(*, vcpu: str) -> str:
    """What 720 runs cost, of a minute to two hours, with so much of a processor and a GiB."""
    tariff = Tariff(region="us-east-1", operating_system="linux", architecture="x86_64", capacity="on-demand")
    cpu, memory = (load_prices().find(tariff, unit) for unit in ("vcpu-hour", "gb-hour"))
    assert cpu is not None
    assert memory is not None
    hour = Decimal(vcpu) * cpu.usd + memory.usd
    return f"about ${hour * 12:.2f} to ${hour * 1440:.2f}"


def test_a_plan_shows_what_changes_inside_a_task_definition(shop: Shop) -> None:
    """Image, variables and size, old → new; secrets hidden; and what a month was beside what it will be."""
    shop.write(VERSIONED)
    shop.run("apply", "--yes")
    newer = VERSIONED.replace("1.4.1", "1.4.2").replace("info", "debug").replace("hunter1", "hunter2")
    shop.write(newer.replace("cpu: 256", "cpu: 512"))
    result = shop.run("plan")
    family = f"{shop.group}-etl"
    arn = f"arn:aws:ecs:us-east-1:123456789012:task-definition/{family}"
    assert [
        f"    Target.Input.request.TaskDefinition: {arn}:1 → {family}:(new revision)",
        "    TaskDefinition.Containers[main].Image: etl:1.4.1 → etl:1.4.2",
        "    TaskDefinition.Containers[main].Environment[API_TOKEN]: (hidden) → (hidden, changed)",
        "    TaskDefinition.Containers[main].Environment[LOG_LEVEL]: info → debug",
        "    TaskDefinition.Containers[main].Secrets[DB].ValueFrom: (hidden) → (hidden, changed)",
        "    TaskDefinition.Cpu: 256 → 512",
    ] == [line for line in result.lines if line.startswith("    ")]
    assert "hunter" not in result.text
    was, estimate = month(vcpu="0.25"), "an estimate for 720 runs in 30 days."
    money = f"{month(vcpu='0.5')} a month (was {was})"
    assert f"Nothing on the local endpoint; on Fargate {money}: {estimate}" == result.lines[-1]
    plan = shop.plan()
    fields = plan["changes"][0]["fields"]
    assert {"old": 256, "new": 512} == fields["TaskDefinition.Cpu"]
    assert "hunter" not in json.dumps(plan)
    shop.run("apply", "--yes")
    again = shop.run("plan", "--exit-code")
    assert f"on Fargate {month(vcpu='0.5')} a month: {estimate}" in again.lines[-1]
    shop.write(VERSIONED)
    [back] = [line for line in shop.run("plan").lines if "TaskDefinition.Containers[main].Image" in line]
    assert "    TaskDefinition.Containers[main].Image: etl:1.4.2 → etl:1.4.1" == back


def test_a_job_of_an_existing_task_definition_has_a_price(shop: Shop) -> None:
    """Its size is asked for; a job that is gone had one as well."""
    container = {"name": "main", "image": "busybox", "memory": 64}
    family = f"{shop.name}-theirs"
    shop.ecs.register_task_definition(
        family=family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="512", memory="1024",
        containerDefinitions=[container],
    )  # fmt: skip
    shop.write(VERSIONED.replace("image: etl:1.4.1\ncpu: 256\nmemory: 1 GiB", f"task_definition: {family}").replace(
        "environment: {LOG_LEVEL: info, API_TOKEN: hunter1}\nsecrets: {DB: /shop/hunter1}\n", ""))  # fmt: skip
    shop.run("apply", "--yes")
    assert f"on Fargate {month(vcpu='0.5')} a month: an estimate" in shop.run("plan").lines[-1]
    shop.write(IDLE)
    gone = shop.run("plan", "--prune").lines[-1]
    assert f"Nothing runs in the next 30 days any more (was {month(vcpu='0.5')})." == gone


def test_what_was_paused_stays_paused(shop: Shop) -> None:
    """A file that says nothing of it decides nothing."""
    shop.run("apply", "--yes")
    shop.change("nightly", State="DISABLED")
    shop.write(NIGHTLY.replace("30 2", "45 3"), REPORT)
    assert "45 3 * * * Europe/London → paused" in shop.run("apply", "--yes").lines[0]
    assert "DISABLED" == shop.get("nightly")["State"]


def test_only_pruning_deletes(shop: Shop) -> None:
    """What the project has no more is named, and stays until --prune; one job's plan does not look at others'."""
    shop.run("apply", "--yes")
    shop.write(NIGHTLY)
    result = shop.run("plan", "--exit-code")
    assert "    not in the project any more; --prune deletes it" == result.lines[1]
    assert "nothing to change" in shop.run("apply", "--yes").err
    assert ["nightly"] == [*actions(shop.plan("nightly", "--prune"))]
    assert 3 == len(shop.names())
    result = shop.run("apply", "--prune", "--yes")
    assert ["✓ delete report", "✓ delete report.summer"] == result.lines[-2:]
    assert ["nightly"] == shop.names()


def test_what_is_somebody_else_s(shop: Shop) -> None:
    """It is left alone, and the exit codes say that not all is as the project wants it; --adopt takes it over."""
    shop.run("apply", "nightly", "--yes")
    shop.change("nightly", Description="by hand", ScheduleExpression="cron(0 0 1 1 ? *)")
    assert "foreign" == actions(shop.plan("nightly", "--exit-code", code=3))["nightly"]
    result = shop.run("apply", "--yes", code=69)
    assert "left alone; --adopt takes it over; its description is 'by hand'" in result.text
    assert "1 of somebody else left alone" in result.text
    assert ["nightly", "report", "report.summer"] == shop.names()
    assert "by hand" == shop.get("nightly")["Description"]
    shop.run("apply", "--yes", code=69)
    result = shop.run("apply", "--adopt", "--yes")
    assert "    adopted; its description was 'by hand'" in result.lines
    assert f"Made by jobrunner: job nightly of {shop.name}/local" == shop.get("nightly")["Description"]
    shop.run("plan", "--exit-code")


def test_one_failure_does_not_keep_the_others_from_being_made(shop: Shop) -> None:
    """It is said with its reason; the exit code is 69, and the next apply makes what is missing."""
    shop.order(fault="ErrorAnswer", operation="POST /schedules/report", code="AccessDeniedException")
    result = shop.run("apply", "--yes", code=69)
    assert ["✓ create nightly", "✓ create report.summer"] == [line for line in result.lines if line.startswith("✓")]
    [failed] = [line for line in result.lines if line.startswith("✗")]
    assert failed.startswith("✗ create report: failed: ")
    assert "not authorized" in failed
    assert "jobrunner: 2 changes made, 1 failed" in result.err
    assert ["nightly", "report.summer"] == shop.names()
    again = shop.run("apply", "--yes", "--output", "json").json
    assert ["plan", "applied", "finished"] == [line["event"] for line in again]
    expected = {"event": "applied", "action": "create", "name": "report", "job": "report", "error": None}
    assert expected == again[1]
    assert {"event": "finished", "done": 1, "failed": 0, "left": []} == again[2]


def test_a_failure_as_json(shop: Shop) -> None:
    """What AWS said is part of the line."""
    shop.order(fault="ErrorAnswer", operation="POST /schedules/nightly", code="AccessDeniedException")
    lines = shop.run("apply", "nightly", "--yes", "--output", "json", code=69).json
    assert ["AccessDeniedException", "scheduler:CreateSchedule"] == [
        lines[1]["error"][key] for key in ("code", "where")
    ]
    assert {"event": "finished", "done": 0, "failed": 1, "left": []} == lines[2]


@pytest.mark.parametrize("words", [["apply"], ["apply", "nightly", "--prune"], ["destroy"]])
def test_nobody_to_ask(shop: Shop, words: list[str]) -> None:
    """Without a terminal, --yes has to be said: a usage error, before anything is asked of AWS."""
    with shop.counting() as writes:
        result = shop.run(*words, code=2)
    assert "there is no terminal to ask on; --yes makes the changes without asking" in result.err
    assert ["", dict.fromkeys(WRITES, 0)] == [result.text, writes]


def test_a_job_that_cannot_be_scheduled(shop: Shop) -> None:
    """Nothing is asked of AWS; an unknown name is an error, too."""
    shop.write(NIGHTLY, REPORT.replace("token: hunter2", "token: {}"))
    result = shop.run("plan", code=65)
    assert "job report is scheduled, and a schedule gives no value for token" in result.err
    assert "there is no job 'nigthly'; did you mean 'nightly'?" in shop.run("plan", "nigthly", code=65).err


# -- signals --------------------------------------------------------------------------------------------------------


def test_ctrl_c_stops_between_two_changes(shop: Shop) -> None:
    """The change under way comes to its end; the rest is not begun, and it is said what was made and what not."""
    shop.order(fault="SlowAnswer", operation="POST /schedules/nightly", seconds=2)
    process = shop.console.start("apply", "--yes")
    wait_until(lambda: shop.struck("POST /schedules/nightly"), "the first change")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    assert 130 == process.returncode
    assert "✓ create nightly" == out.decode().splitlines()[-1]
    assert "jobrunner: SIGINT: stopping after this change; again to stop now" in err.decode()
    assert "jobrunner: 1 change made; not made: report, report.summer" in err.decode()
    assert ["nightly"] == shop.names()


def test_a_second_signal_does_not_wait(shop: Shop) -> None:
    """It leaves in the middle of a change; what is not known to be made counts as not made."""
    shop.order(fault="NoAnswer", operation="POST /schedules/nightly", seconds=600)
    process = shop.console.start("apply", "--yes", "--output", "json")
    assert process.stderr is not None
    wait_until(lambda: shop.struck("POST /schedules/nightly"), "the first change")
    process.send_signal(signal.SIGTERM)
    while b"stopping after this change" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LIMIT_SECONDS)
    assert 143 == process.returncode
    last = json.loads(out.decode().splitlines()[-1])
    assert {"event": "finished", "done": 0, "failed": 0, "left": ["nightly", "report", "report.summer"]} == last


# -- on a terminal --------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(shop: Shop) -> Iterator[Any]:
    """Start `jobrunner` on a terminal; it is ended when the test ends."""
    opened: list[Terminal] = []

    def start(*words: str, **env: str) -> Terminal:
        console = Console(directory=shop.console.directory, state_dir=shop.console.state_dir, env=env)
        opened.append(console.terminal(*words, columns=140))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def typed(terminal: Terminal, text: str) -> None:
    """Type something."""
    terminal._child.send(text)


def test_the_plan_is_confirmed(shop: Shop, terminal: Any) -> None:
    """It is shown, in colour; `y` applies it, and anything else does not."""
    refused = terminal("apply")
    refused.wait_for("Apply? [y/N]:")
    typed(refused, "\r")
    assert 130 == refused.end()
    assert "jobrunner: nothing was changed" in refused.lines
    accepted = terminal("apply")
    lines = accepted.wait_for("Apply? [y/N]:")
    assert any(line.startswith("+ create  report.summer") for line in lines)
    typed(accepted, "y\r")
    assert 0 == accepted.end()
    assert "✓ create report.summer" in accepted.lines
    assert b"\x1b[32m+ create  nightly" in accepted.raw
    assert ["nightly", "report", "report.summer"] == shop.names()
    nothing = terminal("apply")
    assert 0 == nothing.end()
    assert "jobrunner: nothing to change" in nothing.lines


def test_ctrl_c_at_the_question(shop: Shop, terminal: Any) -> None:
    """Nothing is done."""
    with shop.counting() as writes:
        asked = terminal("apply", NO_COLOR="1")
        asked.wait_for("Apply? [y/N]:")
        asked.press_ctrl_c()
        assert 130 == asked.end()
    assert dict.fromkeys(WRITES, 0) == writes
    assert b"\x1b[32m" not in asked.raw


def test_destroy_asks(shop: Shop, terminal: Any) -> None:
    """How many it would delete, and where."""
    shop.run("apply", "--yes")
    asked = terminal("destroy")
    asked.wait_for(f"Destroy 3 schedules in {shop.group}? [y/N]:")
    typed(asked, "n\r")
    assert 130 == asked.end()
    assert 3 == len(shop.names())


# -- destroy --------------------------------------------------------------------------------------------------------


def test_destroy_deletes_everything_of_ours(shop: Shop) -> None:
    """All schedules, whatever the files say, and their group; what stays is said."""
    shop.run("apply", "--yes")
    (shop.console.directory / "jobs" / "all.yaml").write_text("image: [broken", encoding="utf-8")
    result = shop.run("destroy", "--yes")
    made = [
        "✓ delete nightly",
        "✓ delete report",
        "✓ delete report.summer",
        f"✓ delete {shop.group} (the schedule group)",
    ]
    assert made == result.lines[-4:]
    assert f"the task definitions {shop.group}-… and the log group /jobrunner/{shop.name}/local stay" in result.err
    assert shop.group not in [group["Name"] for group in shop.scheduler.list_schedule_groups()["ScheduleGroups"]]
    assert "jobrunner: nothing to change" in shop.run("destroy", "--yes").err


def test_destroy_leaves_what_is_not_ours(shop: Shop) -> None:
    """What somebody else has made, and the timeouts of tasks that run: then the group stays, too."""
    shop.run("apply", "--yes")
    shop.change("nightly", Description="by hand")
    timeout = "jobrunner-timeout-4r9k2m8p3w7x5t1q-1"
    shop.scheduler.create_schedule(**{**shop.get("report.summer"), "Name": timeout})
    result = shop.run("destroy", "--yes")
    assert ["✓ delete report", "✓ delete report.summer"] == result.lines[-2:]
    assert [timeout, "nightly"] == shop.names()


# -- without an endpoint that stays ---------------------------------------------------------------------------------


def test_an_endpoint_for_the_command_alone(directory: Path) -> None:
    """It takes the schedules with it, and that is said."""
    with console_in(directory) as console:
        result = console.run("apply", "--yes")
        assert "✓ create nightly" in result.lines
        assert "`jobrunner local` starts one that stays" in result.err
        console.run("plan", "--exit-code", code=3)


# -- show and validate ----------------------------------------------------------------------------------------------


def test_show_prints_what_apply_sends(shop: Shop) -> None:
    """All but the revision of the task definition, which is known only when it is registered."""
    shown = shop.run("show", "report", "--output", "json").json[0]["schedules"]
    shop.run("apply", "--yes")
    assert ["report", "report.summer"] == [one["Name"] for one in shown]
    for one in shown:
        sent = shop.get(one["Name"])
        document, known = json.loads(sent["Target"].pop("Input")), json.loads(one["Target"].pop("Input"))
        family = known["request"].pop("TaskDefinition")
        assert document["request"].pop("TaskDefinition").endswith(f"/{family}:1")
        assert [document, sent] == [known, one]


ON_AWS = """
project: shop
stages:
  prod:
    region: eu-west-1
    network: {subnets: [subnet-0123456789abcdef0], security_groups: [sg-0123456789abcdef0]}
    execution_role: execution
    ROLE
"""


@pytest.mark.parametrize(
    ("role", "job", "count", "said"),
    [
        ("", "nightly", 0, "no schedules: scheduler_role is not set, and the schedule of nightly needs it; "),
        ("scheduler_role: s", "nightly", 1, "000000000000 stands for the account, which no setting names: apply asks"),
        ("scheduler_role: s", "report", 0, "no schedules: job report has timeout: that needs the state machine of "),
        ("scheduler_role: s", "idle", 0, ""),
    ],
)
def test_show_of_a_stage_on_aws(directory: Path, role: str, job: str, count: int, said: str) -> None:
    """Offline; what is not known, or not possible, is said."""
    (directory / "jobrunner.yaml").write_text(ON_AWS.replace("ROLE", role), encoding="utf-8")
    with console_in(directory) as console:
        result = console.run("show", job, "--stage", "prod", "--output", "json")
    schedules = result.json[0]["schedules"]
    assert count == len(schedules)
    assert said in result.err
    assert ["arn:aws:iam::000000000000:role/s"] * count == [one["Target"]["RoleArn"] for one in schedules]


def test_show_of_what_is_over(directory: Path) -> None:
    """Apply sends nothing for it."""
    write(directory, "name: over\nimage: busybox\nschedule: {at: 2026-01-01T00:00}\n")
    with console_in(directory) as console:
        result = console.run("show", "over", "--output", "json")
    assert [] == result.json[0]["schedules"]
    assert "schedule over: its time, 2026-01-01 00:00:00 UTC, has passed: nothing is created" in result.err


def test_validate_knows_what_a_schedule_cannot_give(directory: Path) -> None:
    """At the place of the job, like every other problem, on whatever stage; a job without a schedule may need it."""
    write(
        directory, NIGHTLY, REPORT.replace("token: hunter2", "token: {}"), "name: asked\nimage: x\nparams: {day: {}}\n"
    )
    with console_in(directory) as console:
        result = console.run("validate", code=65)
    [problem] = result.lines
    said = "job report is scheduled, and a schedule gives no value for token; Give each a default in the job"
    assert re.match(rf"jobs/all\.yaml:\d+:\d+: {said}", problem), problem
