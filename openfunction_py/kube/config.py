"""Where an API server is and who we are there: from a kubeconfig, or from inside a cluster.

Reads plain credentials itself and never the current context of a file the caller did not choose; exec
plugins and OIDC are left to kube/auth.py.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openfunction_py.kube.endpoint import ConfigError, Endpoint

__all__ = ["ConfigError", "Endpoint", "default_paths", "in_cluster", "load"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load(path: Path | None = None, *, context: str | None = None) -> Endpoint:
    """The endpoint of a context (default: the current one) of a kubeconfig.

    Without a path the files of $KUBECONFIG are read, else ~/.kube/config.

    Raises:
        ConfigError: there is no such context, or it names what does not exist.
        OSError: the file cannot be read.
    """
    paths = [path] if path else default_paths(os.environ)
    documents = [(place, _parse(place)) for place in paths if path or place.exists()]
    if not documents:
        raise ConfigError(f"there is no kubeconfig at {paths[0]}; name one with KUBECONFIG")
    chosen = context or next((d["current-context"] for _, d in documents if d.get("current-context")), None)
    if chosen is None:
        raise ConfigError("the kubeconfig has no current context; name one with --context")
    link, _ = _named(documents, "context", chosen)
    cluster, cluster_base = _named(documents, "cluster", str(link.get("cluster")))
    user, user_base = _named(documents, "user", str(link["user"])) if link.get("user") else ({}, cluster_base)
    if "exec" in user or "auth-provider" in user:
        from openfunction_py.kube import auth  # noqa: PLC0415 - heavy and seldom needed

        return auth.endpoint(documents[0][0], chosen, namespace=link.get("namespace") or "")
    return Endpoint(
        server=str(cluster["server"]).rstrip("/"),
        ca_data=_data(cluster, "certificate-authority", cluster_base),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name"),
        namespace=link.get("namespace") or "",
        **_credentials(user, user_base),
    )


def in_cluster(environ: Mapping[str, str], *, account: Path = SERVICE_ACCOUNT) -> Endpoint:
    """The endpoint of the cluster this process runs in as a Pod.

    Raises:
        ConfigError: this is no Pod.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise ConfigError("this process runs in no cluster: KUBERNETES_SERVICE_HOST is not set")
    return Endpoint(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_data=(account / "ca.crt").read_bytes(),
        token_file=account / "token",
        namespace=(account / "namespace").read_text().strip(),
    )


def default_paths(environ: Mapping[str, str]) -> list[Path]:
    """The kubeconfig files a user has, as kubectl finds them."""
    named = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return named or [Path.home() / ".kube" / "config"]


def _parse(path: Path) -> dict[str, Any]:
    text = path.read_text()
    if text.lstrip().startswith("{"):  # JSON is YAML too, and needs no YAML library to read
        value = json.loads(text)
    else:
        import yaml  # noqa: PLC0415 - a command whose kubeconfig is JSON does without it

        value = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    if not isinstance(value, dict):
        raise ConfigError(f"{path} is no kubeconfig: it holds no mapping")
    return value


def _named(
    documents: list[tuple[Path, dict[str, Any]]], section: str, name: str
) -> tuple[dict[str, Any], Path]:
    for path, document in documents:
        for entry in document.get(f"{section}s") or []:
            if entry.get("name") == name:
                return entry.get(section) or {}, path.parent
    raise ConfigError(f"{documents[0][0]} has no {section} named {name}")


def _credentials(user: dict[str, Any], base: Path) -> dict[str, Any]:
    token_file = user.get("tokenFile")
    return {
        "token": user.get("token"),
        "token_file": base / token_file if token_file and not user.get("token") else None,
        "client_cert": _path(user, "client-certificate", base),
        "client_key": _path(user, "client-key", base),
        "client_cert_data": _decoded(user, "client-certificate-data"),
        "client_key_data": _decoded(user, "client-key-data"),
    }


def _path(entry: dict[str, Any], key: str, base: Path) -> Path | None:
    return base / entry[key] if entry.get(key) and not entry.get(f"{key}-data") else None


def _data(entry: dict[str, Any], key: str, base: Path) -> bytes | None:
    path = _path(entry, key, base)
    return path.read_bytes() if path else _decoded(entry, f"{key}-data")


def _decoded(entry: dict[str, Any], key: str) -> bytes | None:
    if not entry.get(key):
        return None
    try:
        return base64.b64decode(entry[key], validate=True)
    except binascii.Error as error:
        raise ConfigError(f"{key} in the kubeconfig is no base64 text") from error
