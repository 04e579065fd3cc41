"""Gives events to the targets of EventBridge rules: log groups, topics and queues itself, the others by moto.

moto writes each event into a log stream of its own, looks at no policy, knows no topic as a target, and its transformer
no text outside of quotes.
"""

from __future__ import annotations

import copy
import importlib
import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jobrunner.core import local_stage
from jobrunner.local import input_transformer
from jobrunner.local.resource_policy import allows

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)
_EVENTS: Final = "events.amazonaws.com"
_WRITING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")


def some() -> bool:
    """Whether there may be a rule: nobody has made one before moto's module is there."""
    return "moto.events.models" in sys.modules


class Rules:
    """The enabled rules of the default bus, by region."""

    def __init__(self) -> None:
        #: The stream into which this endpoint writes, in whichever group.
        self._stream = uuid.uuid4().hex

    def deliver(self, event: Mapping[str, Any], at: float) -> None:
        """Give an event to all targets of the rules that it matches.

        Args:
            event: As EventBridge has it.
            at: Its time, in seconds since 1970.
        """
        for rule in _rules(event["region"]):
            try:
                if _may_concern(rule, event) and rule.event_pattern.matches_event(event):
                    self._send(rule, event, at)
            except Exception as error:  # noqa: BLE001 - one rule's trouble must not cost the others their event
                _log.warning("rule %s: an event could not be delivered: %r", rule.name, error)

    def _send(self, rule: Any, event: Mapping[str, Any], at: float) -> None:
        for target in list(rule.targets):
            try:
                self._give(rule, target, event, at)
            except Exception as error:  # noqa: BLE001 - nor one target's trouble
                _log.warning("rule %s, target %s: an event was not delivered: %r", rule.name, target["Id"], error)

    def _give(self, rule: Any, target: Mapping[str, Any], event: Mapping[str, Any], at: float) -> None:
        arn = target["Arn"]
        service = arn.split(":")[2]
        if service == "logs":
            self._write(rule, arn, _text(rule, target, event))
        elif service == "sns":
            _publish(rule, arn, _text(rule, target, event))
        elif service == "sqs":
            _enqueue(target, _text(rule, target, event))
        else:
            alone = copy.copy(rule)
            alone.targets = [target]
            _by_moto(alone, event, at)

    def _write(self, rule: Any, arn: str, text: str) -> None:
        """Put an event into a log group; without one, or without a policy that lets EventBridge, it is lost."""
        name = arn.partition(":log-group:")[2].removesuffix(":*")
        backend = importlib.import_module("moto.logs.models").logs_backends[rule.account_id][rule.region_name]
        group = backend.groups.get(name)
        resource = f"{arn.removesuffix(':*')}:log-stream:{self._stream}"
        policies = [policy.policy_document for policy in backend.resource_policies.values()]
        if group is None or not _may(policies, _WRITING, resource, rule.arn):
            _log.debug("rule %s: %s is not there, or has no policy for %s", rule.name, name, _EVENTS)
            return
        if self._stream not in group.streams:
            group.create_log_stream(self._stream)
        stream, now = group.streams[self._stream], time.time_ns() // 1_000_000
        if group.subscription_filters:
            stream.put_log_events([{"timestamp": now, "message": text}])
        else:
            stream.log.append_lines(text.encode("utf-8", "replace"), 1, now)


def _rules(region: str) -> list[Any]:
    backends = sys.modules["moto.events.models"].events_backends
    bus = backends[local_stage.ACCOUNT_ID][region].event_buses["default"]
    return [rule for rule in list(bus.rules.values()) if rule.state == "ENABLED" and rule.targets]


def _may_concern(rule: Any, event: Mapping[str, Any]) -> bool:
    """Whether its sources are not all others, which is seen far faster than moto matches an event."""
    sources = rule.event_pattern.get_pattern().get("source", ())
    return event["source"] in sources or not sources or not all(isinstance(one, str) for one in sources)


def _publish(rule: Any, arn: str, text: str) -> None:
    """Publish to a topic; without one, or without a policy that lets EventBridge, it is lost."""
    backend = importlib.import_module("moto.sns.models").sns_backends[rule.account_id][rule.region_name]
    topic = backend.topics.get(arn)
    if topic is None or not _may([topic.policy], ("sns:Publish",), arn, rule.arn):
        _log.debug("rule %s: %s is not there, or has no policy for %s", rule.name, arn, _EVENTS)
        return
    backend.publish(message=text, arn=arn)


def _enqueue(target: Mapping[str, Any], text: str) -> None:
    _, _, _, region, account, name = target["Arn"].split(":")
    backend = importlib.import_module("moto.sqs.models").sqs_backends[account][region]
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    backend.send_message(queue_name=name, message_body=text, group_id=group)


def _may(policies: list[Any], actions: tuple[str, ...], resource: str, source: str) -> bool:
    return all(any(allows(one, _EVENTS, action, resource, source=source) for one in policies) for action in actions)


def _text(rule: Any, target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    transformer = target.get("InputTransformer")
    if transformer:
        return input_transformer.transformed(transformer, event, rule_arn=rule.arn)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _by_moto(rule: Any, event: Mapping[str, Any], at: float) -> None:
    """Let moto send it. Without a transformer it goes as it is: moto's default template loses the account."""
    timed = {**event, "time": at}  # moto makes text of it
    if any(target.get("InputTransformer") for target in rule.targets):
        rule.send_to_targets({**timed, "ingestion-time": at})
    else:
        rule.send_to_targets(timed, transform_input=False)


def time_of(at: float) -> str:
    """The time of an event: whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
