"""The configuration: read from file, environment and flags, strict, with every problem at once (design: Configuration)."""

from __future__ import annotations

from scraper.settings.base import Origin
from scraper.settings.loader import find_file, load
from scraper.settings.model import Api, Browser, CatalogSettings, Labels, Log, Settings, Store, Tls, Ucm, Web
from scraper.settings.sample import sample
from scraper.settings.serving import Admin, Hooks, Limits, Listener, Notify, Ping, Schedule, ServerTls, Watch

__all__ = [
    "Admin",
    "Api",
    "Browser",
    "CatalogSettings",
    "Hooks",
    "Labels",
    "Limits",
    "Listener",
    "Log",
    "Notify",
    "Origin",
    "Ping",
    "Schedule",
    "ServerTls",
    "Settings",
    "Store",
    "Tls",
    "Ucm",
    "Watch",
    "Web",
    "find_file",
    "load",
    "sample",
]
