"""What a function says beside its result: code, data, metadata, error. Both spellings: Go's and Python's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OK = 200
FAILED = 500


class FunctionOut:
    """A function's outcome; `context.out` is one, and a function may return one.

    Attributes:
        code: the HTTP status; 0 for 200, or for 500 with an error.
        error: what went wrong: a text or an exception; None or empty when nothing did.
        data: the answer's body, unless the function returns something itself.
        metadata: header fields of an HTTP answer; `retry: "true"` has a topic's event delivered again.
    """

    __slots__ = ("code", "data", "error", "metadata")

    def __init__(
        self, code: int = 0, error: Any = None, data: Any = None, metadata: Mapping[str, Any] | None = None
    ) -> None:
        self.code: int = code
        self.error: Any = error
        self.data: Any = data
        self.metadata: dict[str, Any] = dict(metadata or {})  # Any: written out as text

    def __repr__(self) -> str:
        return f"FunctionOut(code={self.code}, error={self.error!r}, data={self.data!r}, metadata={self.metadata!r})"

    @property
    def failed(self) -> bool:
        """It holds an error."""
        return self.error is not None and self.error != ""

    @property
    def status(self) -> int:
        """The HTTP status: the code, else what the error says."""
        return self.code or (FAILED if self.failed else OK)

    @property
    def retry(self) -> bool:
        """Metadata asks for the event again."""
        return str(self.metadata.get("retry", "")).lower() == "true"

    def with_code(self, code: int) -> FunctionOut:
        """Set the code; gives itself."""
        self.code = code
        return self

    def with_data(self, data: Any) -> FunctionOut:
        """Set the data; gives itself."""
        self.data = data
        return self

    def with_error(self, error: Any) -> FunctionOut:
        """Set the error; gives itself."""
        self.error = error
        return self

    def with_metadata(self, metadata: Mapping[str, Any]) -> FunctionOut:
        """Add metadata; gives itself."""
        self.metadata.update(metadata)
        return self

    # the published Python framework's spelling

    def set_code(self, code: int) -> None:
        """Set the code."""
        self.code = code

    def get_code(self) -> int:
        """The code."""
        return self.code

    def set_error(self, error: Any) -> None:
        """Set the error."""
        self.error = error

    def get_error(self) -> Any:
        """The error."""
        return self.error

    def set_data(self, data: Any) -> None:
        """Set the data."""
        self.data = data

    def get_data(self) -> Any:
        """The data."""
        return self.data

    def set_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Replace the metadata."""
        self.metadata = dict(metadata)

    def get_metadata(self) -> dict[str, Any]:
        """The metadata."""
        return self.metadata
