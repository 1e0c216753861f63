"""Rules of `spec.serving` and of a Serving's spec.

Whether a named component or Gateway exists is a reconciler's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from openfunction_py.api import names, rules_components, rules_keda, rules_scalers
from openfunction_py.api.fields import DUPLICATE, Field, FieldError
from openfunction_py.api.rules_values import at_least, between, duration, one_of
from openfunction_py.api.servings import CONTAINER

_DEFAULT_MAX = 10
_HOSTNAME = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_ADDRESS = re.compile(r"[0-9.]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ROUTE_LIMIT = 16
_CONTAINER_RULE = (
    "use at most 63 lower case letters, digits and '-', starting and ending with a letter or digit"
)
WORKLOADS = ("Deployment", "StatefulSet", "Job")


def errors(serving: Field) -> Iterator[FieldError]:
    """What is wrong with a serving."""
    yield from _http(serving["triggers.http"])
    yield from rules_components.errors(serving)
    yield from _scale(serving["scaleOptions"])
    yield from rules_keda.errors(serving["scaleOptions.keda"])
    yield from duration(serving["timeout"])
    yield from one_of(serving["workloadType"], *WORKLOADS)
    yield from _tracing(serving["tracing"])
    yield from _template(serving["template"])
    if serving["workloadType"].text != "Job":
        yield from one_of(serving["template.restartPolicy"], "Always")
    for key, value in serving["params"].entries():
        if not _VARIABLE.fullmatch(key):
            yield value.invalid(f"{key!r} is no name of a variable; use letters, digits, '_', '-' and '.'")


def _http(http: Field) -> Iterator[FieldError]:
    yield from between(http["port"], 1, 65535)
    yield from at_least(http["timeoutSeconds"], 1)
    yield from one_of(http["engine"], "knative", "keda")
    route = http["route"]
    if isinstance(route["gatewayRef"].value, dict):
        for part in ("name", "namespace"):
            if not route["gatewayRef"][part].text:
                yield route["gatewayRef"][part].required(
                    f"give the {part} of the Gateway, or leave gatewayRef out"
                )
    for part in ("hostnames", "rules"):
        count = len(list(route[part].items()))
        if count > _ROUTE_LIMIT:
            yield route[part].invalid(f"has {count} entries; at most {_ROUTE_LIMIT} are allowed")
    yield from _hostnames(route["hostnames"])


def _hostnames(hostnames: Field) -> Iterator[FieldError]:
    seen: set[str] = set()
    for host in hostnames.items():
        if isinstance(host.value, str) and (len(host.text) > 253 or not _HOSTNAME.fullmatch(host.text)):
            yield host.invalid(f"{host.text!r} is no host name; write it like hello.example.com")
        elif host.text == "localhost" or _ADDRESS.fullmatch(host.text):
            yield host.invalid(f"{host.text} is where every function has its path; choose a name of its own")
        if host.text in seen:
            yield FieldError(host.path, DUPLICATE, f"{host.text!r} is given twice")
        seen.add(host.text)


def _scale(scale: Field) -> Iterator[FieldError]:
    low, high = scale["minReplicas"], scale["maxReplicas"]
    yield from at_least(low, 0)
    yield from at_least(high, 0)
    at_most = _DEFAULT_MAX if high.number is None else high.number
    if at_most >= 0 and (low.number or 0) > at_most:
        given = "" if high.number is not None else " (the default)"
        yield low.invalid(f"{low.number} is above maxReplicas {at_most}{given}; raise maxReplicas")


def _tracing(tracing: Field) -> Iterator[FieldError]:
    exporter = tracing["provider.exporter"]
    if isinstance(exporter.value, dict) and not exporter["endpoint"].text:
        yield exporter["endpoint"].required("give the address of the collector")


def _template(template: Field) -> Iterator[FieldError]:
    seen: set[str] = set()
    for container in template["containers"].items():
        name = container["name"].text
        if name in seen:
            yield FieldError(container["name"].path, DUPLICATE, f"{name!r} is given twice")
        seen.add(name)
        if name and not names.DNS_LABEL.fullmatch(name):
            yield container["name"].invalid(f"{name!r} is no name of a container; {_CONTAINER_RULE}")
        if name and name != CONTAINER and not container["image"].text:
            yield container["image"].required(f"name the image that {name} runs; {CONTAINER} alone has one")


def warnings(serving: Field) -> Iterator[str]:
    """What is accepted and still worth telling."""
    http = serving["triggers.http"]
    if http["engine"].text == "keda":
        yield f"{http['engine'].path}: keda is not served yet; the function runs on Knative"
    routed = http["route.rules"]
    if list(routed.items()):
        yield f"{routed.path}: rules are not routed yet; every path and method reaches the function"
    yield from rules_components.warnings(serving)
    yield from _workload(serving)


def _workload(serving: Field) -> Iterator[str]:
    """Settings that the way the function runs leaves without effect."""
    kind, keda = serving["workloadType"], serving["scaleOptions.keda"]
    least = serving["scaleOptions.minReplicas"]
    if serving["triggers.http"].present and list(serving["triggers.dapr"].items()) and least.number == 0:
        yield f"{least.path}: one replica stays; of requests and events only the former would start it"
    if kind.text and serving["triggers.http"].present:
        yield f"{kind.path}: has no effect; a function with an http trigger runs on Knative"
        return
    if kind.text == "Job" and not keda["triggers"].value:
        yield f"{kind.path}: without scaleOptions.keda.triggers the Job runs once"
    if kind.text == "Job" and keda["scaledObject"].present:
        yield f"{keda['scaledObject'].path}: has no effect on a Job; use scaledJob"
    if kind.text != "Job" and keda["scaledJob"].present:
        yield f"{keda['scaledJob'].path}: has no effect without workloadType: Job"
    low = serving["scaleOptions.minReplicas"].number or 0
    if rules_scalers.only_resources(keda["triggers"]) and low == 0:
        yield f"{keda['triggers'].path}: cpu and memory alone never scale to zero; one replica stays"
    for trigger in keda["triggers"].items():
        if low == 0 and rules_scalers.sleeps_for_ever(trigger):
            yield f"{trigger['metadata'].path}: pending entries never wake from zero; give lagCount"
