"""Who is at the other end: a handshake of our own proves the PBX's key by CA or pin before any page is opened.

Only a key so proved is let through in Chromium, by its SPKI hash, and only the certificate so proved in the HTTP client; a PBX's
certificate is usually self-signed (field guide 1).
"""

from __future__ import annotations

import base64
import errno
import hashlib
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scraper.errors import CertificateUntrusted, NetworkError, PinMismatch, TlsHandshakeFailed

PIN_PREFIX = "sha256//"

#: X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python doesn't name: :func:`prove` has judged the dates, where they count.
_NO_CHECK_TIME = 0x200000
#: SSL_OP_LEGACY_SERVER_CONNECT, which Python names from 3.12 on: servers without secure renegotiation.
_LEGACY_SERVER_CONNECT = 0x4

_KEYS = {
    "RSA": rsa.RSAPublicKey,
    "EC": ec.EllipticCurvePublicKey,
    "DSA": dsa.DSAPublicKey,
    "Ed25519": ed25519.Ed25519PublicKey,
    "Ed448": ed448.Ed448PublicKey,
}


class TlsRules(Protocol):
    """The part of the configuration that says whom to trust."""

    @property
    def verify(self) -> bool: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def pin(self) -> str | None: ...


class ClientRules(TlsRules, Protocol):
    """The same for the HTTP client, which old ciphers can be allowed to."""

    @property
    def legacy(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a PBX presented: its pin (curl's form), names and dates (UTC), its key in a word (``EC 256 bits``), and the DER bytes."""

    pin: str
    subject: str
    issuer: str
    key: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    der: bytes

    @property
    def spki_sha256(self) -> str:
        """Base64 of the public key's SHA-256, as Chromium's ``--ignore-certificate-errors-spki-list`` wants it."""
        return self.pin.removeprefix(PIN_PREFIX)

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256 as browsers and PBXs show it: pairs of capital hex digits."""
        return hashlib.sha256(self.der).digest().hex(":").upper()


@dataclass(frozen=True, slots=True)
class Presented:
    """Who answered a handshake, verified or not, with which version of TLS and which cipher."""

    certificate: Certificate
    version: str
    cipher: str


def read_certificate(der: bytes) -> Certificate:
    """Parse a DER certificate. Raises :class:`CertificateUntrusted` where it can't be read."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        key = parsed.public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError as error:
        raise CertificateUntrusted("The PBX's certificate can't be read.") from error
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        alternatives = tuple(str(name.value) for name in names)
    except (x509.ExtensionNotFound, ValueError):
        alternatives = ()
    pin = PIN_PREFIX + base64.b64encode(hashlib.sha256(spki).digest()).decode()
    subject, issuer = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
    return Certificate(pin, subject, issuer, _describe(key), alternatives, parsed.not_valid_before_utc, parsed.not_valid_after_utc, der)


def _describe(key: object) -> str:
    kind = next((name for name, of in _KEYS.items() if isinstance(key, of)), "another kind of key")
    bits = getattr(key, "key_size", None)
    return f"{kind} {bits} bits" if bits else kind


def prove(url: str, rules: TlsRules, timeout: float = 10.0, *, legacy: bool = False) -> Certificate | None:
    """Make a handshake with ``url`` and check who answers; None for plain ``http``, where only the connection is tried.

    A pin alone is enough; else the chain must lead to ``ca_file`` or to the system's CAs and the name must fit; with ``verify`` off the
    key that answers now is the only one trusted for this job. ``timeout`` in seconds bounds connecting and shaking hands, each;
    ``legacy`` shakes hands with old ciphers and weak keys too, for the HTTP client only.
    Raises :class:`NetworkError`, :class:`TlsHandshakeFailed`, :class:`CertificateUntrusted`, :class:`PinMismatch`.
    """
    host, port = host_and_port(url)
    if urlsplit(url).scheme == "http":
        _connect(host, port, timeout).close()
        return None
    if rules.pin or not rules.verify:
        found = _handshake(host, port, timeout, _blind_context(legacy)).certificate
        if rules.pin and found.pin != rules.pin:
            remedy = f"If the PBX's certificate was renewed: {_pinning(host, port, found.pin)}. Otherwise somebody may be in between."
            raise PinMismatch(f"The PBX's public key is {found.pin}, not the pinned one.", remedy=remedy, seen=found.pin)
        return found
    try:
        return _handshake(host, port, timeout, _checking_context(rules.ca_file, legacy)).certificate
    except ssl.SSLCertVerificationError as error:
        seen = _handshake(host, port, timeout, _blind_context(legacy)).certificate.pin
        raise CertificateUntrusted(
            f"The PBX's certificate is not trusted: {error.verify_message}.",
            remedy=f"For a self-signed one: {_pinning(host, port, seen)}. For one of a CA of your own set `tls.ca_file` to it.",
            seen=seen,
        ) from error


def look(url: str, timeout: float = 10.0, *, legacy: bool = False) -> Presented:
    """Shake hands with whoever answers at an ``https`` URL, unverified: to be looked at, never to send anything to.

    ``timeout`` and ``legacy`` as in :func:`prove`. Raises :class:`NetworkError`, :class:`TlsHandshakeFailed`,
    :class:`CertificateUntrusted` for a certificate that can't be read.
    """
    return _handshake(*host_and_port(url), timeout, _blind_context(legacy))


def connect(url: str, timeout: float = 10.0) -> str:
    """Open a connection to ``url``, close it, and return the address that answered. Raises :class:`NetworkError`."""
    with _connect(*host_and_port(url), timeout) as plain:
        return str(plain.getpeername()[0])


def host_and_port(url: str) -> tuple[str, int]:
    """Where ``url`` leads, its scheme's own port where it names none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _pinning(host: str, port: int, pin: str) -> str:
    """How to compare a pin over a way that is trusted, and the line that sets it."""
    compare = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return (
        f'put `tls: {{pin: "{pin}"}}` under this UCM, once the same comes out on a network that you trust of'
        f" `openssl s_client -connect {where} </dev/null 2>/dev/null | {compare}`"
    )


def client_context(certificate: Certificate, rules: ClientRules) -> ssl.SSLContext:
    """A context that trusts just this proved certificate, whatever its name, issuer and dates: another one fails the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME)
    _allow_old(context, rules.legacy)
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(certificate.der))
    return context


