"""Keeps reference counts of what a template holds from being written: in a fork every write copies a page.

From CPython 3.12 on an object may be immortal (PEP 683): its count is never written and it is never freed. The
interpreter makes only its own objects so. Here a template's become it too, which halves the private memory of its
forks. Elsewhere nothing is done: forks work alike and are larger.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import sysconfig
import types
from collections.abc import Iterable
from typing import Final, cast

_PARTS_OF_CODE: Final = (
    *("co_consts", "co_names", "co_name", "co_qualname"),
    *("co_filename", "co_linetable", "co_exceptiontable"),
)
# What a program is made of. A user's own values are left out: numpy refuses to resize an array that others hold, and
# goes by the count.
_PROGRAM: Final = (
    *(type, types.FunctionType, types.CodeType, types.ModuleType, types.CellType, property),
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, classmethod, staticmethod),
)
_CONSTANTS: Final = (str, bytes, int, float, complex, frozenset, tuple)


def keep_all() -> int:
    """Make immortal what this process holds and has not frozen yet, with all it leads to; returns how many objects."""
    return _keep(None)


def keep_program() -> int:
    """As `keep_all`, but only modules, classes, functions and the constants of their code."""
    return _keep((*_PROGRAM, *_CONSTANTS))


def is_possible() -> bool:
    """Whether this interpreter knows immortal objects, laid out as CPython 3.12 and later do."""
    return (
        sys.implementation.name == "cpython"
        and sys.version_info >= (3, 12)
        and sys.byteorder == "little"
        and sys.maxsize > 1 << 32
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
    )


def _keep(kinds: tuple[type, ...] | None) -> int:
    """Walk through what the collector knows and has not frozen.

    An object that is immortal already has been walked through, and ends a way.
    """
    if not is_possible():
        return 0
    left: list[object] = gc.get_objects()
    immortal = _count(None).value
    made = 0
    while left:
        one = left.pop()
        count = _count(one)
        if count.value != immortal and _is_kept(one, kinds):
            count.value = immortal
            made += 1
            left += _next(one)
    return made


def _count(one: object) -> ctypes.c_uint32:
    """The part of an object's reference count that says whether it is immortal: None's does."""
    return ctypes.c_uint32.from_address(id(one))


def _is_kept(one: object, kinds: tuple[type, ...] | None) -> bool:
    kind = type(one)  # isinstance would ask the object, and a proxy answers by code of its own
    if kind is types.FrameType:
        return False  # what runs now, this function with it
    return kinds is None or issubclass(kind, kinds)


def _next(one: object) -> Iterable[object]:
    if type(one) is types.CodeType:  # the collector does not know what code refers to
        return [getattr(one, name) for name in _PARTS_OF_CODE]
    found = gc.get_referents(one)
    if issubclass(type(one), type):
        made = cast("type", one)
        found += [made.__mro__, made.__bases__]
    return found
