"""The Unix socket of our own framework: what a function publishes in one turn of its loop comes and goes in one piece.

The frames are described in functions_framework.dapr.batch; a target is the path and query of Dapr's HTTP API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from pathlib import Path
from typing import Final, cast
from urllib.parse import parse_qsl, unquote

from functions_framework import jsons
from functions_framework.dapr.batch import ANSWER, HELLO, LENGTH, QUESTION
from functions_framework.pieces import Pieces
from openfunction_eventing import log
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.publishing import Entry
from openfunction_eventing.sidecar.refusals import Refusal
from openfunction_eventing.sidecar.sidecar import Sidecar

_log = log.get("sidecar")
_PREFIX: Final = "/v1.0/publish/"
_METADATA: Final = "metadata."
_DONE: Final = 204


@dataclass(slots=True)  # as envelope.Message
class Question:
    """One event to be published."""

    number: int
    target: str
    content_type: str
    body: bytes


class BatchServer:
    """Listens for the function."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._server: asyncio.Server | None = None
        self._lines: set[Line] = set()
        self._work = Tasks()

    async def start(self, path: Path) -> None:
        """Accept at a path, in the place of what a dead sidecar left there; raises OSError."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240  # one name, at the start
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: Line(self._sidecar, self._work, self._lines), path
        )

    async def stop(self, grace: float) -> None:
        """Take no more; what is being published has so many seconds."""
        if self._server is None:
            return
        self._server.close()
        try:
            async with asyncio.timeout(grace):
                await self._work.wait()
        except TimeoutError:
            await self._work.end()
        for line in tuple(self._lines):
            line.close()


class Line(asyncio.Protocol):
    """One connection of the function."""

    def __init__(self, sidecar: Sidecar, work: Tasks, lines: set[Line]) -> None:
        self._sidecar = sidecar
        self._work = work
        self._lines = lines
        self._pieces = Pieces()
        self._known = not sidecar.settings.token
        self._transport: asyncio.Transport | None = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        _log.info("a function publishes in batches")
        self._transport = cast("asyncio.Transport", transport)
        self._lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The function has hung up; what it asked is done all the same."""
        del exc
        self._transport = None
        self._lines.discard(self)

    def data_received(self, data: bytes) -> None:
        """Questions, or pieces of them; those of one target are published together."""
        together: dict[str, list[Question]] = {}
        for question in self._whole(data):
            if question.number == HELLO:
                shown, token = question.body, self._sidecar.settings.token.encode()
                self._known = not token or compare_digest(shown, token)
            elif self._known:
                together.setdefault(question.target, []).append(question)
            else:
                return self.close()
        for target, questions in together.items():
            self._work.start(self._publish(target, questions))
        return None

    def _whole(self, data: bytes) -> list[Question]:
        held, at, found = self._pieces.and_then(data), 0, list[Question]()
        whole = len(held)
        while whole - at >= QUESTION.size:
            size, number, target, kind = QUESTION.unpack_from(held, at)
            end, begin = at + LENGTH + size, at + QUESTION.size
            if end > whole:
                break
            second, third = begin + target, begin + target + kind
            found.append(Question(
                number, held[begin:second].decode(), held[second:third].decode(), bytes(held[third:end])
            ))  # fmt: skip
            at = end
        self._pieces.keep(held, at)
        return found

    # publishing

    async def _publish(self, target: str, questions: Sequence[Question]) -> None:
        where = _where(target)
        most = self._sidecar.settings.max_body
        answers: list[Refusal | None] = [refusals.too_large(most)] * len(questions)
        fit = [number for number, one in enumerate(questions) if len(one.body) <= most]
        if where is None:
            answers = [refusals.unsupported(target)] * len(questions)
        elif fit:
            told = await self._stored(*where, [questions[number] for number in fit])
            for number, answer in zip(fit, told, strict=True):
                answers[number] = answer
        if self._transport is not None:
            self._transport.write(
                b"".join(_answer(one.number, told) for one, told in zip(questions, answers, strict=True))
            )

    async def _stored(
        self, pubsub: str, topic: str, metadata: Mapping[str, str], questions: Sequence[Question]
    ) -> list[Refusal | None]:
        """None for what the broker has, else why it has not; the fault of one is not its neighbours'."""
        publisher = self._sidecar.publisher
        entries = [Entry(str(one.number), one.body, one.content_type) for one in questions]
        try:
            failed = await publisher.bulk(pubsub, topic, entries, metadata=metadata)
        except Refusal as refusal:
            if len(questions) == 1:
                return [refusal]
            return [
                answer for one in questions for answer in await self._stored(pubsub, topic, metadata, [one])
            ]
        reasons = {one.id: refusals.not_published(pubsub, topic, one.reason) for one in failed}
        return [reasons.get(one.id) for one in entries]


@lru_cache(maxsize=1024)
def _where(target: str) -> tuple[str, str, dict[str, str]] | None:
    """Component, topic and metadata of a target; None for what is no publishing."""
    path, _, query = target.partition("?")
    if not path.startswith(_PREFIX):
        return None
    pubsub, _, topic = path[len(_PREFIX) :].partition("/")
    metadata: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.startswith(_METADATA):
            metadata.setdefault(name[len(_METADATA) :], value)
    return unquote(pubsub), unquote(topic), metadata


def _answer(number: int, refusal: Refusal | None) -> bytes:
    if refusal is None:
        return ANSWER.pack(ANSWER.size - LENGTH, number, _DONE)
    body = jsons.dumps({"errorCode": refusal.code, "message": refusal.message})
    return ANSWER.pack(ANSWER.size - LENGTH + len(body), number, refusal.status) + body