def _checking_context(ca_file: Path | None, legacy: bool) -> ssl.SSLContext:
    try:
        return _allow_old(ssl.create_default_context(cafile=str(ca_file) if ca_file else None), legacy)
    except (OSError, ssl.SSLError) as error:
        raise CertificateUntrusted(
            "The file named by `tls.ca_file` can't be read as PEM certificates.", remedy="Correct `tls.ca_file`."
        ) from error


def _allow_old(context: ssl.SSLContext, legacy: bool) -> ssl.SSLContext:
    """``legacy``: also TLS 1.0, old ciphers, and keys too weak for OpenSSL's defaults, as some UCM62xx have (field guide 1)."""
    if legacy:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
        context.options |= _LEGACY_SERVER_CONNECT
    return context


def _blind_context(legacy: bool) -> ssl.SSLContext:
    """Takes any certificate: used only to look at it, never to send anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _allow_old(context, legacy)


def _handshake(host: str, port: int, timeout: float, context: ssl.SSLContext) -> Presented:
    plain = _connect(host, port, timeout)
    try:
        with context.wrap_socket(plain, server_hostname=host) as secured:
            cipher = secured.cipher()
            certificate = read_certificate(secured.getpeercert(binary_form=True) or b"")
            return Presented(certificate, secured.version() or "TLS", cipher[0] if cipher else "")
    except ssl.SSLCertVerificationError:
        raise
    except TimeoutError as error:
        raise NetworkError(f"{host}:{port} accepted the connection but did not answer the TLS handshake within {timeout:.0f} s.") from error
    except ssl.SSLError as error:
        raise TlsHandshakeFailed(f"The TLS handshake with {host}:{port} failed ({error.reason or 'connection closed'}).") from error
    except OSError as error:
        raise NetworkError(f"{host}:{port} broke off the TLS handshake ({error.strerror or error}).") from error
    finally:
        plain.close()


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout)
    except (socket.gaierror, UnicodeError) as error:
        raise NetworkError(
            f"The name {host} can't be resolved.", remedy="Check `url` in the configuration and this machine's DNS."
        ) from error
    except TimeoutError as error:
        raise NetworkError(f"{host}:{port} did not answer within {timeout:.0f} s.") from error
    except ConnectionRefusedError as error:
        raise NetworkError(f"{host}:{port} refused the connection.", remedy="Check the port (appliances: 8089, CloudUCM: 8443).") from error
    except OSError as error:
        what = "there is no route" if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH) else error.strerror or str(error)
        raise NetworkError(f"{host}:{port} can't be reached: {what}.") from error
