"""Invocation: a call of an app by its id, this one through its channel, others where the table of peers says."""

from __future__ import annotations

from collections.abc import Mapping

from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.channel import AppAway, AppChannel, AppRefused, Call, Reply


class Invoker:
    """Calls of apps."""

    def __init__(self, app: str, channel: AppChannel | None, peers: Mapping[str, AppChannel]) -> None:
        """`peers` are the channels to other apps by id."""
        self._app = app
        self._channel = channel
        self._peers = peers

    async def invoke(self, app: str, call: Call) -> Reply:
        """Call; an answer of whatever status is an answer. Raises Refusal when there is none."""
        channel = self._find(app)
        try:
            return await channel.invoke(call)
        except (AppAway, AppRefused) as error:
            raise refusals.not_invoked(app, error) from error

    def _find(self, app: str) -> AppChannel:
        name = app.partition(".")[0] if app not in self._peers else app
        found = self._channel if name == self._app else self._peers.get(name)
        if found is None and name == self._app:
            raise refusals.not_invoked(app, "the sidecar has no app; start it with --app-port")
        if found is None:
            known = ", ".join([self._app, *self._peers])
            raise refusals.not_invoked(
                app, f"no app has this id; --peer id=host:port names one (known: {known})"
            )
        return found
