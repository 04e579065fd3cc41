"""Tasks really execute, in ECS's order, and end as ECS says it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endpoint_jobs import Jobs, client_of, container, exit_codes, until

from jobrunner.core import local_stage
from jobrunner.local import serve

if TYPE_CHECKING:
    from jobrunner.local.endpoint import Endpoint


def script(text: str, name: str = "main", **members: Any) -> dict[str, Any]:
    """A container that runs a shell script."""
    return container("sh", "-c", text, name=name, **members)


def test_exit_code_reason_and_log(jobs: Jobs) -> None:
    """The exit code, the stop code and the reason of a task are its container's; its lines are readable."""
    task = jobs.run(script("echo one; echo two >&2; exit 3"))
    assert {"main": 3} == exit_codes(task)
    assert ("EssentialContainerExited", "Essential container in task exited") == (
        task["stopCode"],
        task["stoppedReason"],
    )
    assert ["one", "two"] == jobs.lines(task)


def test_times_are_all_there_and_in_order(jobs: Jobs) -> None:
    """A task that ran has every timestamp, in the order of its life."""
    task = jobs.run(script("true"))
    names = ["createdAt", "connectivityAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt"]
    names += ["executionStoppedAt", "stoppedAt"]
    times = [task[name] for name in names]
    assert sorted(times) == times


def test_a_signal_is_128_and_its_number(jobs: Jobs) -> None:
    """A container that a signal ended has the exit code 128+n."""
    assert {"main": 137} == exit_codes(jobs.run(script("kill -9 $$")))


def test_environment_is_small_and_points_here(jobs: Jobs, endpoint: Endpoint) -> None:
    """A container sees its own variables and this endpoint, and nothing of the caller's AWS settings."""
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    definition = container("python", "-c", code, environment=[{"name": "WHO", "value": "definition"}])
    override = {"name": "main", "environment": [{"name": "WHO", "value": "override"}, {"name": "NEW", "value": "1"}]}
    task = jobs.run(definition, overrides={"containerOverrides": [override]})
    seen = json.loads(jobs.lines(task)[0])
    assert ("override", "1", endpoint.url) == (seen["WHO"], seen["NEW"], seen["AWS_ENDPOINT_URL"])
    assert str(Path(sys.executable).parent) == seen["PATH"].split(":")[0]
    assert set() == {name for name in seen if name.startswith(("PYTEST", "AWS_CA", "AWS_PROFILE"))}


def test_job_can_use_the_endpoint(jobs: Jobs) -> None:
    """The job's own AWS client needs no settings."""
    code = "import boto3; print(boto3.client('ecs').describe_clusters(clusters=['jobrunner'])['clusters'][0]['status'])"
    assert ["ACTIVE"] == jobs.lines(jobs.run(container("python", "-c", code)))


def test_metadata(jobs: Jobs) -> None:
    """A container finds its task's ARN at ECS_CONTAINER_METADATA_URI_V4."""
    code = (
        "import os, urllib.request as u; print(u.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4']+'/task').read())"
    )
    task = jobs.run(container("python", "-c", code))
    assert task["taskArn"] in jobs.lines(task)[0]


def test_command_override_keeps_the_entry_point(jobs: Jobs) -> None:
    """An override of the command replaces the command, not the entry point."""
    definition = container("from-definition", entryPoint=["echo", "entry"])
    task = jobs.run(definition, overrides={"containerOverrides": [{"name": "main", "command": ["from-override"]}]})
    assert ["entry from-override"] == jobs.lines(task)


def test_working_directory(jobs: Jobs, tmp_path: Path) -> None:
    """A container runs in its working directory."""
    assert [str(tmp_path)] == jobs.lines(jobs.run(container("pwd", workingDirectory=str(tmp_path))))


