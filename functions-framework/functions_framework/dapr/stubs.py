"""gRPC and Dapr's generated stubs, which have no types: this module is where that ends.

Importing it needs the extra `dapr`.
"""

from __future__ import annotations

from typing import Any

import grpc as _grpc  # type: ignore[import-untyped]  # the package has no types of its own
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime import (
    v1 as runtime,  # its messages lie in a module per subject, and move between releases
)
from dapr.proto.runtime.v1 import appcallback_pb2, appcallback_pb2_grpc
from google.protobuf import json_format  # type: ignore[import-untyped]  # as above

grpc: Any = _grpc
common: Any = common_pb2
callback: Any = appcallback_pb2
callback_service: Any = appcallback_pb2_grpc
api: Any = runtime


def plain(message: Any) -> dict[str, Any]:
    """A protobuf Struct as a dict."""
    values: dict[str, Any] = json_format.MessageToDict(message)
    return values
