"""Why ECS did not place or did not start a task: from its texts to one word, and whether a retry may help.

The texts are sentences for people, cut by the platform (version 1.4.0 "truncates long error messages"), decorated
with the registry's, the container runtime's or another service's own words, and written with straight or curly
apostrophes. So parts of sentences are looked for, without regard to case, and the first rule that fits any of the
texts wins: the specific ones stand before the general one of their kind.

Sources: Amazon ECS Developer Guide, "API failure reasons", "Service event messages", "CannotPullContainer task
errors", "Troubleshooting ResourceInitializationError errors" (whose list of network words is `_UNREACHABLE`),
"… TaskFailedToStart errors", "… CannotStartContainerError errors", "… ContainerRuntimeError errors".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Both apostrophes occur in the same sentence: "You've reached the limit on …".
CURLY: Final = "\u2018\u2019\u02bc"
_STRAIGHT: Final = str.maketrans(dict.fromkeys(CURLY, "'"))

_UNREACHABLE: Final = (
    "dial tcp", "dial udp", "i/o timeout", "tls handshake timeout", "connection timed out", "client.timeout exceeded",
    "request canceled", "requestcanceled", "context canceled", "context deadline exceeded", "signal: killed",
    "connection issue between", "network configuration", "send request failed", "connection reset",
    "connection refused", "network is unreachable", "unexpected eof",
)  # fmt: skip
#: The answer of a name server: it was reached, and the name is wrong or private DNS is off.
_NO_SUCH_HOST: Final = ("no such host",)
_DENIED: Final = (
    "denied", "not authorized", "unauthorized", "forbidden", "no basic auth credentials", "permissions to pull"
)  # fmt: skip
_MISSING: Final = (
    "not found", "notfound", "does not exist", "doesn't exist", "manifest unknown", "name unknown", "(404)"
)  # fmt: skip
_THROTTLED: Final = (
    "toomanyrequests", "too many requests", "pull rate limit", "rate exceeded", "throttlingexception"
)  # fmt: skip
_SERVER_ERROR: Final = (
    "internal server error", "bad gateway", "service unavailable", "gateway timeout", "gateway time-out",
    "internalserviceerror", "unexpected status code", "api error (5",
)  # fmt: skip

_PULL: Final = ("cannotpull",)
_START: Final = ("cannotstartcontainer", "cannotcreatecontainer")
_LOGGING: Final = ("logger args", "logging driver", "log stream", "log group", "logs:create")
_VOLUME: Final = ("efs utils", "cannotcreatevolume")
_ENV_FILE: Final = ("env files", "environment variable file")
#: Registry credentials and secrets are fetched in one step, which names both.
_INITIALIZATION: Final = ("resourceinitialization", "secrets manager", "parameter store")
_REGISTRY: Final = ("ecr:", "from amazon ecr", "ecr registry auth")
_NO_SECRET: Final = (
    *_MISSING, "can't find the specified secret", "check whether the secret exists", "json key",
    "invalid ssm parameters", "invalid parameters",
)  # fmt: skip
_INTERFACE: Final = ("network interface", "resource:eni", "insufficientfreeaddresses")

#: Those that several rules have, for whoever writes the rules in another language (`core.state_machine_rules`).
GROUPS: Final = {
    "unreachable": _UNREACHABLE,
    "no_such_host": _NO_SUCH_HOST,
    "denied": _DENIED,
    "missing": _MISSING,
    "throttled": _THROTTLED,
    "server_error": _SERVER_ERROR,
    "pull": _PULL,
    "start": _START,
    "logging": _LOGGING,
    "volume": _VOLUME,
    "env_file": _ENV_FILE,
    "initialization": _INITIALIZATION,
    "interface": _INTERFACE,
}


@dataclass(frozen=True, kw_only=True)
class StartFailure:
    """Why a task was not placed or did not start.

    Attributes:
        reason: One stable word.
        transient: Whether the same request may succeed later without anybody changing anything.
    """

    reason: str
    transient: bool


@dataclass(frozen=True)
class Rule:
    """A text fits when it has, in lower case and with straight apostrophes, one of the parts of each group."""

    reason: str
    transient: bool
    groups: tuple[tuple[str, ...], ...]

    def fits(self, text: str) -> bool:
        """Tell whether a text fits."""
        return all(any(part in text for part in group) for group in self.groups)


def _passing(reason: str, *groups: tuple[str, ...]) -> Rule:
    return Rule(reason, transient=True, groups=groups)


def _lasting(reason: str, *groups: tuple[str, ...]) -> Rule:
    return Rule(reason, transient=False, groups=groups)


#: What RunTask says in `failures[]`, and what a task that was accepted may say later in `stoppedReason`
#: ("API failure reasons": `TaskFailedToStart: RESOURCE:*`).
_PLACEMENT: Final = (
    _passing("capacity", ("capacity is unavailable", "resource:fargate")),
    # Other tasks of the account end, and leave room; a single request above the limit never fits.
    _passing("vcpu_limit", ("limit on the number of",)),
    _lasting("size_limit", ("configuration is above your limit",)),
    # A security group or subnet that has been deleted, or a missing permission, does not come back by itself.
    _lasting("network_interface", _INTERFACE, (*_MISSING, *_DENIED)),
    # Full subnets empty when other tasks end; provisioning times out, and EC2's rate limit passes.
    _passing("network_interface", _INTERFACE),
    _passing("resources", ("resource:cpu", "resource:memory", "resource:port", "resource:gpu")),
)  # fmt: skip
#: Not for `stoppedReason`, where IAM's "is not authorized to perform … on resource: arn:…" would fit too.
_ANY_RESOURCE: Final = _passing("resources", ("resource:",))
#: The rules of `why_not_placed`.
PLACING: Final = (*_PLACEMENT, _ANY_RESOURCE)

#: The rules of `why_not_started`.
STARTING: Final = (
    _lasting("image_platform", _PULL, ("descriptor matching platform", "no matching manifest for")),
    _passing("registry_throttled", _PULL, _THROTTLED),
    _lasting("disk_full", ("no space left on device",)),
    _lasting("image_access_denied", _PULL, _DENIED),
    _lasting("image_not_found", _PULL, _MISSING),
    _lasting("registry_unreachable", _PULL, _NO_SUCH_HOST),
    # "error pulling image configuration" is "a rate limit … or … a network error", the panic an S3 that the
    # security group does not let through (CannotPullContainer task errors).
    _passing("registry_unreachable", _PULL, (*_UNREACHABLE, "error pulling image conf", "panic: runtime error")),
    _passing("registry_error", _PULL, _SERVER_ERROR),
    # ECS itself has tried again ("has been retried 5 time(s)"): what lasted so long is more often a wrong name.
    _lasting("image_pull", _PULL),
    *_PLACEMENT,
    _passing("ephemeral_storage", ("ephemeralstorage provisioning",)),
    _lasting("role_not_assumable", ("unable to assume", "sts:assumerole")),
    # "cannot find the … log group … There is a connection issue" is about the network, not about the group.
    _lasting("endpoint_unreachable", _LOGGING, _NO_SUCH_HOST),
    _passing("endpoint_unreachable", _LOGGING, _UNREACHABLE),
    _passing("throttled", _LOGGING, _THROTTLED),
    _lasting("log_access_denied", _LOGGING, _DENIED),
    _lasting("log_group_missing", _LOGGING, (*_MISSING, "failed to initialize logging driver")),
    _passing("volume", _VOLUME, _UNREACHABLE),
    _lasting("volume", _VOLUME),
    _passing("endpoint_unreachable", _ENV_FILE, _UNREACHABLE),
    _lasting("env_file", _ENV_FILE),
    _lasting("dependency", ("dependency graph", "container ordering dependency")),
    # These carry a ResourceInitializationError of the runtime inside, which has nothing to do with secrets.
    _lasting("exec_format", ("exec format error",)),
    _lasting("out_of_memory", ("outofmemory", "oom-killed", "oom killed")),
    _lasting("command_not_found", _START, ("executable file not found",)),
    _lasting("command_not_found", _START, ("exec: ", "exec /", "stat /"), ("no such file or directory",)),
    _lasting("command_not_executable", _START, ("permission denied",)),
    _lasting("cannot_start_container", _START),
    _passing(
        "container_runtime",
        ("containerruntime", "dockertimeouterror", "cannotinspectcontainer", "cannotstopcontainer", "internalerror",
         "could not transition to"),
    ),
    _lasting("endpoint_unreachable", _INITIALIZATION, _NO_SUCH_HOST),
    _passing("endpoint_unreachable", _INITIALIZATION, _UNREACHABLE),
    _passing("throttled", _INITIALIZATION, _THROTTLED),
    _lasting("image_access_denied", _INITIALIZATION, _DENIED, _REGISTRY),
    _lasting("secret_access_denied", _INITIALIZATION, _DENIED),
    _lasting("secret_unavailable", _INITIALIZATION, _NO_SECRET),
    _passing("resource_initialization", _INITIALIZATION, _SERVER_ERROR),
    _lasting("resource_initialization", _INITIALIZATION),
)  # fmt: skip

PLACEMENT_REASONS: Final = frozenset(rule.reason for rule in _PLACEMENT)
START_REASONS: Final = frozenset(rule.reason for rule in STARTING)


def why_not_started(texts: Iterable[str | None]) -> StartFailure | None:
    """Give the cause that ECS's texts on a task and its containers name, or None when they name none."""
    return _first(STARTING, texts)


def why_not_placed(texts: Iterable[str | None]) -> StartFailure | None:
    """Give the cause that the texts of RunTask's `failures[]` name, or None when they name none."""
    return _first(PLACING, texts)


def _first(rules: Iterable[Rule], texts: Iterable[str | None]) -> StartFailure | None:
    said = [text.lower().translate(_STRAIGHT) for text in texts if text]
    fitting = (rule for rule in rules if any(rule.fits(text) for text in said))
    rule = next(fitting, None)
    return None if rule is None else StartFailure(reason=rule.reason, transient=rule.transient)
