"""The TLS settings that triggers share: ca, cert, key, keyPassword and unsafeSsl, each a text.

It connects to nothing.
"""

from __future__ import annotations

import ssl
from tempfile import NamedTemporaryFile

from openfunction_py.autoscaling.scalers import ScalerError
from openfunction_py.kube import tls
from openfunction_py.providers.keda.parameters import Look


def context(look: Look, *, own: bool) -> ssl.SSLContext:
    """What a connection of a trigger trusts, and who it says it is when `own`; raises ScalerError."""
    try:
        made = tls.trusting(look.settings.get("ca") or "")
        if own:
            _identify(made, look)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ScalerError(f"certificates of the trigger {look.name} cannot be read: {error}") from error
    if look.flag("unsafeSsl"):
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _identify(made: ssl.SSLContext, look: Look) -> None:
    """The ssl module takes files only."""
    with NamedTemporaryFile("w", suffix=".pem") as both:
        both.write(f"{look.required('cert')}\n{look.required('key')}\n")
        both.flush()
        made.load_cert_chain(both.name, password=look.settings.get("keyPassword") or None)
