"""Kubernetes quantities: `500m`, `128Mi`, `2e3`.

It only reads; what is written back stays the user's text.
"""

from __future__ import annotations

import re
from decimal import Decimal

_BINARY = {
    unit: Decimal(1024) ** (power + 1) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FORM = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+|[numkMGTPE]?)")


def parse(text: str | float) -> Decimal:
    """The number a quantity stands for.

    Raises:
        ValueError: the text is no quantity.
    """
    match = _FORM.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is no quantity; write it like 500m, 2 or 128Mi")
    number, unit = Decimal(match[1]), match[2]
    if unit in _BINARY:
        return number * _BINARY[unit]
    if unit in _DECIMAL:
        return number.scaleb(_DECIMAL[unit])
    return number.scaleb(int(unit[1:]))
