"""Secrets at rest: sealed with the configured keys (Fernet: AES-128-CBC and HMAC-SHA256), so that a copied database gives none away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Seal(Protocol):
    """What closes and opens secrets that are kept."""

    def close(self, plain: bytes) -> bytes:
        """``plain`` as it may be kept."""

    def open(self, sealed: bytes) -> bytes | None:
        """What :meth:`close` was given; None where this seal can't open it."""


class Open:
    """No seal: where no key is configured."""

    def close(self, plain: bytes) -> bytes:
        """See :meth:`Seal.close`."""
        return plain

    def open(self, sealed: bytes) -> bytes | None:
        """See :meth:`Seal.open`."""
        return sealed


class Sealed:
    """The first of ``keys`` closes, each opens: a new key is put before the old one, which goes once nothing is sealed with it."""

    def __init__(self, keys: Sequence[str]) -> None:
        from cryptography.fernet import Fernet, MultiFernet

        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def close(self, plain: bytes) -> bytes:
        """See :meth:`Seal.close`."""
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes | None:
        """See :meth:`Seal.open`."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            return None


def seal_of(keys: Sequence[str]) -> Seal:
    """The seal that the configured keys make."""
    return Sealed(keys) if keys else Open()


def new_key() -> str:
    """A key that nobody has."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
