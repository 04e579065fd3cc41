"""A small Step Functions and a scripted ECS, for tests of the state machine: no I/O, and time passes in `Wait` only.

`from state_machine_world import World`: it stands beside the tests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jsonata_world import NOTHING, evaluate

from jobrunner.core.state_machine import definition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BEGIN = datetime(2026, 11, 24, 2, 30, tzinfo=UTC).timestamp() * 1000
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:jobrunner"
DEFINITION = definition()
#: Fields of a state that hold expressions; `Catch` and the rules of a choice are looked into where they are taken.
_MOST_STEPS = 8000


class CallError(Exception):
    """What an integration answers instead of a result."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


@dataclass(frozen=True)
class Ended:
    """The end of an execution."""

    status: str
    output: Any = None
    error: str | None = None
    cause: Any = None


@dataclass
class World:
    """One execution: its input, the answers of AWS, and everything that it asked for.

    Attributes:
        input: Of the execution.
        name: Of the execution.
        answers: By the action, such as `ecs:runTask`; called with the arguments, give a result or raise.
        now: Milliseconds.
        calls: What was asked, in order.
        visited: The states, in order.
        waited: The seconds of each pause.
        history: Events of the execution's history.
    """

    input: dict[str, Any]
    answers: dict[str, Callable[[dict[str, Any]], Any]]
    name: str | None = None
    now: float = BEGIN
    calls: list[tuple[str, Any]] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    history: int = 0

    def asked(self, action: str) -> list[Any]:
        """The arguments of each call of an action."""
        return [arguments for name, arguments in self.calls if name == action]

    def run(self) -> Ended:
        """Walk from the first state to an end."""
        state, value = DEFINITION["StartAt"], self.input
        for _ in range(_MOST_STEPS):
            self.visited.append(state)
            self.history += 2  # entered and exited
            entered = self.now
            body = DEFINITION["States"][state]
            walked = getattr(self, f"_{body['Type'].lower()}")(body, self._bound(state, value, entered))
            if isinstance(walked, Ended):
                return walked
            state, output = walked
            value = value if output is NOTHING else output
        raise AssertionError(f"no end after {_MOST_STEPS} states: {self.visited[-20:]}")

    def _bound(self, state: str, value: Any, entered: float) -> dict[str, Any]:
        moment = datetime.fromtimestamp(entered / 1000, UTC)
        text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
        name = self.name or "0f1e2d3c-random"
        context = {
            "Execution": {"Id": f"{MACHINE}:{name}", "Name": name, "Input": self.input},
            "StateMachine": {"Id": MACHINE},
            "State": {"Name": state, "EnteredTime": text},
        }
        return {"input": value, "context": context}

    def _value(self, template: Any, states: Mapping[str, Any]) -> Any:
        if isinstance(template, dict):
            return {key: self._value(item, states) for key, item in template.items()}
        if isinstance(template, list):
            return [self._value(item, states) for item in template]
        if not (isinstance(template, str) and template.startswith("{%")):
            return template
        assert template.endswith("%}")
        source = template.removeprefix("{%").removesuffix("%}").strip()
        found = evaluate(source, {**self.variables, "states": states}, now=self.now)
        assert found is not NOTHING, f"returned nothing: {source[-300:]}"
        return found

    def _assign(self, holder: Mapping[str, Any], states: Mapping[str, Any]) -> None:
        self.variables |= {name: self._value(item, states) for name, item in holder.get("Assign", {}).items()}

    def _pass(self, body: dict[str, Any], states: dict[str, Any]) -> Any:
        self._assign(body, states)
        return body["Next"], NOTHING

    def _choice(self, body: dict[str, Any], states: dict[str, Any]) -> Any:
        for rule in body["Choices"]:
            found = self._value(rule["Condition"], states)
            assert isinstance(found, bool), rule["Condition"]
            if found:
                self._assign(rule, states)
                return rule["Next"], NOTHING
        self._assign(body, states)
        return body["Default"], NOTHING

    def _wait(self, body: dict[str, Any], states: dict[str, Any]) -> Any:
        seconds = self._value(body["Seconds"], states)
        assert isinstance(seconds, int)
        assert seconds >= 0
        self.waited.append(seconds)
        self.now += seconds * 1000
        self._assign(body, states)
        return body["Next"], NOTHING

    def _task(self, body: dict[str, Any], states: dict[str, Any]) -> Any:
        action = body["Resource"].removeprefix("arn:aws:states:::aws-sdk:")
        arguments = self._value(body["Arguments"], states)
        retries = [0] * len(body.get("Retry", ()))
        while True:
            self.calls.append((action, arguments))
            self.history += 3  # scheduled, started, and how it ended
            try:
                result = json.loads(json.dumps(self.answers[action](arguments)))
            except CallError as error:
                pause = _pause(body.get("Retry", ()), retries, error.error)
                if pause is None:
                    return self._caught(body, states, error)
                self.now += pause * 1000
                continue
            states = {**states, "result": result}
            assigned = {name: self._value(item, states) for name, item in body.get("Assign", {}).items()}
            self.variables |= assigned
            return body["Next"], result

    def _caught(self, body: dict[str, Any], states: dict[str, Any], error: CallError) -> Any:
        for catcher in body["Catch"]:
            if _matches(catcher["ErrorEquals"], error.error):
                output = {"Error": error.error, **({} if error.cause is None else {"Cause": error.cause})}
                self._assign(catcher, {**states, "errorOutput": output})
                return catcher["Next"], output
        raise AssertionError(f"{error.error} ended the execution")

    def _succeed(self, body: dict[str, Any], states: dict[str, Any]) -> Ended:
        return Ended("SUCCEEDED", output=self._value(body["Output"], states))

    def _fail(self, body: dict[str, Any], states: dict[str, Any]) -> Ended:
        cause = json.loads(self._value(body["Cause"], states))
        return Ended("FAILED", error=self._value(body["Error"], states), cause=cause)


def _matches(errors: list[str], error: str) -> bool:
    return error in errors or "States.ALL" in errors


def _pause(retriers: list[dict[str, Any]], used: list[int], error: str) -> float | None:
    """Seconds before a call is repeated, None when it is not."""
    for number, retrier in enumerate(retriers):
        if _matches(retrier["ErrorEquals"], error):
            if used[number] >= retrier.get("MaxAttempts", 3):
                return None
            used[number] += 1
            pause = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** (used[number] - 1)
            return min(pause, retrier.get("MaxDelaySeconds", pause))
    return None
