"""Identities of one install: certificates, bearer tokens and the kubeconfig, made once and kept in its home.

Keys and tokens are readable by the user alone; nothing here leaves the home.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from openfunction_py.lib import clock
from openfunction_py.lib.home import Home

CONTEXT = "openfunction"
USERS = ("admin", "manager", "node", "gateway")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
HOST = "127.0.0.1"
RENEW_BEFORE = timedelta(days=30)


def server_cert(home: Home) -> Path:
    """The certificate the server shows."""
    return home.pki / "server.crt"


def server_key(home: Home) -> Path:
    """Its private key."""
    return home.pki / "server.key"


def ensure(home: Home, hosts: Sequence[str] = LOCAL_HOSTS, *, now: datetime | None = None) -> None:
    """Make what is missing or about to expire: authority, server certificate, tokens, kubeconfig."""
    home.ensure()
    _ensure_certificates(home, tuple(dict.fromkeys((*LOCAL_HOSTS, *hosts))), now or clock.SystemClock().now())
    for name in USERS:
        path = home.token(name)
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode())
    host, port = address(home)
    write_kubeconfig(home, host=host, port=port)


def users(home: Home) -> dict[str, str]:
    """Token → user of every identity; they are made if they are missing."""
    ensure(home)
    return {home.token(name).read_text().strip(): f"openfunction:{name}" for name in USERS}


def address(home: Home) -> tuple[str, int]:
    """Host and port the settings of the home give to the API server; port 0 before they are chosen."""
    try:
        settings = json.loads(home.config.read_text())
    except FileNotFoundError:
        return HOST, 0
    return str(settings.get("host") or HOST), int(settings.get("api_port") or 0)


def write_kubeconfig(home: Home, *, host: str, port: int) -> None:
    """Write how the admin reaches the server; JSON, which every reader of YAML takes and is read fastest."""
    reached = HOST if host in ("", "0.0.0.0") else host  # noqa: S104 - compared, not bound
    server = f"https://[{reached}]:{port}" if ":" in reached else f"https://{reached}:{port}"
    authority = base64.b64encode(home.ca_cert.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [
            {"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": authority}}
        ],
        "users": [{"name": CONTEXT, "user": {"token": home.token("admin").read_text().strip()}}],
        "contexts": [
            {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}
        ],
    }
    write_private(home.kubeconfig, json.dumps(config, indent=1).encode())


def _ensure_certificates(home: Home, hosts: tuple[str, ...], now: datetime) -> None:
    """The validity stands beside the certificate, so that nothing is parsed to see that all is well."""
    note = home.pki / "server.json"
    places = (home.ca_cert, _authority_key(home), server_cert(home), server_key(home))
    if all(path.exists() for path in places) and _is_valid(note, hosts, now):
        return
    from openfunction_py.apiserver import certificates  # noqa: PLC0415 - large, and needed once in a year

    if home.ca_cert.exists() and _authority_key(home).exists():
        authority = certificates.Pair(home.ca_cert.read_bytes(), _authority_key(home).read_bytes())
    else:
        authority = certificates.make_authority(now)
        write_private(_authority_key(home), authority.key)
        write_private(home.ca_cert, authority.certificate)
    server = certificates.make_server(authority, hosts, now)
    write_private(server_key(home), server.key)
    write_private(server_cert(home), server.certificate)
    until = now + timedelta(days=certificates.SERVER_DAYS)
    write_private(note, json.dumps({"hosts": list(hosts), "until": clock.timestamp(until)}).encode())


def _authority_key(home: Home) -> Path:
    return home.pki / "ca.key"


def _is_valid(note: Path, hosts: tuple[str, ...], now: datetime) -> bool:
    try:
        found = json.loads(note.read_text())
        return set(hosts) <= set(found["hosts"]) and clock.parse(found["until"]) - now > RENEW_BEFORE
    except (FileNotFoundError, ValueError, KeyError):
        return False


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only the user may read, whole or not at all; an equal file is left alone."""
    if path.exists() and path.read_bytes() == content:
        return
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(content)
    part.replace(path)
