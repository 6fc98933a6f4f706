"""From the configuration to what the browser needs: who answers is proved here, before any page is opened."""

from __future__ import annotations

from dataclasses import fields
from functools import partial

from loguru import logger

from scraper.budget import SignInBudget
from scraper.catalog import Catalog
from scraper.clock import utcnow
from scraper.errors import ConfigError
from scraper.failures import failures_of
from scraper.job.episode import Episode
from scraper.settings import Settings
from scraper.tls import prove
from scraper.webui.kept import kept_session
from scraper.webui.recordings_page import Labels, Patience
from scraper.webui.session import Credentials
from scraper.webui.ui import Access

_HANDSHAKE_SECONDS = 10.0


def prove_access(settings: Settings, name: str, catalog: Catalog) -> Access:
    """Make the handshake with a UCM and collect its web access.

    Raises :class:`ConfigError` where no web account is configured, and what :func:`scraper.tls.prove` raises.
    """
    ucm, timeout = settings.ucms[name], settings.browser.timeout_seconds
    if ucm.web is None:
        raise ConfigError(f"ucms.{name}: `web` is missing: no account for the web UI is configured.")
    if not ucm.tls.verify and not ucm.tls.pin:
        logger.bind(action="tls-unverified").warning("tls.verify is off: whoever answers now is trusted for this job; set tls.pin instead")
    labels, password = ucm.web.labels, ucm.web.password
    key = prove(ucm.url, ucm.tls, min(timeout, _HANDSHAKE_SECONDS))
    return Access(
        url=ucm.url,
        credentials=Credentials(ucm.web.username, password.get_secret_value() if password else None),
        key=key,
        budget=SignInBudget(catalog, ucm.url, pin=key.pin if key else None),
        kept=kept_session(settings, name, catalog),
        episode=Episode(catalog, name),
        keep_evidence=partial(failures_of(settings, name).keep, utcnow()),
        allow_actions=tuple(ucm.web.allow_actions),
        labels=Labels(**{field.name: tuple(getattr(labels, field.name)) for field in fields(Labels)}),
        patience=Patience(timeout, ucm.web.pack_timeout_seconds, ucm.web.stall_timeout_seconds),
    )
