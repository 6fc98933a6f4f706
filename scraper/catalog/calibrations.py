"""The catalog's memory of calibration: by which recordings a PBX's GSFF was compared, when, and with what result (field guide 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import and_, select

from converters.interface import KnownLayout
from converters.signature import ANY, certainty
from scraper.catalog.database import Database, now
from scraper.catalog.gaps import OpenGap, gap_of
from scraper.catalog.recordings import Recording, identity_columns, identity_of, recording_of
from scraper.catalog.schema import calibrations, gaps, recordings
from scraper.models import GapReason, Identity

CalibrationVerdict = Literal["confirmed", "contradicted", "undecided"]


@dataclass(frozen=True, slots=True)
class CalibrationTry:
    """One comparison: of which recording, for which headers (:mod:`converters.signature`), with what result.

    ``layout`` is None unless it is confirmed; ``decided_at`` is UTC text, filled in by the catalog.
    """

    identity: Identity
    verdict: CalibrationVerdict
    signature: str
    layout: str | None
    detail: str
    decided_at: str = ""


class Calibrations(Database):
    """Tries of calibration, in the order they were made."""

    def enter_calibration(self, tried: CalibrationTry) -> None:
        """Remember one more."""
        values = {name: getattr(tried, name) for name in ("verdict", "signature", "layout", "detail")}
        with self.transaction(of=tried.identity.ucm) as connection:
            connection.execute(calibrations.insert().values(**identity_columns(tried.identity), **values, decided_at=now()))

    def calibrations(self, ucm: str) -> list[CalibrationTry]:
        """All of a UCM, the newest first."""
        query = select(calibrations).where(calibrations.c.ucm == ucm).order_by(calibrations.c.id.desc())
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        fields = ("verdict", "signature", "layout", "detail", "decided_at")
        return [CalibrationTry(identity_of(row), **{name: row[name] for name in fields}) for row in rows]

    def known_layouts(self, ucm: str) -> tuple[KnownLayout, ...]:
        """What GSFF of this UCM is, for :class:`converters.interface.Options`.

        Confirmed layouts, the signature that fixes most first, the newest of equals first. Where the last verdict was a contradiction, all
        other GSFF of this UCM is not to be decoded, until a later one confirms a layout.
        """
        decided = [tried for tried in self.calibrations(ucm) if tried.verdict != "undecided"]
        confirmed = [KnownLayout(tried.signature, tried.layout, tried.detail) for tried in decided if tried.verdict == "confirmed"]
        confirmed.sort(key=lambda known: certainty(known.signature), reverse=True)
        stopped = decided[:1] if decided and decided[0].verdict == "contradicted" else []
        return (*confirmed, *(KnownLayout(ANY, None, f"calibration on {tried.decided_at[:10]}: {tried.detail}") for tried in stopped))

    def newest_from_gsff(self, ucm: str, *, among: int) -> list[Recording]:
        """The archived recordings that came as GSFF among the UCM's ``among`` newest files, the newest first."""
        mine = and_(recordings.c.ucm == ucm, recordings.c.state == "archived")
        newest = select(recordings.c.id).where(mine).order_by(recordings.c.id.desc()).limit(among)
        query = select(recordings).where(recordings.c.id.in_(newest), recordings.c.source_format == "gsff")
        with self.reading() as connection:
            rows = connection.execute(query.order_by(recordings.c.id.desc())).mappings()
            return [recording_of(row) for row in rows]

    def undecodable_in_quarantine(self, ucm: str, limit: int = -1) -> list[OpenGap]:
        """Gaps whose bytes went to quarantine because they could not be decoded, also closed ones, the newest first; ``limit`` < 0: all."""
        mine = and_(gaps.c.ucm == ucm, gaps.c.quarantine_path.is_not(None), gaps.c.reason == GapReason.UNDECODABLE.value)
        with self.reading() as connection:
            rows = connection.execute(select(gaps).where(mine).order_by(gaps.c.id.desc()).limit(None if limit < 0 else limit)).mappings()
            return [gap_of(row) for row in rows]

    def confirm(self, identifiers: Sequence[int]) -> None:
        """The layout in which these recordings were decoded has been confirmed since."""
        query = recordings.update().where(recordings.c.id.in_(identifiers)).values(confidence="confirmed")
        with self.transaction() as connection:
            connection.execute(query)
