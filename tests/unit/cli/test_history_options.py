"""What `history` and `check` refuse before they read anything."""

from __future__ import annotations

import click
import pytest

from jobrunner.cli.commands import check, history
from jobrunner.cli.invocation import Invocation
from jobrunner.core.options import Trigger
from jobrunner.ops.past import VERDICTS


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (
            history.command,
            "--since soon",
            "'soon' is neither a day nor a time of ISO 8601, nor how long ago; for instance",
        ),
        (history.command, "--since 2026-11-02 --until 2026-11-01", "is not after --since, 2026-11-02 00:00:00Z"),
        (history.command, "--since 1h --until 2h", "is not after --since"),
        (history.command, "--missed --offline", "cannot be --offline"),
        (history.command, "--missed --verdict failed", "neither a --verdict nor a --trigger"),
        (history.command, "--missed --trigger manual", "neither a --verdict nor a --trigger"),
        (history.command, "--limit -1", "not in the range x>=0"),
        (history.command, "--verdict odd", "'odd' is not one of"),
        (check.command, "--grace x", "'x' is not a duration"),
        (check.command, "--until 2000-01-01 --since 2000-01-02", "is not after --since, 2000-01-02 00:00:00Z"),
    ],
)
def test_what_makes_no_sense_is_refused(command: click.Command, words: str, said: str) -> None:
    """A project is not even looked for."""
    with pytest.raises(click.UsageError) as caught:
        command.main(words.split(), standalone_mode=False, obj=Invocation(project="/nowhere"))
    assert said in caught.value.format_message()


def test_the_options_offer_all_there_is() -> None:
    """They name verdicts and triggers without importing them, for the help to be quick."""
    choices = {option.name: option.type for option in history.command.params}
    for name, expected in (("verdicts", VERDICTS), ("trigger", tuple(map(str, Trigger)))):
        offered = choices[name]
        assert isinstance(offered, click.Choice)
        assert sorted(expected) == sorted(offered.choices)
