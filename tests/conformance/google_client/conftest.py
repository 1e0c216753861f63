"""Without the client there is nothing to collect: `make conformance` names the reason."""

from __future__ import annotations

from tests.conformance import google_client

collect_ignore = ["test_client.py"] if google_client.absent() else []
