"""What moto keeps: clusters, task definitions, log groups, rules, queues, secrets. Loaded late, and completed.

moto's import takes a second, most of it EC2's tables. So it happens in the background of the endpoint's start,
without EC2 until somebody needs it, and whoever asks first waits for it here.
"""

from __future__ import annotations

import importlib
import sys
import threading
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage
from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moto.ecs.models import Cluster, EC2ContainerServiceBackend, TaskDefinition
    from moto.logs.models import LogGroup, LogsBackend

_import_lock = threading.Lock()


class _LazyEc2Backends:
    """Stands for `moto.ec2.ec2_backends` inside `moto.ecs.models`, and imports it when it is first used."""

    def __getitem__(self, account: str) -> Any:
        return importlib.import_module("moto.ec2").ec2_backends[account]


def _import_ecs() -> Any:
    """Import moto's ECS without EC2: `moto.ecs.models` needs it for container instances and services only."""
    with _import_lock:
        if "moto.ecs.models" in sys.modules or "moto.ec2" in sys.modules:
            return importlib.import_module("moto.ecs.models")
        moto = importlib.import_module("moto")
        stand_in = types.ModuleType("moto.ec2")
        stand_in.ec2_backends = _LazyEc2Backends()  # type: ignore[attr-defined]  # a module is what is imported from
        stand_in.__path__ = [str(Path(path) / "ec2") for path in moto.__path__]  # its other modules are cheap
        sys.modules["moto.ec2"] = stand_in
        try:
            return importlib.import_module("moto.ecs.models")
        except ImportError:
            pass  # moto needs more of EC2 than it did: the slow way, below
        finally:
            if sys.modules.get("moto.ec2") is stand_in:
                del sys.modules["moto.ec2"]
            vars(moto).pop("ec2", None)
        return importlib.import_module("moto.ecs.models")


class MotoState:
    """moto's backends for the endpoint's account.

    Args:
        region: Where the built-in cluster, network and roles are.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._ecs: Any = None
        self._logs: Any = None
        self._app: Any = None
        self._provisioned: set[str] = set()
        self._lock = threading.Lock()
        self._stack_lock = threading.Lock()
        self._stack_tried = False
        self._stack_failure: Exception | None = None

    def load(self) -> None:
        """Import moto and make the built-in cluster. Called once; others wait for its end."""
        try:
            self._ecs = _import_ecs()
            self._logs = importlib.import_module("moto.logs.models")
            self._logs.LogStream = importlib.import_module("jobrunner.local.streams").Stream
            self._make_cluster()
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()
        # The first request to moto would wait for Flask otherwise.
        self._application()

    def _wait(self) -> None:
        self._ready.wait()
        if self._failure is not None:
            raise ApiError("ServerException", f"moto cannot be loaded: {self._failure}", status=500)

    # -- backends ----------------------------------------------------------------------------------------------

    def ecs(self, region: str) -> EC2ContainerServiceBackend:
        """The ECS backend of a region."""
        self._wait()
        backend: EC2ContainerServiceBackend = _of_region(self._ecs.ecs_backends, region)
        return backend

    def logs(self, region: str) -> LogsBackend:
        """The CloudWatch Logs backend of a region."""
        self._wait()
        backend: LogsBackend = _of_region(self._logs.logs_backends, region)
        return backend

    def log_group(self, region: str, name: str) -> LogGroup | None:
        """A log group, or None if there is none of that name."""
        return self.logs(region).groups.get(name)

    def cluster(self, region: str, name: str) -> Cluster | None:
        """A cluster by name or ARN, or None."""
        return self.ecs(region).clusters.get(name.rpartition("/")[2])

    def definition(self, region: str, name: str) -> TaskDefinition | None:
        """A task definition by `family` (its latest ACTIVE revision), `family:revision` or ARN, or None."""
        family, _, revision = name.rpartition("/")[2].partition(":")
        revisions = self.ecs(region).task_definitions.get(family, {})
        if revision:
            return revisions.get(int(revision)) if revision.isdecimal() else None
        active = [number for number, found in list(revisions.items()) if found.status == "ACTIVE"]
        return revisions[max(active)] if active else None

    def essential_containers(self, region: str, definition: str) -> set[str] | None:
        """The names of the containers of a task definition whose end ends the task; None for an unknown definition."""
        found = self.definition(region, definition)
        if found is None:
            return None
        return {str(one["name"]) for one in found.container_definitions if one.get("essential", True)}

    def state_machines(self, region: str) -> Any:
        """The Step Functions backend of a region, which keeps the machines of the API and of CloudFormation."""
        self._wait()
        return _of_region(importlib.import_module("jobrunner.local.states.cloudformation").prepare(), region)

    # -- the WSGI application ----------------------------------------------------------------------------------

    def wsgi(self, service: str) -> Callable[..., Iterable[bytes]]:
        """The WSGI application of moto, after the built-in resources that the service may be asked about were made."""
        self._wait()
        if service in _OF_THE_STACK:
            self.deploy_stack()
        self._provision(service)
        application: Callable[..., Iterable[bytes]] = self._application()
        return application

    def _application(self) -> Any:
        with self._lock:
            if self._app is None:
                module = importlib.import_module("moto.moto_server.werkzeug_app")
                self._app = module.DomainDispatcherApplication(module.create_backend_app)
            return self._app

    # -- built-in resources ------------------------------------------------------------------------------------

    def deploy_stack(self) -> None:
        """Deploy the stack of the local stage, unless it is there; see `local.stack`.

        Called when somebody may look at what is in it: it takes a second or two, which no run has to wait for.

        Raises:
            ApiError: It cannot be deployed, now or when it was tried.
        """
        self._wait()
        with self._stack_lock:
            if not self._stack_tried:
                self._stack_tried = True
                try:
                    importlib.import_module("jobrunner.local.stack").deploy(self.region)
                except Exception as error:  # noqa: BLE001 - whatever it was, everybody who asks is told
                    self._stack_failure = error
        if self._stack_failure is not None:
            words = f"The stack of the local stage cannot be deployed: {self._stack_failure}"
            raise ApiError("InternalFailure", words, status=500) from self._stack_failure

    def _make_cluster(self) -> None:
        backend = _of_region(self._ecs.ecs_backends, self.region)
        backend.create_cluster(local_stage.CLUSTER, capacity_providers=["FARGATE", "FARGATE_SPOT"])

    def _provision(self, service: str) -> None:
        """Make the roles and the network when somebody may look: EC2's backend alone takes half a second."""
        wanted = _NEEDS.get(service, frozenset(("iam", "ec2")))
        if wanted <= self._provisioned:
            return
        with self._lock:
            missing, self._provisioned = wanted - self._provisioned, self._provisioned | wanted
            if missing:
                builtin = importlib.import_module("jobrunner.local.builtin")
                for kind in sorted(missing):
                    builtin.MAKERS[kind](self.region)


#: Services that show what is in the stack. Step Functions and Scheduler are ours, and ask themselves.
_OF_THE_STACK: Final = frozenset(("cloudformation", "sqs", "iam"))
#: The built-in resources that a service may look at, itself or through moto; a service that is not here, at all.
_NEEDS: Final = dict.fromkeys(
    ("ecs", "logs", "events", "sqs", "sns", "ssm", "secretsmanager", "scheduler", "kms", "s3"), frozenset[str]()
) | {"iam": frozenset(("iam",)), "sts": frozenset(("iam",))}


def _of_region(backends: Any, region: str) -> Any:
    try:
        return backends[local_stage.ACCOUNT_ID][region]
    except KeyError:
        raise ApiError("UnrecognizedClientException", f"There is no region {region!r}.") from None
