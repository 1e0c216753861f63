"""What an Authorization header says: a scheme, with user and password, a token, or parameters (RFC 9110 §11.6.2).

It checks nobody's password.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# A name begins where no name goes on: tried from each of its letters, a long one would take minutes.
_PARAMETER = re.compile(r'(?<![\w-])([\w-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))')


@dataclass(frozen=True, slots=True)
class Authorization:
    """One header, under the names that Flask gives its parts.

    Attributes:
        type: the scheme in lower case, such as `basic` or `bearer`.
        username: of Basic, and of Digest.
        password: of Basic.
        token: what follows the scheme, where it is one word.
        parameters: what follows it, where it is a list such as Digest's.
    """

    type: str
    username: str | None = None
    password: str | None = None
    token: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str | None = None) -> str | None:
        """A parameter, or the default."""
        return self.parameters.get(name, default)


def parse(header: str | None) -> Authorization | None:
    """Read the header; None when there is none, or when Basic holds no user and password."""
    if not header:
        return None
    scheme, _, rest = header.partition(" ")
    kind, rest = scheme.lower(), rest.strip()
    if kind == "basic":
        return _basic(rest)
    if "=" in rest.rstrip("="):
        told = {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
        return Authorization(kind, username=told.get("username"), parameters=told)
    return Authorization(kind, token=rest)


def _basic(encoded: str) -> Authorization | None:
    try:
        user, mark, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Authorization("basic", username=user, password=password) if mark else None
