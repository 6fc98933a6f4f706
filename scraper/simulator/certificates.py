"""A key and a self-signed certificate of the simulation's own, and the pin that trusts it."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

#: Oakley group 2 (RFC 2409, 6.2): 1024 bits, which OpenSSL refuses at its default security level, as it does some UCM62xx.
_WEAK_PRIME = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM texts of a certificate and its key, and the pin in curl's form (``sha256//<base64 of the public key's SHA-256>``)."""

    certificate_pem: str
    key_pem: str
    pin: str


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def self_signed(names: Sequence[str], *, legacy: bool = False) -> Certificate:
    """A new key and certificate for ``names`` (host names or addresses): EC P-256, or RSA for the ``legacy`` ciphers."""
    key = rsa.generate_private_key(65537, 2048) if legacy else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([_alternative_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pin = "sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode()
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode(), pin)


def _weak_parameters() -> str:
    """Diffie-Hellman parameters as PEM (PKCS #3: a sequence of prime and generator); by hand, since `cryptography` gives them up."""
    der = b"\x30\x81\x87" + b"\x02\x81\x81\x00" + _WEAK_PRIME + b"\x02\x01\x02"
    return f"-----BEGIN DH PARAMETERS-----\n{base64.encodebytes(der).decode()}-----END DH PARAMETERS-----\n"


def server_context(certificate: Certificate, folder: Path, *, legacy: bool = False) -> ssl.SSLContext:
    """A server's TLS context. ``legacy``: TLS 1.2 with a weak Diffie-Hellman key only (field guide 1). Writes PEM files into ``folder``."""
    chain, key = folder / "certificate.pem", folder / "key.pem"
    chain.write_text(certificate.certificate_pem)
    key.touch(0o600)
    key.write_text(certificate.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    if legacy:
        parameters = folder / "dh.pem"
        parameters.write_text(_weak_parameters())
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        context.load_dh_params(str(parameters))
    return context
