"""A small HTTP server that speaks list and watch for ConfigMaps, and fails on demand.

It stores nothing durably and knows one kind; the wire suites use whole servers.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from openfunction_py.kube.endpoint import Endpoint

LISTS = "/api/v1/configmaps"
ONE = "/api/v1/namespaces/{namespace}/configmaps/{name}"
Event = tuple[int, str, dict[str, Any]]


class FakeApi:
    """ConfigMaps in memory with a history that can be cut, over a server that can go away and return."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.objects: dict[str, dict[str, Any]] = {}
        self.version = 1
        self.page_size = 500
        self.refusals: list[web.Response] = []
        self.open_watches = 0
        self.port = 0
        self._history: list[Event] = []
        self._oldest = 0
        self._changed = asyncio.Condition()
        self._ended = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, again on the same port after a stop."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Break every connection and listen no more."""
        if self._runner:
            await self.end_watches()
            await self._runner.cleanup()
            self._runner = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint(server=f"http://127.0.0.1:{self.port}", token="first")

    async def put(self, name: str, *, owner: str = "", **data: str) -> None:
        """Create or change a ConfigMap."""
        self.version += 1
        kind = "MODIFIED" if name in self.objects else "ADDED"
        meta: dict[str, Any] = {"name": name, "namespace": "ns", "resourceVersion": str(self.version)}
        if owner:
            meta["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": owner}]
        self.objects[name] = {"metadata": meta, "data": data}
        await self._record(kind, self.objects[name])

    async def remove(self, name: str) -> None:
        """Delete a ConfigMap."""
        self.version += 1
        gone = self.objects.pop(name)
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        await self._record("DELETED", gone)

    async def bookmark(self) -> None:
        """Tell every watcher how far it has come."""
        meta = {"metadata": {"resourceVersion": str(self.version)}}
        await self._record("BOOKMARK", meta)

    def forget_history(self) -> None:
        """Cut the history: a watch from any earlier version is answered 410."""
        self._oldest = self.version + 1
        self._history.clear()

    async def end_watches(self) -> None:
        """End every open watch properly."""
        self._ended += 1
        async with self._changed:
            self._changed.notify_all()

    def refuse(self, code: int, reason: str = "", **status: Any) -> None:
        """Answer the next request with a Status."""
        body = {"kind": "Status", "code": code, "reason": reason, "message": "refused", **status}
        self.refusals.append(web.json_response(body, status=code))

    def asked(self, **query: str) -> list[web.Request]:
        """The requests so far that had these query parameters."""
        return [one for one in self.requests if query.items() <= dict(one.query).items()]

    async def _record(self, kind: str, obj: dict[str, Any]) -> None:
        self._history.append((self.version, kind, obj))
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        if request.query.get("watch"):
            return await self._watch(request)
        return self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        start = int(request.query.get("continue") or 0)
        names = sorted(self.objects)
        part = names[start : start + self.page_size]
        meta: dict[str, str] = {"resourceVersion": str(self.version)}
        if start + self.page_size < len(names):
            meta["continue"] = str(start + self.page_size)
        return web.json_response({"metadata": meta, "items": [self.objects[name] for name in part]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self._oldest - 1:
            return web.json_response({"code": 410, "reason": "Expired", "message": "too old"}, status=410)
        response = web.StreamResponse()
        await response.prepare(request)
        self.open_watches += 1
        try:
            await self._send_events(response, since)
        finally:
            self.open_watches -= 1
        return response

    async def _send_events(self, response: web.StreamResponse, since: int) -> None:
        epoch = self._ended
        sent = {id(event) for event in self._history if event[0] <= since}
        while self._ended == epoch:
            for event in [event for event in self._history if id(event) not in sent]:
                sent.add(id(event))
                line = json.dumps({"type": event[1], "object": event[2]})
                await response.write(line.encode() + b"\n")
            async with self._changed:
                await self._changed.wait()
