"""The TLS context for an endpoint: its authority, our client certificate.

Refuses old protocol versions; leaves no key on disk.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from openfunction_py.kube.endpoint import Endpoint


def context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """The context to dial the endpoint with; None for plain HTTP."""
    if not endpoint.server.startswith("https:"):
        return None
    made = trusting(endpoint.ca_data.decode() if endpoint.ca_data else "")
    if endpoint.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if endpoint.client_cert_data and endpoint.client_key_data:
        _load_data(made, endpoint.client_cert_data, endpoint.client_key_data)
    elif endpoint.client_cert:
        made.load_cert_chain(endpoint.client_cert, endpoint.client_key)
    return made


def trusting(authority: str = "") -> ssl.SSLContext:
    """A context that trusts `authority`, certificates in PEM, else the system's; raises ssl.SSLError.

    From Python 3.13 on the default also refuses authorities that lack newer extensions. Many clusters have such a one,
    and kubectl takes it; so it is not asked for here.
    """
    made = ssl.create_default_context(cadata=authority or None)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


def _load_data(made: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    # the ssl module reads certificates from files only
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_bytes(cert + b"\n" + key)
        made.load_cert_chain(path)
