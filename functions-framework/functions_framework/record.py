"""Frozen records with slots, made without generating code: what `dataclass(frozen=True, slots=True)` gives, for less.

A dataclass writes and compiles its methods when its module is imported: a millisecond for each, at every start of a
function. A type checker sees a dataclass, and `dataclasses.replace` and `fields` take records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool):
        """The decorator; the arguments are for the reader, as there is no other kind."""
        if not (frozen and slots):
            raise ValueError(
                "a record is frozen and has slots; for another take the standard library's dataclass"
            )
        return _made


_REPLACED = frozenset({"__dict__", "__weakref__"})  # of the class as it was written, without slots


class _Fields:
    """The fields as the module dataclasses looks for them, worked out when it does."""

    def __get__(
        self, _: object, owner: type[_Record]
    ) -> dict[str, Any]:  # Any: its `Field`, whose parts it sets itself
        made: dict[str, Any] = {}
        for name in owner.__slots__:
            one: Any = dataclasses.field(default=owner._defaults.get(name, dataclasses.MISSING))  # noqa: SLF001  # our own
            one.name, one.type = name, owner.__annotations__[name]
            one._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001  # as its decorator does
            made[name] = one
        return made


class _Record:
    __slots__: tuple[str, ...] = ()
    __dataclass_fields__ = _Fields()
    _defaults: Mapping[str, Any] = {}  # each record has its own

    def __init__(self, *values: Any, **named: Any) -> None:  # Any: what the record's fields say
        names = self.__slots__
        given = {**self._defaults, **dict(zip(names, values, strict=False)), **named}
        if (
            len(values) > len(names)
            or given.keys() != set(names)
            or not named.keys().isdisjoint(names[: len(values)])
        ):
            raise TypeError(
                f"{type(self).__name__} takes {', '.join(names)}; each once, those without a default always"
            )
        for name in names:
            object.__setattr__(self, name, given[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__qualname__}({shown})"

    def __reduce__(self) -> tuple[type[_Record], tuple[Any, ...]]:  # for copies and pickles
        return type(self), self._values()

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)


def _made(written: type[Any]) -> type[_Record]:
    """The class once more, with its annotated names as slots: a class cannot be given them later."""
    own = dict(vars(written))
    names = tuple(own["__annotations__"])
    defaults = {name: own.pop(name) for name in names if name in own}
    kept = {name: value for name, value in own.items() if name not in _REPLACED}
    kept |= {
        "__slots__": names,
        "__match_args__": names,
        "__qualname__": written.__qualname__,
        "_defaults": defaults,
    }
    return type(written.__name__, (_Record,), kept)
