"""Independent validators of contracts; a machine without them says so."""

from __future__ import annotations

import json
from importlib import import_module, util
from typing import Any

from tests import require

NEEDED = ("jsonschema", "openapi_spec_validator", "pydantic_asyncapi")


def ensure() -> None:
    """End the test where the validators are not installed."""
    if not all(map(util.find_spec, NEEDED)):
        require.missing(
            "the contracts' validators are missing; install openapi-spec-validator and pydantic-asyncapi"
        )


def check_openapi(document: dict[str, Any]) -> None:
    """Raise for what is no OpenAPI 3.1 document."""
    ensure()
    openapi_spec_validator = import_module("openapi_spec_validator")
    openapi_spec_validator.OpenAPIV31SpecValidator(document).validate()


def check_asyncapi(document: dict[str, Any]) -> None:
    """Raise for what is no AsyncAPI 3 document, or has a reference that leads nowhere."""
    ensure()
    import_module("pydantic_asyncapi.v3").AsyncAPI.model_validate(document)
    for reference in references(document):
        assert resolve(document, reference) is not None, reference


def check_schema(document: dict[str, Any]) -> None:
    """Raise for what is no JSON Schema 2020-12."""
    ensure()
    import_module("jsonschema").Draft202012Validator.check_schema(document)
    for reference in references(document):
        assert resolve(document, reference) is not None, reference


def problems(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Why a value is not what a schema of a document says; dates and UUIDs are looked at too."""
    ensure()
    validator = import_module("jsonschema").Draft202012Validator
    parts: dict[str, Any] = {key: document[key] for key in ("components", "$defs") if key in document}
    whole = {**parts, "allOf": [schema or document]}
    found = validator(whole, format_checker=validator.FORMAT_CHECKER).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]


def references(value: Any) -> list[str]:
    """Every reference in a document."""
    if isinstance(value, list):
        return [one for each in value for one in references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [one for each in value.values() for one in references(each)]


def resolve(document: dict[str, Any], reference: str) -> Any:
    """What a local reference leads to; None for nowhere."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def encoded(value: Any) -> bytes:
    """JSON, made by another encoder than the framework's."""
    return json.dumps(value).encode()
