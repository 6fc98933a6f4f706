"""The configuration: read from file, environment and flags, strict, with every problem at once (design: Configuration)."""

from __future__ import annotations

from scraper.settings.loader import find_file, load
from scraper.settings.model import Api, Browser, CatalogSettings, Labels, Log, Origin, Schedule, Settings, Store, Tls, Ucm, Web
from scraper.settings.sample import sample

__all__ = [
    "Api",
    "Browser",
    "CatalogSettings",
    "Labels",
    "Log",
    "Origin",
    "Schedule",
    "Settings",
    "Store",
    "Tls",
    "Ucm",
    "Web",
    "find_file",
    "load",
    "sample",
]
