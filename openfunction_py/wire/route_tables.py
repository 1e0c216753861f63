"""A gateway's routes as a table, and the messages that bring another's copy of it up to date. Pure.

A Route that is gone is told with an empty traffic, and many entries in several messages: a frame is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from openfunction_py.wire.messages import Routes

Table = dict[str, str]
GONE = ""
MOST = 2000  # entries of a message, some 100 bytes each


def taken(before: Mapping[str, str], said: Routes) -> Table:
    """The copy after a message; a new one, as followers compare."""
    merged = {**({} if said.whole else before), **said.routes}
    return {uid: key for uid, key in merged.items() if key != GONE}


def steps(before: Mapping[str, str] | None, now: Mapping[str, str], gateway: str = "") -> Iterator[Routes]:
    """The messages from one table to another; from None, who hears them knows nothing yet."""
    known = before or {}
    news = {uid: key for uid, key in now.items() if known.get(uid) != key}
    news |= dict.fromkeys(known.keys() - now.keys(), GONE)
    entries = iter(news.items())
    whole = before is None
    while (piece := dict(islice(entries, MOST))) or whole:
        yield Routes(gateway, piece, whole=whole)
        whole = False
