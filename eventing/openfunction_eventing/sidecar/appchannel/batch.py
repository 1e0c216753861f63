"""An app of our own framework on a Unix socket: Dapr's routes of an app, in frames, or in HTTP if it knows none."""

from __future__ import annotations

from collections.abc import Sequence

from openfunction_eventing.sidecar.appchannel import pipeline
from openfunction_eventing.sidecar.appchannel.frames import Foreign, Frames
from openfunction_eventing.sidecar.appchannel.http import HttpApp
from openfunction_eventing.sidecar.channel import Reply
from openfunction_eventing.sidecar.settings import Settings


def of(settings: Settings) -> HttpApp:
    """The channel of the settings' app."""
    return HttpApp(Either(settings.app_socket), app=settings.app_id, token=settings.app_token)


class Either:
    """Implements http.Asker."""

    def __init__(self, path: str) -> None:
        self._frames = Frames(path)
        self._lines = pipeline.Pipeline(pipeline.at_path(path))
        self._in_frames = True

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Ask; raises AppAway."""
        if self._in_frames:
            try:
                return await self._frames.ask(method, target, headers, body)
            except Foreign:  # it refused the opening, so nothing was carried out
                self._in_frames = False
        return await self._lines.ask(method, target, headers, body)

    async def is_up(self) -> bool:
        """Whether a connection can be had; whoever comes back may have learnt frames."""
        self._in_frames = True
        return await self._frames.is_up()

    async def close(self) -> None:
        """Hang up."""
        await self._frames.close()
        await self._lines.close()
