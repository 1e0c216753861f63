"""Keeps the private pages of a fork few: in the template by leaving no holes to write into, in the fork by giving
back what holds only zeros.

It changes no value; where the allocator or the system is another, it does nothing of use and no harm.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Final

_POOL = 16 << 10  # pymalloc's pools and the header before their first block, CPython 3.10 and later
_POOL_HEADER = 48
_BYTES_HEADER = 33
_SMALLEST, _LARGEST, _STEP = 48, 512, 16
_IN_ORDER = 8
_TRIES = 4096
_ZEROS: Final = bytes(mmap.PAGESIZE)
_DONTNEED: Final = getattr(mmap, "MADV_DONTNEED", None)
_madvise = ctypes.CDLL(None).madvise if _DONTNEED is not None else None


def fill_holes() -> list[bytes]:
    """Objects that take the free blocks between live ones; keep them as long as this process forks.

    An import leaves half a megabyte of such blocks on hundreds of pages. A fork takes them first, and copies a page
    for each; without them it takes fresh pools, where its objects lie side by side.
    """
    kept: list[bytes] = []
    for size in range(_SMALLEST, _LARGEST + 1, _STEP):
        last, in_order = 0, 0
        for _ in range(_TRIES):
            kept.append(bytes(size - _BYTES_HEADER))
            at = id(kept[-1])
            first = at % _POOL == _POOL_HEADER
            in_order = 1 if first else in_order + 1 if in_order and at == last + size else 0
            last = at
            if in_order == _IN_ORDER:
                break  # a pool that was empty: there was no hole left
    return kept


def give_back(owner: object) -> int:
    """Give the kernel back the pages inside this object's own memory that hold only zeros; returns how many.

    They read as zeros again. uvloop's loop clears a buffer of 250 KiB when it is made and fills it only as far as a
    read goes. Call it on the thread that uses the object.
    """
    if _madvise is None:
        return 0
    start, end = id(owner), id(owner) + type(owner).__basicsize__
    given = 0
    for page in range(-(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end - mmap.PAGESIZE + 1, mmap.PAGESIZE):
        if ctypes.string_at(page, mmap.PAGESIZE) == _ZEROS:
            given += _madvise(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), _DONTNEED) == 0
    return given
