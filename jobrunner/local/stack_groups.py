"""Schedule groups that stacks of CloudFormation have made.

Stacks are moto's, and moto keeps one set of them a process; schedules are ours, and each endpoint has its own. So every
endpoint of the process has the groups of all its stacks, and what happens to one there, by the API, is its own affair.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jobrunner.local.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobrunner.local.schedule_store import Group, ScheduleStore

_lock: Final = threading.Lock()
_stores: Final[list[ScheduleStore]] = []
_groups: Final[dict[tuple[str, str], Group]] = {}


def follow(store: ScheduleStore) -> None:
    """Give a store the groups of all stacks, from now on too, until it leaves."""
    with _lock:
        _stores.append(store)
        for group in _groups.values():
            store.add_group(_copy(group))


def leave(store: ScheduleStore) -> None:
    """Change a store no more."""
    with _lock:
        _stores.remove(store)


def add(group: Group) -> None:
    """Make a group.

    Raises:
        ApiError: ConflictException: there is one of that name, and nothing was made.
    """
    with _lock:
        for store in _stores:
            if any(one.name == group.name for one in store.groups(group.region)):
                raise ApiError("ConflictException", f"Schedule group {group.name} already exists.", status=409)
        for store in _stores:
            store.add_group(_copy(group))
        _groups[group.region, group.name] = group


def tag(region: str, name: str, tags: Mapping[str, str]) -> None:
    """Replace the tags of a group.

    Raises:
        ApiError: ResourceNotFoundException: somebody has deleted it.
    """
    with _lock:
        for store in _stores:
            store.group(region, name).tags = dict(tags)
        _groups[region, name] = replace(_groups[region, name], tags=dict(tags))


def remove(region: str, name: str) -> None:
    """Delete a group with its schedules; where somebody has done that already, there is nothing to do."""
    with _lock:
        for store in _stores:
            if any(one.name == name for one in store.groups(region)):
                store.remove_group(region, name)
        _groups.pop((region, name), None)


def _copy(group: Group) -> Group:
    return replace(group, tags=dict(group.tags))
