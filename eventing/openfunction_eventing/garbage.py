"""What Python's collector of cycles looks at in a program that handles events: little, and not for every few of them.

What a program has imported and opened lives as long as it does; walking through it again and again was a fifth of
what an event cost.
"""

from __future__ import annotations

import gc
from typing import Final

# Containers more than at the last look; an event makes some tens of them, and hardly any in a cycle.
_YOUNG: Final = 20_000


def settle() -> None:
    """Leave what is there now to itself; for when a program has begun, and again when it has opened more."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