def test_working_directory_missing(jobs: Jobs) -> None:
    """A working directory that does not exist fails the start, as a container runtime does."""
    task = jobs.run(container("pwd", workingDirectory="/no/such"))
    assert "TaskFailedToStart" == task["stopCode"]
    assert 'chdir to cwd ("/no/such") set in config.json failed: no such file or directory' in task["stoppedReason"]


def test_command_missing_in_path(jobs: Jobs) -> None:
    """A command that does not exist fails the start; there is no exit code."""
    task = jobs.run(container("no-such-program"))
    assert ("TaskFailedToStart", {"main": None}) == (task["stopCode"], exit_codes(task))
    assert task["stoppedReason"].startswith("CannotStartContainerError: ")
    assert 'exec: "no-such-program": executable file not found in $PATH' in task["containers"][0]["reason"]


def test_command_not_executable(jobs: Jobs) -> None:
    """A file that may not be executed fails the start with the kernel's word."""
    assert "permission denied" in jobs.run(container("/etc/passwd"))["stoppedReason"]


def test_no_command_at_all(jobs: Jobs) -> None:
    """Without a command there is nothing to run, because no image is pulled; the reason says so."""
    assert "does not pull the image" in jobs.run(container())["stoppedReason"]


def test_missing_log_group(jobs: Jobs) -> None:
    """A log group that does not exist fails the start before any container."""
    broken = script("echo never")
    broken["logConfiguration"]["options"]["awslogs-group"] = "/no/such/group"
    task = jobs.run(broken)
    assert ("TaskFailedToStart", {"main": None}) == (task["stopCode"], exit_codes(task))
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")
    assert "The specified log group does not exist" in task["stoppedReason"]


def test_log_group_created_on_request(jobs: Jobs) -> None:
    """With awslogs-create-group the group is made."""
    creating = script("echo made")
    creating["logConfiguration"]["options"] |= {"awslogs-group": "/made", "awslogs-create-group": "true"}
    jobs.run(creating)
    assert ["/made"] == [
        group["logGroupName"] for group in jobs.logs.describe_log_groups(logGroupNamePrefix="/made")["logGroups"]
    ]


def test_secrets(jobs: Jobs, endpoint: Endpoint) -> None:
    """Secrets come from Secrets Manager, whole or by a key, and from Parameter Store, by name or ARN."""
    keeper, parameters = (client_of(endpoint.connection, name) for name in ("secretsmanager", "ssm"))
    arn = keeper.create_secret(Name="database", SecretString='{"url": "db://x", "port": 5432}')["ARN"]
    parameters.put_parameter(Name="/app/token", Value="t0ken", Type="SecureString")
    account = f"{local_stage.REGION}:{local_stage.ACCOUNT_ID}"
    sources = {
        "WHOLE": arn,
        "URL": f"{arn}:url::",
        "PORT": f"{arn}:port::",
        "NAME": "/app/token",
        "ARN": f"arn:aws:ssm:{account}:parameter/app/token",
    }
    secrets = [{"name": name, "valueFrom": source} for name, source in sources.items()]
    task = jobs.run(script('echo "$WHOLE|$URL|$PORT|$NAME|$ARN"', secrets=secrets))
    assert ['{"url": "db://x", "port": 5432}|db://x|5432|t0ken|t0ken'] == jobs.lines(task)


def test_secret_missing(jobs: Jobs) -> None:
    """A secret that cannot be read fails the start."""
    for source in ("/no/parameter", "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf"):
        task = jobs.run(script("true", secrets=[{"name": "S", "valueFrom": source}]))
        assert "TaskFailedToStart" == task["stopCode"]
        assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")


def test_stop_is_sigterm_to_the_group(jobs: Jobs) -> None:
    """StopTask sends SIGTERM; what the container writes then is still logged; the exit code is its own."""
    arn = jobs.start(script("trap 'echo bye; exit 9' TERM; echo up; sleep 60 & wait"))
    until(lambda: jobs.lines(arn))
    answer = jobs.stop(arn, reason="enough")
    assert ("STOPPED", "enough", "UserInitiated") == (
        answer["desiredStatus"],
        answer["stoppedReason"],
        answer["stopCode"],
    )
    task = jobs.reach(arn, "STOPPED")
    assert ({"main": 9}, ["up", "bye"]) == (exit_codes(task), jobs.lines(arn))
    assert ("enough", "UserInitiated") == (task["stoppedReason"], task["stopCode"])


