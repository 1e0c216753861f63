"""Documents that tests of the kinds start from."""

from __future__ import annotations

import copy
from typing import Any

from openfunction_py.api import admission, scheme

Document = dict[str, Any]
VERSION = "core.openfunction.io/v1beta2"
SOURCE = {"main.py": "def hello(request):\n    return 'hi'\n"}


def resource(kind: str, api_version: str = VERSION) -> scheme.Resource:
    """The resource of a kind."""
    found = scheme.by_kind(api_version, kind)
    assert found is not None
    return found


def function(**spec: Any) -> Document:
    """A right Function, with parts of its spec replaced; None removes one."""
    whole = {"image": "hello:v1", "build": {"srcRepo": {"inline": SOURCE}}, "serving": {}, **spec}
    return {
        "apiVersion": VERSION,
        "kind": "Function",
        "metadata": {"name": "hello", "namespace": "default"},
        "spec": {key: value for key, value in copy.deepcopy(whole).items() if value is not None},
    }


def gateway(**spec: Any) -> Document:
    """A right Gateway, with parts of its spec replaced."""
    whole = {
        "domain": "example.com",
        "gatewayDef": {"gatewayClassName": "openfunction"},
        "gatewaySpec": {"listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]},
        **spec,
    }
    return {
        "apiVersion": "networking.openfunction.io/v1alpha1",
        "kind": "Gateway",
        "metadata": {"name": "openfunction", "namespace": "openfunction"},
        "spec": {key: value for key, value in copy.deepcopy(whole).items() if value is not None},
    }


def admit(document: Document, old: Document | None = None) -> admission.Admitted:
    """What admission makes of a document."""
    of = resource(document["kind"], document["apiVersion"])
    return admission.admit(of, operation="UPDATE" if old else "CREATE", new=document, old=old)


def refused(document: Document, old: Document | None = None) -> dict[str, str]:
    """Path → sentence of everything admission refuses in a document."""
    try:
        admit(document, old)
    except admission.Invalid as error:
        return {one.path: one.message for one in error.errors}
    return {}
