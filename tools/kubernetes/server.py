"""Runs a private etcd and kube-apiserver on 127.0.0.1: `server.py start FOLDER`, `server.py stop FOLDER`.

Keeps everything (keys, data, logs, process ids) in that folder, and stops only what it started there.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import VERIFY_X509_STRICT, create_default_context

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PARTS = ("etcd", "kube-apiserver")
ETCD = "unix://localhost:2379"
READY_SECONDS = 90


class StartError(RuntimeError):
    """The server did not come up; the sentence names the log."""


def binaries() -> Path:
    """Where build.sh puts what it builds."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("OFN_TOOLS") or cache / "openfunction" / "tools") / "bin"


def missing() -> list[str]:
    """The binaries that are not built."""
    return [name for name in PARTS if not (binaries() / name).is_file()]


def start(folder: Path) -> Path:
    """Start both; returns a kubeconfig with the contexts `token` and `certificate`.

    Raises:
        StartError: a binary is missing, or a process died.
    """
    if missing():
        raise StartError(f"{' and '.join(missing())} are not built; run `make wire`")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = _free_port()
    token = _write_keys(folder)
    _launch(folder, "etcd", _etcd_arguments(folder))
    _wait(folder, "etcd", (folder / "localhost:2379").is_socket)
    _launch(folder, "kube-apiserver", _apiserver_arguments(folder, port))
    _wait(folder, "kube-apiserver", lambda: _is_ready(folder, port, token))
    return _write_kubeconfig(folder, port, token)


def stop(folder: Path) -> None:
    """End what `start` started in that folder."""
    for name in reversed(PARTS):
        file = folder / f"{name}.pid"
        if file.exists():
            _end(int(file.read_text()), str(binaries() / name))
            file.unlink()


def _etcd_arguments(folder: Path) -> list[str]:
    # Sockets in a folder of our own: no port to find, and nobody else may dial them. Each is a file
    # of that name in the working directory; etcd wants something like a host and a port.
    client, peer = ETCD, "unix://localhost:2380"
    return [
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver_arguments(folder: Path, port: int) -> list[str]:
    return [
        f"--etcd-servers={ETCD}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--client-ca-file={folder}/ca.crt",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/accounts.key",
        f"--service-account-signing-key-file={folder}/accounts.key",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
        # nothing here makes the account and token that a Pod would otherwise wait for
        "--disable-admission-plugins=ServiceAccount",
    ]


def _launch(folder: Path, name: str, arguments: list[str]) -> None:
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [str(binaries() / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
    _STARTED[process.pid] = process
    (folder / f"{name}.pid").write_text(str(process.pid))


# a process handle has to outlive the call, or Python complains that it was never waited for
_STARTED: dict[int, subprocess.Popen[bytes]] = {}


def _wait(folder: Path, name: str, is_up: Callable[[], bool]) -> None:
    process = _STARTED[int((folder / f"{name}.pid").read_text())]
    for _ in range(READY_SECONDS * 10):
        if is_up():
            return
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    stop(folder)
    last = (folder / f"{name}.log").read_text(errors="replace").splitlines()[-10:]
    raise StartError(f"{name} did not come up; the end of {folder}/{name}.log:\n" + "\n".join(last))


def _is_ready(folder: Path, port: int, token: str) -> bool:
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {token}"}
    )
    context = create_default_context(cafile=str(folder / "ca.crt"))
    context.verify_flags &= (
        ~VERIFY_X509_STRICT
    )  # which Python 3.13 sets, and openssl's short way does not meet
    try:
        with urllib.request.urlopen(request, context=context, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(pid: int, program: str) -> None:
    process = _STARTED.pop(pid, None)
    if process is not None:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    elif _is_ours(pid, program):
        _end_of_another(pid)


def _end_of_another(pid: int) -> None:
    # a process of an earlier call: a descriptor of it tells when it has ended
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], 20)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], 5)
    finally:
        os.close(handle)


def _is_ours(pid: int, program: str) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(program.encode())
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class _Pair:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def _write_keys(folder: Path) -> str:
    authority = _certificate({NameOID.COMMON_NAME: "openfunction-test"}, None, usage=None)
    _write(folder / "ca.crt", _pem(authority.certificate))
    server = _certificate(
        {NameOID.COMMON_NAME: "kube-apiserver"}, authority, usage=ExtendedKeyUsageOID.SERVER_AUTH
    )
    admin = {NameOID.ORGANIZATION_NAME: "system:masters", NameOID.COMMON_NAME: "admin"}
    for name, pair in (
        ("server", server),
        ("admin", _certificate(admin, authority, usage=ExtendedKeyUsageOID.CLIENT_AUTH)),
    ):
        _write(folder / f"{name}.crt", _pem(pair.certificate))
        _write(folder / f"{name}.key", _key_pem(pair.key))
    _write(folder / "accounts.key", _key_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    token = secrets.token_hex(24)
    _write(folder / "tokens.csv", f'{token},admin,admin,"system:masters"\n'.encode())
    return token


def _certificate(
    subject: dict[x509.ObjectIdentifier, str], issuer: _Pair | None, *, usage: x509.ObjectIdentifier | None
) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject.items()])
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid from now on
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.name if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if usage:
        names = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _Pair(name, key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _write_kubeconfig(folder: Path, port: int, token: str) -> Path:
    def encoded(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    users = {
        "token": {"token": token},
        "certificate": {
            "client-certificate-data": encoded("admin.crt"),
            "client-key-data": encoded("admin.key"),
        },
    }
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": encoded("ca.crt")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [{"name": name, "context": {"cluster": "test", "user": name}} for name in users],
        "current-context": "token",
    }
    path = folder / "kubeconfig"
    _write(path, json.dumps(document, indent=1).encode())
    return path


def main(arguments: list[str]) -> int:
    """Start or stop in a folder; `purge` also removes the folder."""
    match arguments:
        case ["start", folder]:
            print(start(Path(folder).resolve()))
        case ["stop", folder]:
            stop(Path(folder).resolve())
        case ["purge", folder]:
            stop(Path(folder).resolve())
            shutil.rmtree(folder, ignore_errors=True)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
