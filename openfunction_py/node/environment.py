"""The environment of a container: image, Secrets, ConfigMaps, fields of the Pod, and references between variables.

It reads Secrets and ConfigMaps when a container starts and keeps none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from openfunction_py.api.upstream import core
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.node import images

_REFERENCE = re.compile(r"\$(\$|\(([^()]+)\))")
_LABEL_FIELD = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


@dataclass(slots=True)
class Sources:
    """Secrets and ConfigMaps of one namespace, each read once."""

    client: Client
    namespace: str
    _read: dict[tuple[str, str], Mapping[str, bytes] | None] = field(default_factory=dict)

    async def secret(self, name: str) -> Mapping[str, bytes] | None:
        """The decoded values of a Secret; None when there is none."""
        return await self._once("Secret", name)

    async def config_map(self, name: str) -> Mapping[str, bytes] | None:
        """The values of a ConfigMap; None when there is none."""
        return await self._once("ConfigMap", name)

    async def _once(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        if (kind, name) not in self._read:
            try:
                self._read[kind, name] = await self._fetch(kind, name)
            except errors.NotFound:
                self._read[kind, name] = None
        return self._read[kind, name]

    async def _fetch(self, kind: str, name: str) -> Mapping[str, bytes]:
        if kind == "Secret":
            secret = await self.client.get(core.Secret, name, namespace=self.namespace)
            return {key: _decoded(value) for key, value in secret.data.items()}
        found = await self.client.get(core.ConfigMap, name, namespace=self.namespace)
        values = {key: value.encode() for key, value in found.data.items()}
        return values | {key: _decoded(value) for key, value in found.binary_data.items()}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except binascii.Error:
        return b""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A container's variables; `own` names those that differ from one Pod of a revision to the next."""

    values: Mapping[str, str]
    own: frozenset[str]

    def shared(self) -> dict[str, str]:
        """The variables that every Pod of the revision has alike."""
        return {name: value for name, value in self.values.items() if name not in self.own}


async def resolve(container: core.Container, pod: core.Pod, *, address: str, sources: Sources) -> Resolved:
    """The variables a container asks for; raises images.NotRunnableError when a source is missing."""
    values: dict[str, str] = {}
    own: set[str] = set()
    for group in container.env_from:
        values |= await _from_group(group, sources)
    for variable in container.env:
        source = variable.value_from
        if source is None:
            text = variable.value or ""
            values[variable.name] = expand(text, values)
            if any(f"$({name})" in text for name in own):
                own.add(variable.name)
        elif source.field_ref is not None:
            values[variable.name] = field_value(source.field_ref.field_path, pod, address=address)
            if source.field_ref.field_path != "metadata.namespace":
                own.add(variable.name)
        else:
            values |= await _from_key(variable.name, source, sources)
    return Resolved(values, frozenset(own))


async def _from_group(group: core.EnvFromSource, sources: Sources) -> dict[str, str]:
    reference = group.secret_ref or group.config_map_ref
    if reference is None:
        return {}
    read = sources.secret if group.secret_ref else sources.config_map
    found = await read(reference.name)
    if found is None:
        if reference.optional:
            return {}
        raise missing("Secret" if group.secret_ref else "ConfigMap", reference.name, sources.namespace)
    return {f"{group.prefix}{key}": value.decode(errors="replace") for key, value in found.items()}


async def _from_key(name: str, source: core.EnvVarSource, sources: Sources) -> dict[str, str]:
    selector = source.secret_key_ref or source.config_map_key_ref
    if selector is None:
        raise images.NotRunnableError(
            "CreateContainerConfigError",
            f"the variable {name} takes its value from a source this node does not know; use value, fieldRef, "
            f"secretKeyRef or configMapKeyRef",
        )
    kind = "Secret" if source.secret_key_ref else "ConfigMap"
    read = sources.secret if source.secret_key_ref else sources.config_map
    found = await read(selector.name)
    if found is None and not selector.optional:
        raise missing(kind, selector.name, sources.namespace)
    if found is not None and selector.key in found:
        return {name: found[selector.key].decode(errors="replace")}
    if selector.optional:
        return {}
    raise images.NotRunnableError(
        "CreateContainerConfigError",
        f"the {kind} {selector.name} in {sources.namespace} has no key {selector.key}; add it",
    )


def missing(kind: str, name: str, namespace: str) -> images.NotRunnableError:
    """What to say of a Secret or ConfigMap that does not exist."""
    return images.NotRunnableError(
        "CreateContainerConfigError",
        f"the {kind} {name} does not exist in the namespace {namespace}; create it",
    )


def field_value(path: str, pod: core.Pod, *, address: str) -> str:
    """A field of the Pod as text; raises images.NotRunnableError for one that is not offered to variables."""
    simple = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name or "default",
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": "127.0.0.1",
        "status.hostIPs": "127.0.0.1",
    }
    if path in simple:
        return simple[path]
    if (match := _LABEL_FIELD.fullmatch(path)) is not None:
        chosen = pod.metadata.labels if match[1] == "labels" else pod.metadata.annotations
        return chosen.get(match[2], "")
    raise images.NotRunnableError(
        "CreateContainerConfigError", f"the field {path} cannot be given to a variable"
    )


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace $(NAME) by a variable defined before; $$ is a dollar, an unknown name stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return known.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)
