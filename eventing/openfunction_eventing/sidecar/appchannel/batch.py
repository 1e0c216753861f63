"""An app of our own framework on a Unix socket: Dapr's routes of an app, asked in batches."""

from __future__ import annotations

from openfunction_eventing.sidecar.appchannel import pipeline
from openfunction_eventing.sidecar.appchannel.http import HttpApp
from openfunction_eventing.sidecar.settings import Settings


def of(settings: Settings) -> HttpApp:
    """The channel of the settings' app."""
    asker = pipeline.Pipeline(pipeline.at_path(settings.app_socket))
    return HttpApp(asker, app=settings.app_id, token=settings.app_token)
