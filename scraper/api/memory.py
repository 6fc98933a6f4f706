"""What was found out about a PBX and is worth remembering for the next run: which API it has, and how it wants a recording asked for."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from scraper.catalog import Catalog


class Memory(Protocol):
    """A few short texts by name."""

    def get(self, key: str) -> str | None:
        """What was remembered under ``key``, or None."""
        ...

    def set(self, key: str, value: str) -> None:
        """Remember it."""
        ...


class CatalogMemory:
    """Kept in the catalog, for the PBX at ``url`` (its web UI's address)."""

    def __init__(self, catalog: Catalog, url: str) -> None:
        parts = urlsplit(url)
        self._catalog = catalog
        self._prefix = f"api:{(parts.hostname or '').lower()}:{parts.port or 443}:"

    def get(self, key: str) -> str | None:
        """What was remembered under ``key``, or None."""
        return self._catalog.get_meta(self._prefix + key)

    def set(self, key: str, value: str) -> None:
        """Remember it."""
        self._catalog.set_meta(self._prefix + key, value)


class ShortMemory:
    """Kept as long as the object lives."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        """What was remembered under ``key``, or None."""
        return self._values.get(key)

    def set(self, key: str, value: str) -> None:
        """Remember it."""
        self._values[key] = value
