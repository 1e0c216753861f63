"""Which channel an app has, by the settings."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from openfunction_eventing.sidecar.appchannel.client import Client
from openfunction_eventing.sidecar.appchannel.http import HttpApp
from openfunction_eventing.sidecar.channel import AppChannel
from openfunction_eventing.sidecar.settings import Settings


class Nobody:
    """The app of a sidecar that has none; streams alone get events."""

    async def is_up(self) -> bool:
        """Whoever has opened a stream is there."""
        return True


def app(settings: Settings) -> AppChannel | None:
    """The channel to the app; None without one."""
    if not settings.has_app:
        return None
    if settings.app_protocol == "http":
        return HttpApp(
            Client(settings.app_host, settings.app_port), app=settings.app_id, token=settings.app_token
        )
    module = importlib.import_module(f"openfunction_eventing.sidecar.appchannel.{settings.app_protocol}")
    made: AppChannel = module.of(settings)
    return made


def peers(settings: Settings) -> Mapping[str, AppChannel]:
    """The channels to other apps by id; they are called over HTTP."""
    return {name: HttpApp(Client(host, port), app=name) for name, (host, port) in settings.peers.items()}
