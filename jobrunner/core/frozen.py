"""A dictionary that cannot be changed, for the values of frozen models."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A `dict` whose content is fixed at construction; hashable when its values are.

    It is a real `dict`, not a `MappingProxyType`, because JSON, pickle, `copy` and pydantic's serializers
    all know dictionaries and none of them knows the proxy.
    """

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping is frozen; make a new one: {**old, key: value}")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # dict says None: a frozen one can be hashed
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy through the constructor; their default fills item by item, which is refused."""
        return (FrozenDict, (dict(self),))
