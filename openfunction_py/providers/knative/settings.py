"""The platform's autoscaler settings as they are now: ConfigMap knative-serving/config-autoscaler, read live.

A ConfigMap that cannot be used is told once and the settings before it stay in force.
"""

from __future__ import annotations

from collections.abc import Mapping

from openfunction_py.api.upstream import core
from openfunction_py.autoscaling import config, spec
from openfunction_py.controller import manager as managers
from openfunction_py.lib import log

NAMESPACE = "knative-serving"
NAME = "config-autoscaler"

logger = log.get("autoscaler")


class Settings:
    """Settings by the version of the ConfigMap they were read from."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's cache of ConfigMaps."""
        self._maps = manager.lister(core.ConfigMap)
        self._version = ""
        self._config = config.Config()

    def current(self) -> config.Config:
        """The settings in force."""
        found = self._maps.get(NAMESPACE, NAME)
        version = found.metadata.resource_version if found else ""
        if version != self._version:
            self._version = version
            self._read(found.data if found else {})
        return self._config

    def _read(self, data: Mapping[str, str]) -> None:
        try:
            self._config = config.from_config_map(data)
        except config.SettingsError as error:
            logger.warning(
                "config-autoscaler cannot be used, the settings before it stay", errors=list(error.errors)
            )

    def spec_of(self, annotations: Mapping[str, str], container_concurrency: int | None) -> spec.Spec:
        """What one Revision asks of its autoscaler.

        Raises:
            config.SettingsError: annotations out of their limits, all named.
        """
        return spec.Spec.from_annotations(annotations, self.current(), container_concurrency or 0)
