"""Waiting for moments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core.agenda import Agenda


def test_those_whose_moment_has_come_are_taken_in_order() -> None:
    """The soonest first; of one moment, who came first."""
    agenda = Agenda()
    for number, moment in ((1, 5.0), (2, 3.0), (3, 5.0), (4, 9.0)):
        agenda.put(number, moment)

    assert [2, 1, 3] == list(agenda.due(5.0))
    assert 9.0 == agenda.soonest()
    assert [] == list(agenda.due(8.9))
    assert [4] == list(agenda.due(9.0))
    assert None is agenda.soonest()


def test_a_number_waits_for_one_moment() -> None:
    """What is put again waits for the new moment only, and what is withdrawn for none."""
    agenda = Agenda()
    agenda.put(1, 1.0)
    agenda.put(1, 7.0)
    agenda.put(2, 2.0)
    agenda.withdraw(2)
    agenda.withdraw(3)

    assert (True, False) == (1 in agenda, 2 in agenda)
    assert [] == list(agenda.due(6.0))
    assert [1] == list(agenda.due(7.0))
    assert 1 not in agenda


def test_company_is_taken_before_its_time() -> None:
    """The soonest of those that are wanted; the others wait on."""
    agenda = Agenda()
    for number in range(6):
        agenda.put(number, float(number))

    assert [0, 2] == agenda.take(2, lambda number: number % 2 == 0)
    assert [4] == agenda.take(9, lambda number: number % 2 == 0)
    assert [1, 3, 5] == list(agenda.due(10.0))


def test_nobody_waits_longer_than_is_said() -> None:
    """Sooner moments stay."""
    agenda = Agenda()
    agenda.put(1, 1.0)
    agenda.put(2, 50.0)
    agenda.put(3, 60.0)
    agenda.put(3, 70.0)
    agenda.hasten(5.0)

    assert [1] == list(agenda.due(4.0))
    assert [2, 3] == list(agenda.due(5.0))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.sampled_from(["put", "withdraw"]))))
def test_an_agenda_is_a_dictionary_of_moments(steps: list[tuple[int, int, str]]) -> None:
    """Whatever was put and withdrawn before."""
    agenda, expected = Agenda(), dict[int, float]()
    for number, moment, what in steps:
        if what == "put":
            agenda.put(number, float(moment))
            expected[number] = float(moment)
        else:
            agenda.withdraw(number)
            expected.pop(number, None)

    assert min(expected.values(), default=None) == agenda.soonest()
    assert sorted(expected.values()) == [expected[number] for number in agenda.due(100.0)]
