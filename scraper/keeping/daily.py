"""Retention as the service does it: what is due is announced, and goes a day later at the earliest, a bounded number a day."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any

from scraper.catalog import Catalog
from scraper.errors import SafetyStop
from scraper.keeping.retention import Due, check_safe, due, place_of, retain, rule_of
from scraper.models import utc
from scraper.settings import Settings

#: Recordings that go in a day at most.
AT_MOST = 10_000
#: An announcement is a day old; a little less, so that it may be made and followed at the same hour.
_NOTICE = timedelta(hours=23)
_WHO = "retention"


def keep_daily(settings: Settings, catalog: Catalog, ucm: str, now: datetime, stop: threading.Event) -> dict[str, Any]:
    """Announce a rule that lets go of something, in the audit log; let go by one that was announced. Says what was done, without a name.

    A rule that changed is announced anew. Raises :class:`SafetyStop` where too large a share is due, which is said in the audit log once
    a rule, :class:`~scraper.errors.Busy`, and the storage errors.
    """
    rule = rule_of(settings, ucm)
    if not (rule.apply and rule.lets_go):
        return {"retention": "off"}
    key, text = f"keeping:announced:{ucm}", rule.model_dump_json()
    known = json.loads(catalog.get_meta(key) or "{}")
    if known.get("rule") != text:
        found = due(place_of(settings, catalog, ucm), rule, now)
        if found.recordings or found.chosen.calls:
            catalog.note_audit(_WHO, "retention-announced", ucm, _sentence(found))
            catalog.set_meta(key, json.dumps({"rule": text, "at": utc(now)}))
        try:
            check_safe(found, rule, ucm)
        except SafetyStop as error:
            catalog.note_audit(_WHO, "retention-stopped", ucm, error.message)
            raise
        return {"retention": "announced", "recordings": found.recordings, "call_records": len(found.chosen.calls)}
    if now - datetime.fromisoformat(known["at"]) < _NOTICE:
        return {"retention": "announced"}
    _, gone = retain(settings, catalog, ucm, stop, at_most=AT_MOST)
    return {"retention": "applied", "recordings": len(gone.spans), "call_records": len(gone.calls)}


def _sentence(found: Due) -> str:
    days = f" of calls from {found.oldest} to {found.newest}" if found.oldest else ""
    return f"{found.recordings} recordings{days} and {len(found.chosen.calls)} call records go a day from now; {found.held} are on hold"
