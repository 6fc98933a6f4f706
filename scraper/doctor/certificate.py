"""The second layer: who answers is the PBX; and ``--print-pin``, which shows who answers to somebody who can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from scraper import tls
from scraper.doctor.steps import Layer, Step
from scraper.errors import ConfigError, ScraperError, TlsHandshakeFailed
from scraper.models import utc
from scraper.settings import Ucm

_HANDSHAKE_SECONDS = 10.0
_WEAK = (
    "It needs newer firmware, or a new certificate and key, for the browser; `tls.legacy: true` lets the HTTPS API work meanwhile, and"
    " nothing else."
)
#: Expiry of a certificate that a CA proves is announced so long before.
_SOON_DAYS = 21


def certificate(ucm: Ucm) -> Step:
    """Make the handshake that a job makes, with names, dates, key and cipher of who answered."""
    if urlsplit(ucm.url).scheme == "http":
        return Step.ok(Layer.TLS, "plain http: nothing protects passwords and recordings on their way")
    try:
        proved = tls.prove(ucm.url, ucm.tls, _HANDSHAKE_SECONDS)
        seen = tls.look(ucm.url, _HANDSHAKE_SECONDS)
    except TlsHandshakeFailed as error:
        return Step.failed(Layer.TLS, _weak(ucm.url) or error)
    except ScraperError as error:
        return Step.failed(Layer.TLS, _explained(ucm.url, error))
    assert proved is not None
    return Step.ok(Layer.TLS, f"{_trust(ucm)}; {seen.version} with {seen.cipher}, {proved.key}; {_names_and_dates(proved)}")


@dataclass(frozen=True, slots=True)
class Shown:
    """Who answers at a PBX's address now, unverified. ``weak``: only old ciphers or keys were offered."""

    ucm: str
    address: str
    certificate: tls.Certificate
    weak: bool
    configured: str | None

    def as_text(self) -> str:
        """For a person who compares it by eye."""
        found = self.certificate
        issuer = f"{found.issuer} (itself)" if found.issuer == found.subject else found.issuer
        rows = (
            ("subject", found.subject),
            ("names", ", ".join(found.names) or "none"),
            ("issuer", issuer),
            ("valid", f"{found.not_before:%Y-%m-%d %H:%M} to {found.not_after:%Y-%m-%d %H:%M} UTC"),
            ("key", found.key),
            ("SHA-256", found.fingerprint[:47] + "\n" + " " * 11 + found.fingerprint[48:]),
        )
        return "\n".join(
            [
                f"The certificate that {self.address} shows now, NOT VERIFIED:",
                "somebody in between could show another. Before you put its pin into the",
                "configuration, compare the SHA-256 with the one that the PBX's own web UI shows,",
                "or a browser on a network that you trust.",
                "",
                *(f"  {name:<9}{value}" for name, value in rows),
                *(["  The PBX offers old ciphers or weak keys only: no browser works with it."] if self.weak else []),
                "",
                f"{self._compared()} The line under ucms.{self.ucm} in the configuration:",
                "",
                f'    tls: {{pin: "{found.pin}"}}',
            ]
        )

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        found = self.certificate
        return {
            "schema": 1,
            "ucm": self.ucm,
            "address": self.address,
            "verified": False,
            "subject": found.subject,
            "names": list(found.names),
            "issuer": found.issuer,
            "not_before": utc(found.not_before),
            "not_after": utc(found.not_after),
            "key": found.key,
            "sha256": found.fingerprint,
            "pin": found.pin,
            "configured_pin": self.configured,
        }

    def _compared(self) -> str:
        if self.configured is None:
            return "No pin is configured."
        return "This pin is configured." if self.configured == self.certificate.pin else "ANOTHER pin is configured."


def show(name: str, ucm: Ucm) -> Shown:
    """Look at who answers; nothing is sent but the handshake.

    Raises :class:`ConfigError` for plain http, and what :func:`scraper.tls.look` raises.
    """
    if urlsplit(ucm.url).scheme == "http":
        raise ConfigError(f"ucms.{name}: its url is plain http, which has no certificate.", remedy="Use https, if the PBX offers it.")
    host, port = tls.host_and_port(ucm.url)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return Shown(name, address, tls.look(ucm.url, _HANDSHAKE_SECONDS).certificate, False, ucm.tls.pin)
    except TlsHandshakeFailed:
        return Shown(name, address, tls.look(ucm.url, _HANDSHAKE_SECONDS, legacy=True).certificate, True, ucm.tls.pin)


def _trust(ucm: Ucm) -> str:
    if ucm.tls.pin:
        return "the pinned key"
    if not ucm.tls.verify:
        return "NOT VERIFIED, as tls.verify says: set tls.pin instead (--print-pin shows it)"
    return "proved by tls.ca_file" if ucm.tls.ca_file else "proved by a CA of this system"


def _names_and_dates(found: tls.Certificate) -> str:
    names = ", ".join(found.names) or found.subject
    left = (found.not_after - datetime.now(UTC)).days
    until = f"until {found.not_after:%Y-%m-%d}"
    if left < 0:
        until = f"expired on {found.not_after:%Y-%m-%d}, which a pin doesn't mind"
    elif left < _SOON_DAYS:
        until += f", in {left} days"
    return f"for {names}, {until}"


def _weak(url: str) -> TlsHandshakeFailed | None:
    """Whether the handshake works with old ciphers and weak keys, as an error that says so."""
    try:
        seen = tls.look(url, _HANDSHAKE_SECONDS, legacy=True)
    except ScraperError:
        return None
    return TlsHandshakeFailed(f"The PBX offers old ciphers or weak keys only ({seen.version}, {seen.cipher}).", remedy=_WEAK)


def _explained(url: str, error: ScraperError) -> ScraperError:
    """The same error, with the names and dates of who answered."""
    try:
        seen = tls.look(url, _HANDSHAKE_SECONDS).certificate
    except ScraperError:
        return error
    return type(error)(f"{error.message} It shows a certificate {_names_and_dates(seen)}.", remedy=error.remedy)
