"""The certificate that a listener shows: the configured one, or one made at the first start; and what uvicorn has to know of it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scraper.disk import make_folder, write_private, writing
from scraper.errors import ConfigError
from scraper.settings.checks import address_of
from scraper.settings.serving import Listener
from scraper.tls import Certificate, read_certificate

#: Apple's systems take none that is valid for longer.
_VALID = timedelta(days=825)
#: It is renewed, with the same key and so the same pin, at a start when less than so much is left.
_RENEWED_BEFORE = timedelta(days=90)
#: What the key is not for.
_UNUSED = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only")


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """PEM files of a certificate and its key, and what a careful visitor compares: its pin and its fingerprint."""

    cert_file: Path
    key_file: Path
    shown: Certificate

    @property
    def pin(self) -> str:
        """curl's form of the public key's hash."""
        return self.shown.pin

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256 as browsers show it."""
        return self.shown.fingerprint


def server_certificate(listener: Listener, folder: Path, now: datetime | None = None) -> ServerCertificate | None:
    """The listener's certificate; a self-made one lies in ``folder`` (mode 0600). None where it speaks plain HTTP.

    Raises :class:`ConfigError` for files that can't be read, :class:`~scraper.errors.StorageError` where none can be written.
    """
    tls = listener.tls
    if tls.self_made:
        return _self_made(folder, address_of(listener.listen or "localhost:0")[0], now or datetime.now(UTC))
    if tls.cert_file is None or tls.key_file is None:
        return None
    return ServerCertificate(tls.cert_file, tls.key_file, _read(tls.cert_file))


def server_options(listener: Listener, certificate: ServerCertificate | None) -> dict[str, Any]:
    """What ``uvicorn.Config`` takes: address, TLS, and no say for headers that anybody can send."""
    host, port = address_of(listener.listen or "")
    files = {"ssl_certfile": str(certificate.cert_file), "ssl_keyfile": str(certificate.key_file)} if certificate else {}
    return {"host": host, "port": port, **files, "proxy_headers": False, "server_header": False, "access_log": False, "log_config": None}


def _self_made(folder: Path, host: str, now: datetime) -> ServerCertificate:
    chain, key_file = folder / "certificate.pem", folder / "key.pem"
    with writing("The folder of the service's certificate"):
        make_folder(folder)
        if not key_file.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            write_private(key_file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            chain.unlink(missing_ok=True)
        if not chain.exists() or not _is_fresh(chain, now):
            write_private(chain, _signed(_read_key(key_file), _names(host), now).public_bytes(Encoding.PEM))
    return ServerCertificate(chain, key_file, _read(chain))


def _is_fresh(chain: Path, now: datetime) -> bool:
    shown = _read(chain)
    return shown.not_before <= now < shown.not_after - _RENEWED_BEFORE


def _names(host: str) -> list[x509.GeneralName]:
    """What visitors may call this machine."""
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    if (own := socket.gethostname()).isascii() and own != "localhost":
        names.append(x509.DNSName(own))
    if host != "localhost" and not ipaddress.ip_address(host).is_unspecified and not ipaddress.ip_address(host).is_loopback:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    return names


def _signed(key: CertificateIssuerPrivateKeyTypes, names: list[x509.GeneralName], now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ucm-scraper")])
    public = key.public_key()
    unused = dict.fromkeys(_UNUSED, False)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now - timedelta(days=1) + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **unused), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _read(path: Path) -> Certificate:
    try:
        return read_certificate(x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER))
    except OSError as error:
        raise ConfigError(f"The certificate {path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} holds no certificate in PEM form.") from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} holds no key in PEM form.", remedy="Remove it; a new one is made at the next start.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} holds a key of another kind.", remedy="Remove it; a new one is made at the next start.")
    return key
