"""What fields of our kinds may mean (openfunction.md 1.6): every error at its path, and warnings.

Checks run over the document as written, so that one wrong type hides no other error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from openfunction_py.api import (
    fields,
    gateways,
    references,
    rules_build,
    rules_components,
    rules_events,
    rules_serving,
)
from openfunction_py.api.fields import Field, FieldError

Document = dict[str, Any]
LABEL_LIMIT = 63
Check = Callable[[Field], Iterator[FieldError]]


def errors(kind: str, document: Document, old: Document | None) -> Iterator[FieldError]:
    """Everything that is wrong with a document of one of our kinds."""
    for check in _CHECKS.get(kind, ()):
        yield from check(Field("", document))
    if old is not None and kind == "Builder":
        yield from _fixed(Field("", document), Field("", old))


def warnings(kind: str, document: Document) -> Iterator[str]:
    """What is accepted and still worth telling."""
    spec = Field("", document)["spec"]
    if kind == "EventSource":
        yield from rules_events.source_warnings(spec)
    if kind in ("EventBus", "ClusterEventBus"):
        yield from rules_events.bus_warnings(spec)
    if kind == "Trigger":
        yield from rules_events.trigger_warnings(Field("", document))
    if kind == "Function":
        yield from _placeholder(spec["image"])
        yield from _runtime(spec["serving"])
        yield from rules_serving.warnings(spec["serving"])


def _placeholder(image: Field) -> Iterator[str]:
    if references.has_placeholder(image.text):
        yield (
            f"{image.path}: {image.text} still names a placeholder for a registry; the image is kept here"
            f" as {references.clean(image.text)}"
        )


def _runtime(serving: Field) -> Iterator[str]:
    if serving["runtime"].present:
        yield f"{serving['runtime'].path}: is deprecated and ignored; triggers decide how the function runs"


def _function(document: Field) -> Iterator[FieldError]:
    spec = document["spec"]
    yield from _image(spec["image"])
    if not spec["build"].present and not spec["serving"].present:
        yield spec["serving"].required("give serving, build or both")
    if spec["build"].present:
        yield from _credentials(spec["imageCredentials"])
        yield from rules_build.errors(spec["build"])
    if spec["serving"].present:
        yield from rules_serving.errors(spec["serving"])
        yield from _app_id(document)


def _app_id(document: Field) -> Iterator[FieldError]:
    """Dapr knows a function as <name>-<namespace> and makes a Service <name>-<namespace>-dapr."""
    metadata = document["metadata"]
    length = len(f"{metadata['name'].text}-{metadata['namespace'].text}-dapr")
    if rules_components.is_used(document["spec.serving"]) and length > LABEL_LIMIT:
        yield FieldError(
            metadata["name"].path,
            fields.TOO_LONG,
            f"is too long for Dapr: name and namespace may have {LABEL_LIMIT - len('--dapr')} characters together",
        )


def _builder(document: Field) -> Iterator[FieldError]:
    spec = document["spec"]
    yield from _image(spec["image"])
    yield from _credentials(spec["imageCredentials"])
    yield from rules_build.errors(spec)


def _serving(document: Field) -> Iterator[FieldError]:
    spec = document["spec"]
    yield from _image(spec["image"])
    yield from rules_serving.errors(spec)


def _image(image: Field) -> Iterator[FieldError]:
    if image.present and not isinstance(image.value, str):
        return
    if not image.text.strip():
        yield image.required("give the name of the image, like hello:v1")
    elif not references.is_valid(image.text):
        yield image.invalid(f"{image.text!r} is no image reference; write it like team/hello:v1")


def _credentials(credentials: Field) -> Iterator[FieldError]:
    if isinstance(credentials.value, dict) and not credentials["name"].text:
        yield credentials["name"].required("name the Secret, or leave imageCredentials out")


def _fixed(new: Field, old: Field) -> Iterator[FieldError]:
    """A Builder is one attempt: only its state may change."""
    before, after = dict(old["spec"].value or {}), dict(new["spec"].value or {})
    for key in sorted((before.keys() | after.keys()) - {"state"}):
        if before.get(key) != after.get(key):
            yield new["spec"][key].forbidden(
                "a Builder cannot change; change the Function, which makes a new one"
            )


def _gateway(document: Field) -> Iterator[FieldError]:
    spec = document["spec"]
    if not spec["domain"].text:
        yield spec["domain"].required("give the domain of functions' host names, like example.com")
    yield from _template(spec["hostTemplate"], ("Name", "Namespace", "Domain"))
    yield from _template(spec["pathTemplate"], ("Name", "Namespace"))
    if spec["gatewayRef"].present == spec["gatewayDef"].present:
        yield spec["gatewayDef"].invalid("give exactly one of gatewayRef and gatewayDef")
    given = [
        one for one in spec["gatewaySpec.listeners"].items() if one["name"].text != gateways.INTERNAL_LISTENER
    ]
    if not given:
        yield spec["gatewaySpec.listeners"].required(
            "give at least one listener with name, protocol and port"
        )


def _template(template: Field, names: tuple[str, ...]) -> Iterator[FieldError]:
    try:
        gateways.render(template.text, dict.fromkeys(names, "x"))
    except gateways.TemplateError as error:
        yield template.invalid(str(error))


_CHECKS: dict[str, tuple[Check, ...]] = {
    "Function": (_function,),
    "Builder": (_builder,),
    "Serving": (_serving,),
    "OpenFunctionGateway": (_gateway,),
    "EventSource": (rules_events.source,),
    "EventBus": (rules_events.bus,),
    "ClusterEventBus": (rules_events.bus,),
    "Trigger": (rules_events.trigger,),
}
