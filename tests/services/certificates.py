"""Certificates with one fault each, of an authority that is named in REQUESTS_CA_BUNDLE."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def server_context(
    folder: Path,
    *,
    host: str = "localhost",
    days: tuple[int, int] = (-1, 30),
    critical: bool = True,
    identified: bool = True,
) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context and the file of its authority.

    Parameters
    ----------
    folder
        Where the files are written.
    host, days
        The name in the certificate, and when it begins and ends, in days from now.
    critical, identified
        Whether the authority's basic constraints are critical, and whether the certificate has an
        authority key identifier: RFC 5280 asks for both.
    """
    authority, own = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )

    def begun(subject: str, key: ec.EllipticCurvePrivateKey, first: int, last: int):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Inspection CA")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(first))
            .not_valid_after(now + timedelta(last))
        )

    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    root = (
        begun("Inspection CA", authority, -900, 900)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), False)
        .add_extension(usage, critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = begun(host, own, *days).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
    )
    if identified:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        leaf = leaf.add_extension(identifier, critical=False)
    (folder / "own-ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.pem").write_bytes(
        leaf.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context, folder / "own-ca.pem"
