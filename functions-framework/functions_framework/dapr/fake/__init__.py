"""A sidecar in memory, for tests and for running a function where there is none (TEST_MODE=on)."""

from __future__ import annotations

from functions_framework.dapr.fake.sidecar import Dapr, Sent

__all__ = ["Dapr", "Sent"]
