"""What each cause means for people, and what to do about it: one entry for every word that a judgement may have.

`{detail}` is the judgement's own sentence; `{early}` says that the job's container had not started; `{larger}` is the
next larger memory of the task; `{platform}` is what the image must be built for. Keys of the job's document stand in
backquotes.

Sources: the troubleshooting pages of the Amazon ECS Developer Guide that `start_failure` names; "Fargate task
networking", "Amazon ECS task execution IAM role", "Task maintenance", "AWS Fargate service quotas"; PrivateLink:
"Amazon ECR interface VPC endpoints", Amazon ECR User Guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Advice:
    """A cause and its remedy.

    Attributes:
        cause: A clause, as the errors of jobrunner have it.
        remedy: What to do, in sentences.
    """

    cause: str
    remedy: str


_ROUTE: Final = (
    "In a public subnet a task needs `network: {{{{assign_public_ip: true}}}}`. In a private one it needs a NAT "
    "gateway, or VPC endpoints: {endpoints}; their security group must allow port 443 from the task's. Check also that "
    "the task's security group lets it out."
)
_REGISTRY_ROUTE: Final = _ROUTE.format(
    endpoints="ecr.api and ecr.dkr with private DNS, S3 as a gateway (not for Docker Hub, which needs NAT)"
)
_SERVICE_ROUTE: Final = _ROUTE.format(
    endpoints="ecr.api, logs, secretsmanager, ssm or kms, as the message says, with private DNS, and S3 as a gateway"
)
_RETRY: Final = "`retries: {{attempts: 3, on: [infrastructure]}}` tries it again."
#: What nearly every remedy of a program that ended begins with.
LOOK: Final = "The log of the job's container says more."


_STOPS: Final = {
    "timeout": Advice(
        "the run {detail}, and jobrunner stopped it",
        "Raise `timeout`, or give the job more `cpu` or less work. The end of the log shows how far it came.",
    ),
    "start_timeout": Advice(
        "the job {detail}, and jobrunner stopped it",
        "The times show what took so long: the image pull (a smaller image, or a registry in the task's region), "
        "or the wait for capacity (`capacity: spot-then-on-demand`). Otherwise raise `start_timeout`. " + _RETRY,
    ),
    "interrupt": Advice(
        "the run was {detail}",
        "Start it again. `run --on-interrupt detach` leaves the task running when whoever follows it is interrupted.",
    ),
    "user": Advice(
        "the run was {detail}", "Start it again if that was not meant; CloudTrail names who called StopTask."
    ),
    "fail_fast": Advice(
        "the run was {detail}: another run of its group had failed",
        "Find out why the other run failed, then start this one again.",
    ),
    "replaced": Advice(
        "the run was {detail}: the next run of its schedule was due",
        "Nothing, if only the newest run counts. Otherwise `overlap: forbid` lets the older run end, or the schedule "
        "leaves it more time.",
    ),
    "task_retirement": Advice(
        "AWS retired the infrastructure under the task{early}, and replaces no task of RunTask",
        "Start it again. " + _RETRY + " Jobs that run for days should save their progress; the account setting "
        "fargateTaskRetirementWaitPeriod says how long AWS waits (0, 7 or 14 days).",
    ),
    "host_lost": Advice("the host of the task has gone{early}", "Start it again. " + _RETRY),
    "spot_interruption": Advice(
        "AWS took the Spot capacity back{early}",
        "`retries: {{attempts: 3, on: [spot]}}` starts it again; `capacity: spot-then-on-demand` goes on without Spot; "
        "`capacity: on-demand` is never interrupted. A job that saves its progress on SIGTERM has `stop_timeout` (at "
        "most 120 s) for it. Subnets in more availability zones have more capacity.",
    ),
    "infrastructure_health": Advice(
        "AWS stopped the task for the health of the infrastructure under it{early}", "Start it again. " + _RETRY
    ),
    "service_scheduler": Advice(
        "the scheduler of an ECS service stopped the task; jobrunner starts none in a service",
        "Look at the service that the task belongs to: a deployment or a scale-in stops its tasks.",
    ),
    "unknown_stop": Advice(
        "ECS stopped the task for a reason that jobrunner does not know, so its exit code 0 is no proof of success",
        "Read ECS's words and the end of the log. If the job was not done, start it again.",
    ),
}  # fmt: skip

_IMAGES: Final = {
    "image_pull": Advice(
        "the image cannot be pulled",
        "Check `image` letter by letter, that the tag still exists, and that `execution_role` may pull it. "
        + _REGISTRY_ROUTE,
    ),
    "image_not_found": Advice(
        "the registry has no such image or tag",
        "Check `image` letter by letter: account, region, repository, tag. A tag may have been deleted by the "
        "repository's lifecycle policy; one that is never reused, or a digest, is safer than latest.",
    ),
    "image_access_denied": Advice(
        "the registry does not let the task pull the image, or has no such image",
        "`execution_role` needs ecr:GetAuthorizationToken, ecr:BatchCheckLayerAvailability, ecr:GetDownloadUrlForLayer "
        "and ecr:BatchGetImage (AmazonECSTaskExecutionRolePolicy has them); an image of another account needs that "
        "repository's policy too. A registry outside AWS answers like this for an image that is private or absent.",
    ),
    "image_platform": Advice(
        "the image was not built for the processor that the job asks for",
        "Build it for {platform} (docker buildx build --platform {platform}), or set `architecture` to what the image "
        "has: x86_64 or arm64.",
    ),
    "registry_throttled": Advice(
        "the registry limits how often images are pulled",
        _RETRY + " Docker Hub limits pulls by address, and a NAT gateway shares one: pull through an Amazon ECR "
        "pull-through cache, or copy the image to ECR.",
    ),
    "registry_unreachable": Advice("the task cannot reach the registry", _REGISTRY_ROUTE),
    "registry_error": Advice(
        "the registry answered with an error",
        _RETRY + " If it lasts, look at the registry's status; with an S3 gateway endpoint, at the endpoint's policy.",
    ),
    "disk_full": Advice(
        "the task's disk is full: 20 GiB unless `ephemeral_storage` says more, and the unpacked image counts",
        "Set `ephemeral_storage` (21 to 200 GiB), or make the image smaller.",
    ),
}  # fmt: skip

_PREPARATION: Final = {
    "resource_initialization": Advice(
        "ECS could not prepare what the task needs before its containers start",
        "ECS's words say what: registry, secrets, log group or file system. " + _SERVICE_ROUTE,
    ),
    "endpoint_unreachable": Advice("the task cannot reach an AWS service that it needs to start", _SERVICE_ROUTE),
    "throttled": Advice(
        "an AWS service limits how often it is called", _RETRY + " Starting fewer tasks at the same time helps."
    ),
    "log_group_missing": Advice(
        "the log group does not exist",
        "Create it, or correct `log_group`; group and task must be in the same region.",
    ),
    "log_access_denied": Advice(
        "the task may not write its log",
        "`execution_role` needs logs:CreateLogStream and logs:PutLogEvents on the log group, and logs:CreateLogGroup "
        "where the definition has awslogs-create-group.",
    ),
    "secret_unavailable": Advice(
        "a secret, a key of it, or a parameter does not exist",
        "Check the ARN in `secrets` with its random suffix and its region; behind it stand json-key:version-stage:"
        "version-id, and all three colons are needed when one of them is given.",
    ),
    "secret_access_denied": Advice(
        "the task may not read a secret",
        "`execution_role`, not `task_role`, needs secretsmanager:GetSecretValue or ssm:GetParameters on it, and "
        "kms:Decrypt on the key if it is encrypted with a customer managed one.",
    ),
    "env_file": Advice(
        "an environment file cannot be read from S3",
        "Check the ARN in `env_file`; `execution_role` needs s3:GetObject on the file and s3:GetBucketLocation on its "
        "bucket.",
    ),
    "role_not_assumable": Advice(
        "ECS may not assume a role of the task",
        "`execution_role` and `task_role` must exist and trust ecs-tasks.amazonaws.com.",
    ),
    "volume": Advice(
        "a volume cannot be mounted",
        "For EFS: a mount target in the task's zone, port 2049 open to the task's security group, the file system's "
        "policy, and DNS in the VPC.",
    ),
    "ephemeral_storage": Advice("AWS did not provide the task's disk in time", _RETRY),
    "network_interface": Advice(
        "the task got no network interface",
        "Look at the subnets in `network`: each task takes one address, and ECS's words name the subnet. Add "
        "larger or more subnets, and check that subnets and security groups still exist. " + _RETRY,
    ),
}  # fmt: skip

_CONTAINERS: Final = {
    "exec_format": Advice(
        "the program was built for another processor, or is a script without a first line like #!/bin/sh",
        "Build the image for {platform} (docker buildx build --platform {platform}), or set `architecture` to what it "
        "has; a script needs its interpreter in its first line.",
    ),
    "command_not_found": Advice(
        "the image does not have the program that is to run",
        "Check `entrypoint` and `command`: they are lists of words that no shell reads, and the first word is a "
        "program in the image's PATH. Shell syntax needs [sh, -c, ...]. A script that names a missing interpreter "
        "fails alike.",
    ),
    "command_not_executable": Advice(
        "the program that is to run is not executable",
        "Make it executable in the image (chmod +x), or start its interpreter: [python, job.py].",
    ),
    "cannot_start_container": Advice(
        "the container cannot be started",
        "ECS's words name what is wrong: most often `entrypoint`, `command`, `working_directory` or a mount.",
    ),
    "container_runtime": Advice("the software that runs containers on the host failed, not the job", _RETRY),
    "task_failed_to_start": Advice(
        "the task ended before the job's container had started, and ECS does not say why",
        "Try it again once; if it happens again, look for the task in the ECS console and in CloudTrail.",
    ),
    "no_container": Advice(
        "ECS shows no container of the job's name in the task",
        "Check `container` against the task definition; jobrunner's own definitions call it main.",
    ),
    "dependency": Advice(
        "a sidecar that the job's container waits for did not do what it waits for",
        "The sidecar's log says why. `wait_for` says what is waited for: started, "
        "healthy, complete or success.",
    ),
    "sidecar": Advice(
        "{detail}",
        "Read the sidecar's log first. A sidecar without which the job can go on is `essential: false`; one that must "
        "be ready first has a `health_check` and `wait_for: healthy`.",
    ),
    "out_of_memory": Advice(
        "the job's container needed more memory than it has",
        "Set {larger}, or make the job hold less at a time. A container's own limit may be lower than the task's.",
    ),
    "no_exit_code": Advice(
        "the job's container had started, and ECS has no exit code of it: its host or agent was lost",
        "Whether the job was done is not known: see the end of its log. " + _RETRY,
    ),
}  # fmt: skip

_PLACEMENT: Final = {
    "capacity": Advice(
        "AWS has no capacity for a task of this size now",
        "Try again later, add subnets in other availability zones, ask for another size or `architecture`, or use "
        "`capacity: spot-then-on-demand` if it was to be Spot.",
    ),
    "vcpu_limit": Advice(
        "the account runs as many vCPUs on Fargate as its quota allows",
        "Wait until other tasks end, or have the quota raised in Service Quotas: L-3032A538 for on-demand, L-36FBB829 "
        "for Spot, in this region.",
    ),
    "size_limit": Advice(
        "a task of this size alone is above the account's quota",
        "Ask for less `cpu` or `memory`, or have the quota raised in Service Quotas: L-3032A538 for on-demand, "
        "L-36FBB829 for Spot. New accounts have little.",
    ),
    "resources": Advice(
        "ECS has no room for the task now",
        "Try again later, or ask for less `cpu` or `memory`; GPUs are not to be had on Fargate.",
    ),
    "placement": Advice(
        "ECS did not place the task",
        "ECS's words are all that is known. ATTRIBUTE, LOCATION and NO ACTIVE INSTANCES mean that the task "
        "definition does not fit the cluster: it must have requiresCompatibilities FARGATE and run with the capacity "
        "that the job names.",
    ),
}  # fmt: skip

#: Words that others than `judge` and `judge_placement` give: the watch, the launch, and the state machine.
_ELSEWHERE: Final = {
    "skipped": Advice(
        "the run {detail}",
        "Nothing, if `overlap: forbid` was meant so. Otherwise give the job less work or the schedule more time, or "
        "allow runs to overlap.",
    ),
    "overtaken": Advice(
        "{detail}",
        "Its last attempt failed, and before the next one another run of the job had begun: look at that one. Less "
        "`backoff`, or more time between the fires of the schedule, leaves a run its attempts.",
    ),
    "state_machine": Advice(
        "{detail}",
        "The execution's history in Step Functions shows what broke it. Its task may have run on: `jobrunner ps` shows "
        "whether it still does. Deploy deploy/jobrunner.yaml again if its roles or the machine were changed.",
    ),
    "vanished": Advice(
        "ECS no longer knows the task, and nobody saw how it ended",
        "See the end of its log. ECS forgets a stopped task after about an hour.",
    ),
    "refused": Advice("AWS refused to start the task", "AWS's words say why; correct that and start it again."),
    "not_sent": Advice("nobody asked ECS to start the task", "Start it again; the same key goes on with this run."),
    "unknown_start": Advice(
        "it is not known whether ECS started a task",
        "Look for one in the ECS console or its log group. Another key starts the job again.",
    ),
}  # fmt: skip

#: By the judgement's reason, but for `exit`.
ADVICE: Final[Mapping[str, Advice]] = MappingProxyType(
    {**_STOPS, **_IMAGES, **_PREPARATION, **_CONTAINERS, **_PLACEMENT, **_ELSEWHERE}
)

#: Of a word that a newer jobrunner has written.
UNKNOWN: Final = Advice("{detail}", "ECS's words are all that is known.")
