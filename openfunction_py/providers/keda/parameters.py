"""What a trigger is read with: its metadata, and on top the credentials that it refers to.

It keeps no Secret.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from openfunction_py.api.keda import RESOURCES
from openfunction_py.api.upstream import core, keda
from openfunction_py.autoscaling.scalers import ScalerError
from openfunction_py.controller import manager as managers
from openfunction_py.kube import errors

NOTHING: Mapping[str, str] = {}
# Variables of the scaled container: a value, or where it stands.
Environment = Mapping[str, str | core.EnvVarSource]
_KINDS = ("AverageValue", "Value")
_RESOURCE_KINDS = ("Utilization", "AverageValue")


@dataclass(frozen=True, slots=True)
class Look:
    """One trigger of one namespace, with everything it needs to be read."""

    namespace: str
    name: str
    type: str
    settings: Mapping[str, str]
    metric_type: str = "AverageValue"
    selector: Mapping[str, str] = field(default_factory=dict)  # the labels of the Pods that are scaled
    cached: bool = False  # the HPA takes what the last poll read

    def required(self, key: str) -> str:
        """A setting that must be there; raises ScalerError."""
        if not self.settings.get(key):
            raise ScalerError(f"the trigger {self.name} has no {key}; give it in the trigger's metadata")
        return self.settings[key]

    def flag(self, key: str) -> bool:
        """A setting as a yes or no, which is no where it is absent; raises ScalerError."""
        text = self.settings.get(key, "").lower()
        if text not in ("", "true", "false", "1", "0", "t", "f"):
            raise ScalerError(f"{key} of the trigger {self.name} is {text!r}; write true or false")
        return text in ("true", "1", "t")

    def number(self, key: str, default: float) -> float:
        """A setting as a number; raises ScalerError."""
        text = self.settings.get(key)
        try:
            found = float(text) if text else default
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise ScalerError(f"{key} of the trigger {self.name} is no number: {text!r}")
        return found


class Sources:
    """Resolves TriggerAuthentications."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read authentications from the cache, Secrets and ConfigMaps from the server."""
        self._client = manager.client
        self._local = manager.lister(keda.TriggerAuthentication)
        self._wide = manager.lister(keda.ClusterTriggerAuthentication)

    async def look(
        self,
        trigger: keda.ScaleTrigger,
        *,
        namespace: str,
        place: int,
        env: Environment,
        selector: Mapping[str, str] = NOTHING,
    ) -> Look:
        """The trigger, complete; `env` are the variables of the scaled container. Raises ScalerError."""
        settings = {key: str(value) for key, value in trigger.metadata.items()}
        for key in [one for one in settings if one.endswith("FromEnv")]:
            value = await self._variable(env, settings[key], namespace)
            settings.setdefault(key.removesuffix("FromEnv"), value)
        name = trigger.name or f"s{place}-{trigger.type}"
        if trigger.authentication_ref is not None:
            settings |= await self._credentials(trigger.authentication_ref, namespace, env)
        kind, cached = _metric_type(trigger, name), bool(trigger.use_cached_metrics)
        return Look(namespace, name, trigger.type, settings, kind, selector, cached)

    async def _credentials(
        self, reference: keda.AuthenticationRef, namespace: str, env: Environment
    ) -> dict[str, str]:
        wide = reference.kind == "ClusterTriggerAuthentication"
        found = self._wide.get("", reference.name) if wide else self._local.get(namespace, reference.name)
        if found is None:
            raise ScalerError(
                f"there is no {reference.kind or 'TriggerAuthentication'} {reference.name}; create it"
            )
        spec = found.spec
        secrets = await self._keys(core.Secret, spec.secret_target_ref, namespace)
        configs = await self._keys(core.ConfigMap, spec.config_map_target_ref, namespace)
        variables = {
            one.parameter: await self._variable(env, one.name, namespace) for one in spec.env if one.parameter
        }
        return {**configs, **secrets, **variables}

    async def _variable(self, env: Environment, name: str, namespace: str) -> str:
        """A variable of the scaled container, "" where it has none of the name; raises ScalerError."""
        found = env.get(name, "")
        if isinstance(found, str):
            return found
        for model, selector in (
            (core.Secret, found.secret_key_ref),
            (core.ConfigMap, found.config_map_key_ref),
        ):
            if selector is not None:
                wanted = keda.TargetRef(parameter=name, name=selector.name, key=selector.key)
                return (await self._keys(model, [wanted], namespace))[name]
        return ""

    async def _keys(
        self,
        model: type[core.Secret | core.ConfigMap],
        wanted: Iterable[keda.TargetRef],
        namespace: str,
    ) -> dict[str, str]:
        values = {}
        for one in wanted:
            try:
                found = await self._client.get(model, one.name, namespace=namespace)
            except errors.NotFound as error:
                raise ScalerError(f"there is no {model.__name__} {one.name}; create it") from error
            if one.key not in found.data:
                raise ScalerError(f"the {model.__name__} {one.name} has no key {one.key}; add it")
            text = found.data[one.key]
            values[one.parameter] = _decoded(text) if model is core.Secret else text
        return values


def _metric_type(trigger: keda.ScaleTrigger, name: str) -> str:
    """How the metric is compared with its target; raises ScalerError."""
    resource = trigger.type in RESOURCES
    known = _RESOURCE_KINDS if resource else _KINDS
    if trigger.metric_type in known:
        return trigger.metric_type or ""
    if trigger.metric_type or resource:
        said = repr(trigger.metric_type) if trigger.metric_type else "missing"
        raise ScalerError(f"metricType of the trigger {name} is {said}; write {' or '.join(known)}")
    return "AverageValue"


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ScalerError("a Secret holds a value that is no text") from error
