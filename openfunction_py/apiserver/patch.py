"""Merge patch (RFC 7386) and JSON patch (RFC 6902) on documents.

It refuses patches that do not fit; what the result means for the object is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from openfunction_py.apiserver import status

Document = dict[str, Any]

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY_YAML = "application/apply-patch+yaml"
APPLY_CBOR = "application/apply-patch+cbor"
LONGEST = 10_000


def merge(document: Document, patch: Any) -> Document:
    """The document with a merge patch applied; null removes.

    Raises:
        status.StatusError: 400, the patch is no object.
    """
    if not isinstance(patch, Mapping):
        raise status.bad_request("a merge patch is a JSON object")
    return _merged(document, patch)


def _merged(document: Any, patch: Mapping[str, Any]) -> Document:
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = _merged(result.get(name), value)
        else:
            result[name] = value
    return result


def json(document: Document, operations: Any, subject: status.Subject) -> Document:
    """The document with a JSON patch applied.

    Raises:
        status.StatusError: 400 no patch, 422 it does not fit the object.
    """
    if not isinstance(operations, list):
        raise status.bad_request("a JSON patch is a list of operations")
    if len(operations) > LONGEST:
        raise status.StatusError(
            413, "RequestEntityTooLarge", f"a JSON patch has at most {LONGEST} operations"
        )
    try:
        result: Any = jsonpatch.JsonPatch(operations).apply(document)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        # kubectl shows the causes of what names an object, and of the message nothing
        sentence = f"the server rejected our request due to an error in our request: {error}"
        cause = status.Cause("patch", "FieldValueInvalid", str(error))
        details = {**subject.details(), "causes": [cause.to_wire()]}
        raise status.StatusError(422, "Invalid", sentence, details=details) from error
    if not isinstance(result, dict):
        raise status.bad_request("the JSON patch replaces the object by something else")
    return result
