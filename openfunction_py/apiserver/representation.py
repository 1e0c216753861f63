"""Answers: an object, a list or a watch event in the form the client asks for.

It encodes; which objects are in an answer was decided before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from openfunction_py.api import scheme
from openfunction_py.apiserver import table
from openfunction_py.apiserver.hub import Event
from openfunction_py.lib.clock import Clock

Document = dict[str, Any]

JSON = "application/json"


def respond(value: object, *, code: int = 200, warnings: Sequence[str] = (), media: str = JSON) -> Response:
    """An answer with a JSON body: a value, or bytes encoded already."""
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    response = Response(raw, code, media_type=media)
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        response.headers.append("warning", f'299 - "{quoted}"')
    return response


@dataclass(frozen=True, slots=True)
class Form:
    """How a client wants objects of a resource: whole, as metadata, or as a Table."""

    resource: scheme.Resource
    kind: str
    include: str
    clock: Clock

    @property
    def whole(self) -> bool:
        """Whether objects go out as they are stored."""
        return not self.kind

    def one(self, value: bytes) -> bytes:
        """One stored object."""
        if self.whole:
            return value
        document = orjson.loads(value)
        if self.kind == "Table":
            version = document.get("metadata", {}).get("resourceVersion", "")
            return orjson.dumps(self._table([document], {"resourceVersion": version}))
        return orjson.dumps(table.partial(document))

    def many(self, values: Iterable[bytes], metadata: Document) -> bytes:
        """A list of stored objects; whole objects are joined without being decoded."""
        if self.whole:
            head = {
                "kind": f"{self.resource.kind}List",
                "apiVersion": self.resource.api_version,
                "metadata": metadata,
            }
            return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(values) + b"]}"
        documents = [orjson.loads(value) for value in values]
        if self.kind == "Table":
            return orjson.dumps(self._table(documents, metadata))
        return orjson.dumps(
            {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": [table.partial(document) for document in documents],
            }
        )

    def event(self, type_: str, event: Event, *, first: bool) -> bytes:
        """One line of a watch; made once for all watchers that want it in this form."""
        if self.whole:
            return event.line(type_, "", lambda: line(type_, event.change.value))
        name = f"{self.kind}/{self.include}/{first}"
        return event.line(type_, name, lambda: line(type_, self._encoded(event.object, first=first)))

    def initial(self, value: bytes, *, first: bool) -> bytes:
        """The ADDED line of an object that was there before the watch."""
        return line("ADDED", value if self.whole else self._encoded(orjson.loads(value), first=first))

    def bookmark(self, revision: int, *, annotations: Mapping[str, str]) -> bytes:
        """A BOOKMARK line."""
        metadata: Document = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = dict(annotations)
        body: Document = {
            "kind": self.resource.kind,
            "apiVersion": self.resource.api_version,
            "metadata": metadata,
        }
        if self.kind == "PartialObjectMetadata":
            body |= {"kind": self.kind, "apiVersion": "meta.k8s.io/v1"}
        elif self.kind == "Table":
            body = self._table([], {"resourceVersion": str(revision)})
            body["rows"] = [{"cells": [], "object": table.partial({"metadata": metadata})}]
        return line("BOOKMARK", orjson.dumps(body))

    def _table(self, documents: Iterable[Document], metadata: Document) -> Document:
        return table.table(
            self.resource, documents, metadata=metadata, include=self.include, now=self.clock.now()
        )

    def _encoded(self, document: Document, *, first: bool) -> bytes:
        if self.kind == "PartialObjectMetadata":
            return orjson.dumps(table.partial(document))
        version = document.get("metadata", {}).get("resourceVersion", "")
        found = self._table([document], {"resourceVersion": version})
        if not first:
            found["columnDefinitions"] = []
        return orjson.dumps(found)


def line(type_: str, value: bytes) -> bytes:
    """A watch event around an encoded object."""
    return b'{"type":"' + type_.encode() + b'","object":' + value + b"}\n"
