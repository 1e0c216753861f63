"""Which unpacked images and layers of a node go: a decision over what lies there, what is used, and the time.

It looks at no disk; names are those of folders, times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

PART = ".part-"  # is being unpacked, or was when a node was killed
GONE = ".gone-"  # was given up already, and its removal was cut short


@dataclass(frozen=True, slots=True)
class Times:
    """When the node collects, in seconds.

    `pause` is that of kubelet's image collection. `first` is short, for a laptop's platform often runs only minutes.
    `unused` bridges what is about to come back: a Pod that is replaced, a rollback, a Function deleted and applied
    again; kubelet waits 2 minutes, but there a full disk asks for it. `unnamed` is for blobs: an export takes minutes
    from its first blob to the name of its image, and a bundle is named before the Function that holds it is stored.
    """

    first: float = 60.0
    pause: float = 300.0
    unused: float = 600.0
    unnamed: float = 3600.0


@dataclass(frozen=True, slots=True)
class Folder:
    """An unpacked image or layer: its name, when it was last used, and the layers it is linked together from."""

    name: str
    used_at: float
    layers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Removal:
    """The folders to remove; images first, so that none is ever left whose layers went."""

    images: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


def decide(
    images: Sequence[Folder], layers: Sequence[Folder], *, used: AbstractSet[str], now: float, grace: float
) -> Removal:
    """Images that nobody uses and nobody used within the grace, and layers that no other image needs.

    `used` holds folder names of images.
    """
    going = [one for one in images if one.name not in used and _is_over(one, now - grace)]
    needed = {layer for one in images if one not in going for layer in one.layers}
    return Removal(
        images=tuple(one.name for one in going),
        layers=tuple(one.name for one in layers if one.name not in needed and _is_over(one, now - grace)),
    )


def _is_over(folder: Folder, oldest: float) -> bool:
    return folder.name.startswith(GONE) or folder.used_at < oldest
