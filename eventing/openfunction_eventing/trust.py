"""Whom a TLS client trusts: the authority it is given, else those of the system."""

from __future__ import annotations

import ssl


def context(authority: str = "") -> ssl.SSLContext:
    """A client's context that trusts `authority`, certificates in PEM; raises ssl.SSLError.

    From Python 3.13 on the default also refuses authorities that lack newer extensions. Clusters and brokers have
    such of their own making, and the clients in Go that people know take them; so it is not asked for here.
    """
    made = ssl.create_default_context(cadata=authority or None)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made
