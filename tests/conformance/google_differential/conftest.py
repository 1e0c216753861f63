"""Without the published framework there is nothing to compare with: `make conformance` names the reason."""

from __future__ import annotations

from tests.conformance import google_differential

collect_ignore = ["test_differential.py"] if google_differential.absent() else []
