"""Which authorities a client trusts: also one as many clusters and brokers make theirs, without newer extensions."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from openfunction_eventing import trust
from openfunction_py.kube import tls

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2090, 1, 1, tzinfo=datetime.UTC)
Key = ec.EllipticCurvePrivateKey


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def plain(name: str, key: Key, *, issuer: str, by: Key, authority: bool) -> x509.Certificate:
    """With no more than names and whether it may sign: no key identifiers, no usages."""
    builder = x509.CertificateBuilder(named(issuer), named(name), key.public_key(), 1, START, END)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=False)
    if not authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
    return builder.sign(by, hashes.SHA256())


def server(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the authority in PEM."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = plain("old authority", root, issuer="old authority", by=root, authority=True)
    mine = plain("localhost", own, issuer="old authority", by=root, authority=False)
    pem = serialization.Encoding.PEM
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "pair.pem").write_bytes(key + mine.public_bytes(pem))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "pair.pem")
    return made, authority.public_bytes(pem).decode()


async def said(port: int, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("context", [tls.trusting, trust.context], ids=["of a cluster", "of a broker"])
async def test_an_authority_without_newer_extensions_is_trusted_and_no_other(
    tmp_path: Path, context: Callable[[str], ssl.SSLContext]
) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    theirs, authority = server(tmp_path)
    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=theirs) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert await said(port, context(authority)) == b"hello"
        with pytest.raises(ssl.SSLCertVerificationError):
            await said(port, context(""))
