"""Image references as users write them.

It reads and cleans; it looks nothing up.
"""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(r"<[^<>]*>/")
_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?"
)
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_NAME}(?:/{_NAME})*(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)


def has_placeholder(image: str) -> bool:
    """Whether the registry is still the text of an example, as in `<your registry name>/x`."""
    return _PLACEHOLDER.match(image) is not None


def clean(image: str) -> str:
    """The reference meant: a placeholder for a registry means this platform's own images."""
    return _PLACEHOLDER.sub("", image.strip(), count=1)


def is_valid(image: str) -> bool:
    """Whether `image` is an image reference, placeholder aside."""
    return _REFERENCE.fullmatch(clean(image)) is not None


def pin(image: str, digest: str) -> str:
    """`image` at exactly `digest`; the tag stays, another digest goes."""
    return f"{clean(image).partition('@')[0]}@{digest}" if digest else clean(image)
