"""JSONata in the fields of a state, as Step Functions evaluates it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from jobrunner.local.states.errors import QUERY, StateError
from jobrunner.local.states.expression import evaluate, filled, is_expression, typed

STATES = {"states": {"input": {"void": None, "list": [1, None, {"a": None}], "empty": [], "one": [5], "text": "x"}}}


def value(expression: str, **variables: Any) -> Any:
    """What an expression gives."""
    return evaluate(f"{{% {expression} %}}", {**STATES, **variables}, "Output")


def cause(expression: str) -> str | None:
    """Why an expression fails."""
    with pytest.raises(StateError) as caught:
        value(expression)
    assert (QUERY, "Output", True) == (caught.value.error, caught.value.location, caught.value.by_interpreter)
    return caught.value.cause


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$states.input.void", None),
        ("$exists($states.input.void)", True),
        ("$type($states.input.void)", "null"),
        ("{'a': $states.input.void, 'b': $states.input.nothing}", {"a": None}),
        ("$states.input.list", [1, None, {"a": None}]),
        ("$states.input.empty", []),
        ("$states.input.one", [5]),
        ("$states.input.one[0]", 5),
        ("$states.input.nothing & 'x'", "x"),
        ("[1..3]", [1, 2, 3]),
        ("{'a': [1..3]}", {"a": [1, 2, 3]}),
        ("10 / 4", 2.5),
        ("10 / 5", 2),
        ("$number('1e3')", 1000),
        ("$merge([$states.input, {'text': 'y'}]).text", "y"),
        ("$toMillis('2026-11-24T02:30:00Z')", 1_795_487_400_000),
        ("$join($map(['a','b'], $uppercase), '-')", "A-B"),
        ("($f := function($n) { $n > 0 ? $f($n - 1) : 'end' }; $f(1000))", "end"),
    ],
)
def test_values(expression: str, expected: Any) -> None:
    """JSON goes in and comes out: a null is a value, an array of one stays one, whole numbers have no point."""
    found = value(expression)
    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$partition([1,2,3,4,5], 2)", [[1, 2], [3, 4], [5]]),
        ("$partition([1,2,3], 2.9)", [[1, 2], [3]]),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(1, 1, 1)", 1),
        ("$hash('abc', 'SHA-1')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("$hash('abc', 'MD5')", "900150983cd24fb0d6963f7d28e17f72"),
        ("$parse('{\"a\": [1, null]}').a", [1, None]),
        ("$parse('null')", None),
        ("$random(7) = $random(7)", True),
        ("$random() < 1", True),
        ("$length($uuid())", 36),
        ("$uuid() = $uuid()", False),
        ("$map(['1','2'], $parse)", [1, 2]),
    ],
)
def test_functions_of_step_functions(expression: str, expected: Any) -> None:
    """$partition, $range, $hash, $parse, $random and $uuid."""
    assert expected == value(expression)


@pytest.mark.parametrize(
    "expression",
    ["$states.input.nothing", "$absent", "$partition([1], 0)", "$range(1, 3)", "$range(1, 3, -1)", "$hash('a')"],
)
def test_nothing_is_an_error(expression: str) -> None:
    """What has no value fails, with AWS's words."""
    said = f"The JSONata expression '{expression}' specified for the field 'Output' returned nothing (undefined)."
    assert said == cause(expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("$eval('1')", "T1006"),
        ("$states.input.text + 1", "threw an error"),
        ("$parse('{')", "threw an error"),
        ("$hash('a', 'CRC')", "$hash knows MD5"),
        ("$uuid(1)", "$uuid takes 0 arguments"),
        ("$range(1, 1000000, 1)", "Expression evaluation memory limit exceeded"),
        ("1 / 0", "threw an error"),
        ("$sum", "returned an unsupported result type: it is a function"),
        ("function($x) { $x }", "returned an unsupported result type: it is a function"),
        ("($f := function($n) { 1 + $f($n) }; $f(1))", "D1011"),
        ("($f := function() { $f() }; $f())", "D1012"),
        ("$error('mine')", "mine"),
    ],
)
def test_failures(expression: str, words: str) -> None:
    """All of them are States.QueryEvaluationError; AWS has no $eval, and none recurses or loops without an end."""
    assert words in str(cause(expression))


def test_a_hundred_levels() -> None:
    """AWS takes a sum of 100 terms, and refuses one more."""
    assert 100 == value("+".join(["1"] * 100))
    assert "D1011" in str(cause("+".join(["1"] * 101)))


def test_an_expression_may_be_used_for_ever() -> None:
    """The bounds are those of an evaluation: neither the time nor the depth of those before counts."""
    program = "$sum($map([1..50], function($i) { [$i, $i][1] }))"
    assert {1275} == {value(program) for _ in range(30)}


def test_time_is_that_of_the_evaluation() -> None:
    """A parsed expression is kept, the time of its first evaluation is not; within one, time stands."""
    first = value("$millis()")
    assert value("'x'") == "x"
    time.sleep(0.01)
    assert value("$millis()") > first
    assert value("$millis() = $millis()") is True


def test_nothing_is_shared() -> None:
    """What an expression returns may be changed without changing what it was made from, and so with transforms."""
    found = value("$states.input.list")
    found.append("more")
    assert "y" == value("$states.input ~> |$|{'text': 'y'}|")["text"]
    assert {"list": [1, None, {"a": None}], "text": "x"}.items() <= STATES["states"]["input"].items()


def test_threads_do_not_see_each_other() -> None:
    """One expression is evaluated in many threads at the same time, with variables of its own in each."""
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(50):
            found = value("$map([1..5], function($i) { $i * $mine })", mine=number * turn)
            if found != [place * number * turn for place in range(1, 6)]:
                wrong.append((number, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == wrong


def test_templates() -> None:
    """Only texts between the delimiters are evaluated, at any depth; a failure names its field."""
    template = {"a": ["{% 1 + 1 %}", "1 + 1", {"b": "{%$states.input.text%}"}], "c": 3, "d": None}
    assert {"a": [2, "1 + 1", {"b": "x"}], "c": 3, "d": None} == filled(template, STATES, "Output")
    with pytest.raises(StateError) as caught:
        filled({"a": [{"b": "{% $states.input.nothing %}"}]}, STATES, "Output")
    assert "Output/a[0]/b" == caught.value.location


@pytest.mark.parametrize("text", ["{% 1", "1 %}", " {% 1 %}", "{% 1 %} ", "{%}", "%}{%"])
def test_what_is_no_expression(text: str) -> None:
    """The delimiters stand at the very beginning and at the very end."""
    assert not is_expression(text)


@pytest.mark.parametrize(
    ("template", "kind", "words"),
    [
        ("{% 'x' %}", "integer", "Expected 'integer', but was 'string'"),
        ("{% 1.5 %}", "integer", "Expected 'integer', but was 'number'"),
        ("{% true %}", "integer", "Expected 'integer', but was 'boolean'"),
        ("{% null %}", "string", "Expected 'string', but was 'null'"),
        ("{% {} %}", "string", "Expected 'string', but was 'object'"),
        ("{% [] %}", "boolean", "Expected 'boolean', but was 'array'"),
    ],
)
def test_types(template: str, kind: str, words: str) -> None:
    """A field that takes one kind of value takes no other."""
    with pytest.raises(StateError) as caught:
        typed(template, STATES, "Seconds", kind)
    assert words in str(caught.value.cause)
