"""Events that somebody posts: CloudEvents as they are, and anything else made one (a webhook).

The answer is 202 only after the event is where it goes. A sender that is not who it says gets 401.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from functions_framework import cloudevent, errors, response
from functions_framework.cloudevent import CloudEvent
from functions_framework.request import Request
from functions_framework.response import Reply
from openfunction_eventing import httpform
from openfunction_eventing.documents import DocumentError
from openfunction_eventing.documents import Source as Document
from openfunction_eventing.door import Door
from openfunction_eventing.keys import Keys
from openfunction_eventing.sources import port
from openfunction_eventing.sources.port import Emit, EmitError

ALGORITHMS: Final = ("sha256", "sha512", "sha1")
Read = Callable[[Request], list[CloudEvent]]
_FORMATS: Final = (cloudevent.STRUCTURED, cloudevent.BATCH)
_TAKEN: Final = (202, b"", b"")
_ALLOWED: Final = b"allow: POST, OPTIONS\r\n"
AGAIN: Final = b"retry-after: 1\r\n"


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A post that is not taken: 401 and why."""


class Posted:
    """One path of the door."""

    def __init__(self, door: Door, path: str, read: Read) -> None:
        """Take posts at a path and read events out of them."""
        self._door, self._path, self._read = door, path, read

    async def run(self, emit: Emit) -> None:
        """See `port.Source`."""

        async def handle(request: Request) -> Reply:
            return await self._answer(request, emit)

        self._door.open(self._path, handle)
        try:
            await asyncio.Event().wait()
        finally:
            self._door.shut(self._path, handle)

    async def _answer(self, request: Request, emit: Emit) -> Reply:
        if request.method == "OPTIONS":
            return _welcome(request)
        if request.method != "POST":
            return response.plain(405, "Post the event.", lines=_ALLOWED)
        try:
            for event in self._read(request):
                await emit(event)
        except errors.HttpError as error:
            return response.of_error(error)
        except Refused as error:
            return response.plain(401, str(error))
        except EmitError as error:
            if error.final:
                return response.plain(502, str(error))
            return response.plain(503, str(error), lines=AGAIN)
        return _TAKEN


def _welcome(request: Request) -> Reply:
    """The handshake of CloudEvents' webhook specification: who asks may post."""
    headers = {"Allow": "POST, OPTIONS"}
    origin = request.headers.get("WebHook-Request-Origin")
    if origin:
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return response.answer(response.Response(headers=headers))


def http(document: Document, door: Door) -> Posted:
    """A source of CloudEvents, binary, structured or in batches; raises DocumentError."""
    keys = Keys(document.spec, ("path",), path="spec")
    return Posted(door, keys.text("path", f"/{document.event}"), _events)


def _events(request: Request) -> list[CloudEvent]:
    """The CloudEvents of a post; raises HttpError that says what is missing."""
    if not request.field(b"ce-specversion") and request.mimetype not in _FORMATS:
        # The quick reader would take a body for an event that does not say that it is one.
        return httpform.read(request.headers, request.body)
    found = cloudevent.one_or_all(request)
    return found if isinstance(found, list) else [found]


def webhook(document: Document, door: Door) -> Posted:
    """A source of anything that is posted; raises DocumentError."""
    keys = Keys(document.spec, ("path", "type", "idHeader", "typeHeader", "signature"), path="spec")
    return Posted(door, keys.text("path", f"/{document.event}"), _Hook(document, keys).read)


class _Hook:
    """How a post becomes an event."""

    def __init__(self, document: Document, keys: Keys) -> None:
        self._document = document
        self._type = keys.text("type", "")
        self._id_header = keys.text("idHeader", "")
        self._type_header = keys.text("typeHeader", "")
        self._signature = Signature.of(document) if keys.map("signature") else None

    def read(self, request: Request) -> list[CloudEvent]:
        headers, body = request.headers, request.body
        if self._signature is not None:
            self._signature.check(headers, body)
        # Without the sender's own id two equal posts are two events: nothing tells them from a repetition.
        position = headers.get(self._id_header, "") if self._id_header else uuid.uuid4().hex
        if not position:
            raise errors.BadRequest(f"The post lacks the header {self._id_header}, which is the event's id.")
        made = port.attributes(self._document, position)
        made["type"] = (
            (headers.get(self._type_header, "") if self._type_header else "") or self._type or made["type"]
        )
        if "Content-Type" in headers:
            made["datacontenttype"] = headers["Content-Type"]
        return [CloudEvent.received(made, body)]


class Signature:
    """An HMAC of the body in a header, in hexadecimal, of either case, after a prefix."""

    def __init__(self, header: str, algorithm: str, prefix: str, secret: str) -> None:
        """Check with a secret that the sender has too."""
        self._header, self._algorithm, self._prefix, self._secret = header, algorithm, prefix, secret

    @classmethod
    def of(cls, document: Document) -> Signature:
        """The signature of a source's document; raises DocumentError."""
        at = "spec.signature"
        keys = Keys(document.spec["signature"], ("header", "algorithm", "prefix", "secret"), path=at)
        secret = keys.text("secret")
        if not secret.strip():
            raise DocumentError(keys.at("secret"), "is missing")
        algorithm = keys.choice("algorithm", ALGORITHMS, "sha256")
        return cls(keys.text("header"), algorithm, keys.text("prefix", ""), secret)

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise Refused unless the sender knows the secret; takes the same time wherever the first difference is."""
        given = headers.get(self._header)
        if given is None:
            raise Refused(f"The post lacks the signature in the header {self._header}.")
        made = hmac.new(self._secret.encode(), body, getattr(hashlib, self._algorithm)).hexdigest()
        given, at = given.strip(), len(self._prefix)
        told = f"{given[:at]}{given[at:].lower()}".encode(errors="replace")
        if not hmac.compare_digest(f"{self._prefix}{made}".encode(), told):
            raise Refused(f"The signature in the header {self._header} is not that of this body.")
