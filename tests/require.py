"""What a test needs of its machine: absent, it skips with the sentence that helps; where all is required, it fails."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(sentence: str) -> NoReturn:
    """End this test: skipped, or failed when OFN_TEST_REQUIRE is `all`."""
    if os.environ.get("OFN_TEST_REQUIRE") == "all":
        pytest.fail(sentence)
    pytest.skip(sentence)
