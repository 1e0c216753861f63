"""Credentials that a program or an identity provider hands out, through the `kubernetes` package.

Is loaded only when a kubeconfig asks for it: that package takes most of a second to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from openfunction_py.kube.endpoint import ConfigError, Endpoint


def endpoint(path: Path, context: str, *, namespace: str) -> Endpoint:
    """The endpoint of a context whose user is an exec plugin or an OIDC login.

    Raises:
        ConfigError: the package is missing, or the plugin failed.
    """
    try:
        from kubernetes import client as upstream  # noqa: PLC0415 - see above
        from kubernetes import config as upstream_config  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "this kubeconfig logs in through a plugin; install the extra `openfunction-py[cluster]` for that"
        ) from error

    def configured() -> upstream.Configuration:
        made = upstream.Configuration()
        try:
            upstream_config.load_kube_config(  # type: ignore[no-untyped-call]  # as upstream ships it
                str(path), context=context, client_configuration=made
            )
        except upstream_config.ConfigException as error:
            raise ConfigError(f"the login of context {context} failed: {error}") from error
        return made

    def token() -> str:
        return _bearer(configured().api_key)

    first = configured()
    bearer = _bearer(first.api_key)
    if not bearer and not first.cert_file:
        raise ConfigError(
            f"the login of context {context} gave no credentials; run its plugin by hand to see why"
        )
    return Endpoint(
        server=str(first.host).rstrip("/"),
        ca_data=Path(first.ssl_ca_cert).read_bytes() if first.ssl_ca_cert else None,
        token=bearer or None,
        client_cert=Path(first.cert_file) if first.cert_file else None,
        client_key=Path(first.key_file) if first.key_file else None,
        namespace=namespace,
        insecure=not first.verify_ssl,
        refresh=token,
    )


def _bearer(keys: Mapping[str, str]) -> str:
    # the package calls it BearerToken in its newer versions, authorization in the older
    value = keys.get("BearerToken") or keys.get("authorization") or ""
    return value.removeprefix("Bearer ").strip()
