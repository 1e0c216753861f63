"""Volume claims: every claim is bound at once, for its volume is a folder that the node makes.

It makes no folder and measures none.
"""

from __future__ import annotations

from openfunction_py.api.upstream import storage
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types

MANAGER = "openfunction-claims"


class Reconciler:
    """Drives one claim."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._claims = manager.lister(storage.PersistentVolumeClaim)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Say that it is bound."""
        current = self._claims.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        asked = current.to_wire().get("spec") or {}
        status: dict[str, object] = {"phase": "Bound"}
        if asked.get("accessModes"):
            status["accessModes"] = asked["accessModes"]
        requests = (asked.get("resources") or {}).get("requests")
        if requests:
            status["capacity"] = requests
        changed = storage.PersistentVolumeClaim.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [managers.Watch(storage.PersistentVolumeClaim, managers.by_self)]
    manager.add("claims", Reconciler(manager), watches=watches, workers=1)
