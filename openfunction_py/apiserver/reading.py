"""GET of objects and collections: lists in pages, at one revision each.

It reads what is committed; watches stand in `watching`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from openfunction_py.apiserver import representation, scaling, selectors, status
from openfunction_py.apiserver.database import Row
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.apiserver.representation import Form
from openfunction_py.apiserver.request import Options, Target, stored
from openfunction_py.apiserver.selectors import Selector
from openfunction_py.apiserver.store import FutureRevisionError, Snapshot


def get(deps: Dependencies, target: Target, form: Form) -> Response:
    """One object, or its scale.

    Raises:
        status.StatusError: 404, there is none.
    """
    value = deps.store.get(target.key)
    if value is None:
        raise status.not_found(target.subject)
    if target.subresource == "scale":
        return representation.respond(scaling.view(target.resource, orjson.loads(value)))
    return representation.respond(form.one(value))


def list_objects(deps: Dependencies, target: Target, *, options: Options, form: Form) -> Response:
    """The objects of a collection that a selector picks, in pages of `limit`."""
    selector = selector_of(target, options.query)
    limit = options.number("limit") or -1
    snapshot = _snapshot(deps, target, options, -1 if selector else limit)
    rows = [row for row in snapshot.rows if chosen(row, selector)] if selector else snapshot.rows
    more = snapshot.more
    if selector and 0 < limit < len(rows):
        rows, more = rows[:limit], True
    metadata: dict[str, Any] = {"resourceVersion": str(snapshot.revision)}
    if more:
        metadata["continue"] = _token(snapshot.revision, rows[-1])
    return representation.respond(form.many((row.value for row in rows), metadata))


def selector_of(target: Target, query: Mapping[str, str]) -> Selector:
    """The selector of a query for this kind; a name in the path counts as one."""
    fields = query.get("fieldSelector", "")
    if target.name:
        fields = f"metadata.name={target.name}" + (f",{fields}" if fields else "")
    return selectors.parse(labels=query.get("labelSelector", ""), fields=fields, kind=target.resource.kind)


def chosen(row: Row, selector: Selector) -> bool:
    """Whether a stored object is selected; it is decoded only if its name can match."""
    if selector.name and row.name != selector.name:
        return False
    return not selector or selector.matches(orjson.loads(row.value))


def _snapshot(deps: Dependencies, target: Target, options: Options, limit: int) -> Snapshot:
    resource, namespace = stored(target.resource), target.namespace
    token = options.query.get("continue", "")
    if token:
        revision, after = _resume(token)
        return deps.store.page(resource, namespace=namespace, after=after, limit=limit, at=revision)
    match, asked = options.query.get("resourceVersionMatch"), options.number("resourceVersion")
    if match and asked is None:
        message = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        subject = status.Subject("meta.k8s.io", "listoptions", "ListOptions")
        raise status.invalid(subject, [status.Cause("resourceVersionMatch", "FieldValueForbidden", message)])
    if match != "Exact" and (asked or 0) > deps.store.revision:
        raise FutureRevisionError(asked or 0, deps.store.revision)
    at = asked if match == "Exact" else None
    return deps.store.page(resource, namespace=namespace, limit=limit, at=at)


def _token(revision: int, last: Row) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, last.namespace, last.name])).decode()


def _resume(token: str) -> tuple[int, tuple[str, str]]:
    try:
        revision, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(revision), (str(namespace), str(name))
    except (binascii.Error, ValueError, TypeError) as error:
        raise status.bad_request("continue key is not valid: start the list again without it") from error
