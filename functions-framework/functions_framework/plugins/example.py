"""The example plugin of OpenFunction: adds a number of its own to one of `plugin-custom`.

It shows how plugins see each other, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

_log = logging.getLogger("functions_framework.plugins")


class PluginExample:
    """Keeps 1 before the function; afterwards adds the field `StateC` of the plugin `plugin-custom`."""

    name = "plugin-example"
    version = "v1"

    def __init__(self) -> None:
        self.state_a: int = 0
        self.sum: int | None = None

    def exec_pre_hook(self) -> None:
        """Keep a number."""
        self.state_a = 1

    def exec_post_hook(self, _ctx: object, plugins: Mapping[str, Any]) -> None:
        """Add the other plugin's number; raises LookupError when there is none."""
        other = plugins.get("plugin-custom")
        number = None if other is None else other.get("StateC")
        if number is None:
            raise LookupError("the plugin plugin-custom has no field StateC")
        self.sum = self.state_a + number
        _log.info("the sum is: %d", self.sum)

    def get(self, field: str) -> Any:
        """`stateA`, and `sum` after the function."""
        return {"stateA": self.state_a, "sum": self.sum}.get(field)