def test_stop_twice(jobs: Jobs) -> None:
    """Stopping a stopped task succeeds, and changes nothing."""
    task = jobs.run(script("exit 4"))
    again = jobs.stop(task["taskArn"], reason="late")
    assert ("Essential container in task exited", task["version"]) == (again["stoppedReason"], again["version"])


def test_default_stop_reason(jobs: Jobs) -> None:
    """Without a reason the task was stopped by a user."""
    arn = jobs.start(script("sleep 60"))
    assert "Task stopped by user" == jobs.stop(arn)["stoppedReason"]
    jobs.reach(arn, "STOPPED")


def test_stop_timeout_then_sigkill(jobs: Jobs) -> None:
    """A container that ignores SIGTERM is killed after its stop timeout, with all its processes."""
    arn = jobs.start(script("trap '' TERM; echo up; sleep 60 & wait; sleep 60", stopTimeout=1))
    until(lambda: jobs.lines(arn))
    jobs.stop(arn)
    task = jobs.reach(arn, "STOPPED")
    assert {"main": 137} == exit_codes(task)
    assert 1.0 <= (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds() < 20.0


def test_essential_container_takes_the_others_along(jobs: Jobs) -> None:
    """When an essential container exits, the others get SIGTERM; all exit codes are shown."""
    side = script("trap 'echo drained; exit 0' TERM; echo up; sleep 60 & wait", name="side")
    # dependsOn alone would let the main container end before the trap is set.
    side["healthCheck"] = {"command": ["CMD-SHELL", "true"], "interval": 1}
    main = script("sleep 0.3; exit 5", dependsOn=[{"containerName": "side", "condition": "HEALTHY"}])
    task = jobs.run(main, side | {"essential": False})
    assert {"main": 5, "side": 0} == exit_codes(task)
    assert ["up", "drained"] == jobs.lines(task, "side")


def test_non_essential_container_may_end(jobs: Jobs) -> None:
    """A container that is not essential ends alone."""
    task = jobs.run(script("sleep 0.3"), script("exit 7", name="side", essential=False))
    assert {"main": 0, "side": 7} == exit_codes(task)


def test_depends_on_success_and_complete(jobs: Jobs, tmp_path: Path) -> None:
    """SUCCESS waits for exit code 0, COMPLETE for any: the main container finds what both left."""
    first = script(f"sleep 0.2; echo first > {tmp_path}/first", name="first", essential=False)
    second = script(f"sleep 0.2; echo second > {tmp_path}/second; exit 8", name="second", essential=False)
    needs = [
        {"containerName": "first", "condition": "SUCCESS"},
        {"containerName": "second", "condition": "COMPLETE"},
    ]
    task = jobs.run(script(f"cat {tmp_path}/first {tmp_path}/second", dependsOn=needs), first, second)
    assert {"main": 0, "first": 0, "second": 8} == exit_codes(task)
    assert ["first", "second"] == jobs.lines(task)


def test_depends_on_success_that_fails(jobs: Jobs) -> None:
    """A container whose dependency fails never starts, and the task says which one."""
    needs = [{"containerName": "first", "condition": "SUCCESS"}]
    task = jobs.run(script("echo main", dependsOn=needs), script("exit 1", name="first", essential=False))
    assert ("TaskFailedToStart", {"main": None, "first": 1}) == (task["stopCode"], exit_codes(task))
    assert "[first] for target [main]" in task["stoppedReason"]


def test_unhealthy_is_shown(jobs: Jobs) -> None:
    """A failing health check makes the container and the task UNHEALTHY, and stops nothing by itself."""
    check = {"command": ["CMD", "false"], "interval": 1, "retries": 1}
    arn = jobs.start(script("sleep 60", healthCheck=check))
    task = until(lambda: (found := jobs.describe(arn))["healthStatus"] == "UNHEALTHY" and found)
    assert ("RUNNING", "UNHEALTHY") == (task["lastStatus"], task["containers"][0]["healthStatus"])
    jobs.stop(arn)
    jobs.reach(arn, "STOPPED")


def test_grandchild_that_holds_the_pipe(jobs: Jobs) -> None:
    """A container is over when its first process is, though a child that left the group still holds its output."""
    task = jobs.run(script("setsid sleep 600 & (setsid sleep 600 &); echo done"))
    assert ({"main": 0}, ["done"]) == (exit_codes(task), jobs.lines(task))


def test_every_line_is_readable_before_the_exit_code(jobs: Jobs) -> None:
    """The first answer that shows an exit code finds all lines, whatever their number."""
    count = 20_000
    for _ in range(3):
        arn = jobs.start(script(f"seq {count}; printf tail"))
        until(lambda arn=arn: jobs.describe(arn)["containers"][0].get("exitCode") is not None)
        lines = jobs.lines(arn)
        assert (count + 1, "tail") == (len(lines), lines[-1])


def test_simulated_times() -> None:
    """Start-up and deprovisioning take the time that they are told to, in the right states."""
    with serve(startup=0.9, deprovision=0.5) as slow:
        jobs = Jobs(slow.connection)
        arn = jobs.start(script("true"))
        seen: list[str] = []

        def stopped() -> dict[str, Any] | None:
            task = jobs.describe(arn)
            if task["lastStatus"] not in seen:
                seen.append(task["lastStatus"])
            return task if task["lastStatus"] == "STOPPED" else None

        task = until(stopped)
        assert ["PROVISIONING", "PENDING", "ACTIVATING"] == seen[:3]
        assert ["DEPROVISIONING", "STOPPED"] == seen[-2:]
        assert (task["startedAt"] - task["createdAt"]).total_seconds() >= 0.9
        assert (task["stoppedAt"] - task["executionStoppedAt"]).total_seconds() >= 0.5


def test_stop_during_start_up() -> None:
    """A task that is stopped before it runs ends at once, without an exit code, a start or a log."""
    with serve(startup=600) as slow:
        jobs = Jobs(slow.connection)
        arn = jobs.start(script("echo never"))
        jobs.stop(arn, reason="changed my mind")
        task = jobs.reach(arn, "STOPPED")
        assert ("UserInitiated", {"main": None}) == (task["stopCode"], exit_codes(task))
        assert set() == {"startedAt", "executionStoppedAt"} & task.keys()
        assert [] == jobs.lines(arn)


def test_many_tasks_at_once(jobs: Jobs) -> None:
    """A hundred concurrent tasks keep their logs and exit codes apart."""
    definition = jobs.define(script("echo $NUMBER; exit $((NUMBER % 7))"))
    arns = {}
    for number in range(100):
        override = {"name": "main", "environment": [{"name": "NUMBER", "value": str(number)}]}
        request = jobs.request(definition, overrides={"containerOverrides": [override]})
        arns[jobs.ecs.run_task(**request)["tasks"][0]["taskArn"]] = number

    def described() -> list[dict[str, Any]]:
        return jobs.ecs.describe_tasks(cluster=local_stage.CLUSTER, tasks=list(arns))["tasks"]

    until(lambda: all(task["lastStatus"] == "STOPPED" for task in described()))
    assert {arn: number % 7 for arn, number in arns.items()} == {
        task["taskArn"]: exit_codes(task)["main"] for task in described()
    }
    assert {arn: [str(number)] for arn, number in arns.items()} == {arn: jobs.lines(arn) for arn in arns}
