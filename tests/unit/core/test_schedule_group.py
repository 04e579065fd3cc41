"""Whose a schedule group is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobrunner.core.schedule_group import ScheduleGroup, tags_of_group
from jobrunner.core.settings import Settings

SETTINGS = Settings(
    project="etl", stage="prod", schedule_group="jobrunner-etl-prod", log_group="/g", state_dir=Path("/state")
)
STAGELESS = replace(SETTINGS, stage=None)


def group(**tags: str) -> ScheduleGroup:
    """A group with tags of jobrunner's."""
    return ScheduleGroup(name="jobrunner-etl", tags={f"jobrunner:{key}": value for key, value in tags.items()})


@pytest.mark.parametrize(
    ("tags", "settings", "owner"),
    [
        ({"project": "etl", "stage": "prod"}, SETTINGS, None),
        ({"project": "etl"}, STAGELESS, None),
        ({"project": "etl", "stage": ""}, STAGELESS, None),
        ({}, SETTINGS, None),
        ({"stage": "test"}, SETTINGS, None),
        ({"project": "etl", "stage": "test"}, SETTINGS, "etl/test"),
        ({"project": "etl"}, SETTINGS, "etl"),
        ({"project": "etl", "stage": "prod"}, STAGELESS, "etl/prod"),
        ({"project": "web", "stage": "prod"}, SETTINGS, "web/prod"),
    ],
)
def test_the_tags_say_whose_it_is(tags: dict[str, str], settings: Settings, owner: str | None) -> None:
    """Project and stage must both be those of the settings; without a tag of a project it is nobody else's."""
    assert owner == group(**tags).of_another(settings)


def test_what_is_made_for_the_settings_is_theirs() -> None:
    """A stage that there is not has no tag: AWS takes no empty value."""
    for settings in (SETTINGS, STAGELESS):
        assert None is ScheduleGroup(name="g", tags=tags_of_group(settings)).of_another(settings)
    assert {"jobrunner:project": "etl", "jobrunner:stage": "prod"} == tags_of_group(SETTINGS)
    assert {"jobrunner:project": "etl"} == tags_of_group(STAGELESS)


def test_a_group_that_somebody_wants_to_stay_says_who() -> None:
    """The default group, and one of a stack; another may go with its last schedule."""
    assert "every region has it" == ScheduleGroup(name="default").kept
    stack = ScheduleGroup(name="g", tags={"aws:cloudformation:stack-name": "jobrunner-prod"})
    assert "the stack jobrunner-prod has made it" == stack.kept
    assert None is group(project="etl").kept
