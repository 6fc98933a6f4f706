"""What is handed over: a recording as it is now, with its call, and what was made of it; or that it was erased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scraper.catalog import Catalog, Delivery, Recording, StoredCall, Transcript
from scraper.catalog.tombstones import Tombstone
from scraper.handover.statement import like
from scraper.models import UNDATED
from scraper.store import Store

#: A longer text is named, and not sent along.
MOST_TEXT_BYTES = 256 << 10
#: So long after it was stored a recording waits for the call records of its run, in seconds.
_CALLS_SECONDS = 3600.0
_RECORDING = (
    *("size", "sha256", "frames", "sample_rate", "channels", "source_format", "layout", "confidence"),
    *("source_sha256", "run_id", "stored_at", "call_time"),
)
_LEG = (
    *("session", "acct_id", "uniqueid", "start", "start_utc", "answer_utc", "end_utc", "talk_seconds", "duration"),
    *("disposition", "src", "dst", "answered_by", "caller_name", "action_type", "lastapp"),
)


@dataclass(frozen=True, slots=True)
class Farewell:
    """A delivery that tells that a recording was erased: no more than its number and hash, why and when."""

    delivery: Delivery
    uid: str
    tombstone: Tombstone

    def described(self) -> dict[str, Any]:
        """The JSON object that webhooks and commands get."""
        one = self.tombstone
        recording = {"id": one.recording_id, "ucm": one.ucm, "sha256": one.sha256}
        return _heading(self.delivery, self.uid) | {"recording": recording, "why": one.why, "erased_at": one.at}

    def parameters(self) -> dict[str, Any]:
        """What a statement can name: see :data:`scraper.handover.statement.ERASED_PARAMETERS`."""
        one = self.tombstone
        known = {"recording_id": one.recording_id, "ucm": one.ucm, "sha256": one.sha256, "why": one.why, "erased_at": one.at}
        return known | {"event": self.delivery.event, "delivery": self.uid}


@dataclass(frozen=True, slots=True)
class Subject:
    """One delivery with all that is told of a recording; ``texts``: the transcripts that can be read, by kind."""

    delivery: Delivery
    uid: str
    recording: Recording
    location: str
    calls: tuple[StoredCall, ...] = ()
    transcripts: tuple[Transcript, ...] = ()
    texts: Mapping[str, str] | None = None

    @property
    def seconds(self) -> float | None:
        """How long it sounds, None where that is not known."""
        one = self.recording
        return round(one.frames / one.sample_rate, 3) if one.frames is not None and one.sample_rate else None

    def described(self) -> dict[str, Any]:
        """The JSON object that webhooks and commands get."""
        one, identity = self.recording, self.recording.identity
        return _heading(self.delivery, self.uid) | {
            "recording": {
                "id": one.id,
                "ucm": identity.ucm,
                "class": identity.klass.value,
                "month": identity.month,
                "name": identity.name,
                "path": identity.path,
                "stored": one.path,
                "location": self.location,
                "seconds": self.seconds,
                "source": one.source.value,
                **{name: getattr(one, name) for name in _RECORDING},
            },
            "calls": [{name: getattr(call, name) for name in _LEG} for call in self.calls],
            "transcripts": [self._told(made) for made in self.transcripts],
        }

    def parameters(self) -> dict[str, Any]:
        """What a statement can name: see :data:`scraper.handover.statement.PARAMETERS`. Of several legs, the one with the longest talk."""
        one, identity = self.recording, self.recording.identity
        call = max(self.calls, key=lambda leg: leg.talk_seconds or 0, default=None)
        texts = self.texts or {}
        told = {name: getattr(call, name) for name in _LEG if name != "session"} if call else dict.fromkeys(_LEG)
        return told | {
            "recording_id": one.id,
            "recording_file": like(identity.name if identity.month == UNDATED else identity.path),
            "remote_path": one.path,
            "location": self.location,
            "ucm": identity.ucm,
            "class": identity.klass.value,
            "month": identity.month,
            "name": identity.name,
            "path": identity.path,
            "event": self.delivery.event,
            "delivery": self.uid,
            "size": one.size,
            "sha256": one.sha256,
            "seconds": self.seconds,
            "stored_at": one.stored_at,
            "call_session": call.session if call else None,
            "transcript": texts.get("text"),
            "summary": texts.get("summary"),
        }

    def _told(self, made: Transcript) -> dict[str, Any]:
        plain = {"kind": made.kind, "stored": made.path, "size": made.size, "sha256": made.sha256, "made_at": made.made_at}
        return plain | ({"text": self.texts[made.kind]} if self.texts and made.kind in self.texts else {})


def subject_of(catalog: Catalog, store: Store, store_url: str, delivery: Delivery) -> Subject | Farewell | None:
    """What this delivery is of, as it is now; None while it isn't there, or its call may still become known. Blocks."""
    if delivery.tombstone_id is not None:
        tombstone = catalog.tombstone(delivery.tombstone_id)
        return Farewell(delivery, catalog.delivery_uid(delivery), tombstone) if tombstone else None
    hit = catalog.recording(delivery.recording_id) if delivery.recording_id is not None else None
    if hit is None:
        return None
    calls = catalog.calls_of(hit.recording)
    if not calls and _may_learn(catalog, hit.recording):
        return None
    transcripts = catalog.transcripts_of(hit.recording.id)
    texts: dict[str, str] = {made.kind: text for made in transcripts if made.kind != "json" and (text := _read(store, made)) is not None}
    location = f"{store_url.rstrip('/')}/{hit.recording.path}"
    return Subject(delivery, catalog.delivery_uid(delivery), hit.recording, location, tuple(calls), tuple(transcripts), texts)


def _heading(delivery: Delivery, uid: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "delivery": uid,
        "sink": delivery.sink,
        "event": delivery.event,
        "attempt": delivery.attempts + 1,
        "queued_at": delivery.queued_at,
    }


def _may_learn(catalog: Catalog, recording: Recording) -> bool:
    """Whether the run that brought it is still at work: call records come beside recordings."""
    age = (datetime.now(UTC) - datetime.fromisoformat(recording.stored_at)).total_seconds()
    run = catalog.run_summary(recording.run_id) if 0 <= age < _CALLS_SECONDS else None
    return run is not None and run.status == "running"


def _read(store: Store, made: Transcript) -> str | None:
    if made.size > MOST_TEXT_BYTES:
        return None
    try:
        with store.open(made.path) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return None
