"""An app of our own framework: Dapr's routes of an app in frames on its Unix socket, in HTTP where it knows none.

One that does not listen at the socket, of another image or an older framework, is asked at its port.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from openfunction_eventing import log
from openfunction_eventing.sidecar.appchannel import pipeline
from openfunction_eventing.sidecar.appchannel.client import Client
from openfunction_eventing.sidecar.appchannel.frames import Foreign, Frames
from openfunction_eventing.sidecar.appchannel.http import Asker, HttpApp
from openfunction_eventing.sidecar.channel import Reply
from openfunction_eventing.sidecar.settings import Settings

Way = Literal["frames", "HTTP at the socket", "HTTP at the port"]
FRAMES: Final = "frames"
LINES: Final = "HTTP at the socket"
PORT: Final = "HTTP at the port"

_log = log.get("sidecar")


def of(settings: Settings) -> HttpApp:
    """The channel of the settings' app."""
    port = Client(settings.app_host, settings.app_port) if settings.app_port else None
    return HttpApp(Either(settings.app_socket, port), app=settings.app_id, token=settings.app_token)


class Either:
    """Implements http.Asker; what the app speaks is found out whenever it is looked for."""

    def __init__(self, path: str, port: Asker | None = None) -> None:
        """The app at a socket; `port` asks it where it does not listen there."""
        self._path = path
        self._frames = Frames(path)
        self._lines = pipeline.Pipeline(pipeline.at_path(path))
        self._port = port
        self._way: Way = FRAMES
        self._told: Way | None = None

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Ask; raises AppAway."""
        way = self._way
        if way is FRAMES:
            try:
                reply = await self._frames.ask(method, target, headers, body)
            except Foreign:  # it refused the opening, so nothing was carried out
                self._way = way = LINES
                reply = await self._lines.ask(method, target, headers, body)
        else:
            asker = self._port if way is PORT and self._port is not None else self._lines
            reply = await asker.ask(method, target, headers, body)
        if way is not self._told:
            self._tell(way)
        return reply

    async def is_up(self) -> bool:
        """Whether a connection can be had; whoever comes back may have learnt frames."""
        if await self._frames.is_up():
            self._way = FRAMES
            return True
        if self._port is None or not await self._port.is_up():
            return False
        # Who has both listens at the socket first: by now it does so, or it never will.
        self._way = FRAMES if await self._frames.is_up() else PORT
        return True

    async def close(self) -> None:
        """Hang up."""
        await self._frames.close()
        await self._lines.close()
        if self._port is not None:
            await self._port.close()

    def _tell(self, way: Way) -> None:
        """Once it has answered so: that it takes a connection says nothing of what it speaks."""
        self._told = way
        _log.info("the app answers", speaks=way, socket=self._path)
