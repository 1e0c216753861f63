"""What a command that waits for a Function tells: when it stops waiting, and why it still does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from openfunction_py.cli import failures, target, waiting


class There:
    """A server that has one Function, which never changes."""

    def __init__(self, item: dict[str, Any]) -> None:
        self._item = item

    def get(self, *_: str) -> dict[str, Any]:
        return self._item

    def watch(self, *_: str, **__: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())


def wait(reason: str, message: str) -> None:
    ready = {"type": "Ready", "status": "False", "reason": reason, "message": message}
    item = {
        "metadata": {"name": "f", "generation": 1, "resourceVersion": "7"},
        "status": {"observedGeneration": 1, "serving": {"state": "Failed"}, "conditions": [ready]},
    }
    waiting.until_ready(cast("target.Target", There(item)), "f", "default", timeout=0)


@pytest.mark.parametrize(
    "reason", ["InvalidAutoscaling", "AutoscalerUnsupported", "InvalidImageName", "SyntaxError"]
)
def test_what_only_another_manifest_helps_is_not_waited_for(reason: str) -> None:
    with pytest.raises(failures.FunctionFailure, match=f"f failed: {reason}: the sentence"):
        wait(reason, "the sentence")


def test_what_may_still_come_is_waited_for_and_its_sentence_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(failures.TimeoutFailure, match="there is no Secret named nosec"):
        wait("CreateContainerConfigError", "there is no Secret named nosec\nfurther")
    assert "f: CreateContainerConfigError: there is no Secret named nosec\n" in capsys.readouterr().err
