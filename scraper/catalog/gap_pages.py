"""The catalog's gaps as people look at them: how many of each kind, and a page at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, func, select

from scraper.catalog.database import Database
from scraper.catalog.gaps import OpenGap, gap_of
from scraper.catalog.recordings import identity_of
from scraper.catalog.schema import OPEN_GAP, gaps, recordings
from scraper.models import GapReason, Identity

#: ``open``: still looked for. ``gone``: the PBX said twice that it has it no more, and it is not archived.
GapState = Literal["open", "gone"]


@dataclass(frozen=True, slots=True)
class GapGroup:
    """Gaps of one UCM with the same reason and remedy. ``oldest``: when the first of them was seen, UTC text; ``detail`` is one's."""

    ucm: str
    reason: GapReason
    remedy: str
    detail: str
    count: int
    oldest: str


@dataclass(frozen=True, slots=True)
class NumberedGap:
    """A gap with its number in the catalog."""

    id: int
    found: OpenGap

    @property
    def identity(self) -> Identity:
        """Which recording it is."""
        return self.found.gap.identity


class GapPages(Database):
    """Gaps by number; ``ucms`` limits to these UCMs."""

    def gap_groups(self, ucms: Collection[str], state: GapState = "open") -> list[GapGroup]:
        """What there is, the most frequent first."""
        columns = (gaps.c.ucm, gaps.c.reason, gaps.c.remedy)
        sums = (func.min(gaps.c.detail), func.count(), func.min(gaps.c.first_seen))
        which = OPEN_GAP if state == "open" else _is(state)
        query = select(*columns, *sums).where(which, gaps.c.ucm.in_(ucms)).group_by(*columns)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(func.count().desc(), *columns)).all()
        return [GapGroup(ucm, GapReason(reason), *rest) for ucm, reason, *rest in rows]

    def gap_page(
        self,
        ucms: Collection[str],
        state: GapState = "open",
        *,
        reason: GapReason | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[NumberedGap]:
        """The newest first; ``before``: only those below this number."""
        conditions = [_is(state), gaps.c.ucm.in_(ucms)]
        if reason is not None:
            conditions.append(gaps.c.reason == reason.value)
        if before is not None:
            conditions.append(gaps.c.id < before)
        query = select(gaps).where(and_(*conditions)).order_by(gaps.c.id.desc()).limit(limit)
        with self.reading() as connection:
            return [NumberedGap(row["id"], gap_of(row)) for row in connection.execute(query).mappings()]

    def numbered_gap(self, identifier: int) -> NumberedGap | None:
        """One gap by its number, open or closed."""
        with self.reading() as connection:
            row = connection.execute(select(gaps).where(gaps.c.id == identifier)).mappings().one_or_none()
        return NumberedGap(identifier, gap_of(row)) if row else None

    def longest_untried(self, ucm: str, reason: GapReason | None, limit: int) -> list[Identity]:
        """The recordings of open gaps, those first whose last attempt is the longest ago."""
        conditions = [_is("open"), gaps.c.ucm == ucm, *([gaps.c.reason == reason.value] if reason else [])]
        query = select(gaps).where(and_(*conditions)).order_by(gaps.c.last_seen, gaps.c.id).limit(limit)
        with self.reading() as connection:
            return [identity_of(row) for row in connection.execute(query).mappings()]


def _is(state: GapState) -> ColumnElement[bool]:
    if state == "open":
        return gaps.c.closed_at.is_(None)  # alone, so that SQLite reads them in their order, by ix_gaps_open
    other = gaps.alias()
    names = ("ucm", "class", "month", "name")
    again = exists().where(*(other.c[name] == gaps.c[name] for name in names), other.c.closed_at.is_(None))
    held = exists().where(*(recordings.c[name] == gaps.c[name] for name in names), recordings.c.state == "archived")
    return and_(gaps.c.closed_as == "gone", ~again, ~held)
