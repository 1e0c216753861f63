"""Durations as Go writes them: `1h2m3.5s`.

It refuses years, months and days, as Go does.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse(text: str) -> timedelta:
    """The duration of a Go text.

    Raises:
        ValueError: it is none; the message shows the form.
    """
    body = text.removeprefix("+").removeprefix("-")
    parts = _PART.findall(body)
    if body != "0" and (not parts or "".join(number + unit for number, unit in parts) != body):
        raise ValueError(f"{text!r} is no duration; write it like 90s, 1m30s or 1h")
    seconds = sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0))
    try:
        return timedelta(microseconds=float(seconds * 1_000_000)) * (-1 if text.startswith("-") else 1)
    except OverflowError as error:
        raise ValueError(f"{text!r} is longer than anybody can wait") from error


def format(value: timedelta) -> str:  # noqa: A001 - the pair of parse; callers write durations.format
    """The text Go's Duration.String gives."""
    micros = round(value / timedelta(microseconds=1))
    if micros < 0:
        return "-" + format(-value)
    if micros == 0:
        return "0s"
    if micros < 1_000:
        return f"{micros}µs"
    if micros < 1_000_000:
        return f"{_trim(Decimal(micros) / 1_000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_trim(Decimal(rest) / 1_000_000)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _trim(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
