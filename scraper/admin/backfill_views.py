"""What the JSON API takes and tells of backfills; the pages show the same."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from scraper.admin.api import Day
from scraper.backfill import Coverage
from scraper.backfill.rests import Rest
from scraper.catalog import Backfill, BackfillSlice, BackfillState, Direction, SliceState
from scraper.models import utc


class Wanted(BaseModel):
    """A window of call start times: days by the PBX's own clock, ``until`` exclusive."""

    model_config = ConfigDict(extra="forbid")

    ucm: str = Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    since: Day
    until: Day
    order: Direction = Direction.NEWEST_FIRST


class PlannedSlice(BaseModel):
    """Days that one job would fetch. ``known``: recordings that the PBX's lists or call records have shown; the others as catalogued."""

    since: date
    until: date
    known: int
    archived: int
    open: int


class Preview(BaseModel):
    """What a backfill would be cut into; nothing has been started, and the PBX was not asked."""

    ucm: str
    since: date
    until: date
    order: Direction
    slices: list[PlannedSlice]
    known: int
    archived: int
    open: int


class SliceView(BaseModel):
    """Days of a backfill, fetched by one job. Counts are that job's; times are UTC."""

    since: date
    until: date
    state: SliceState
    attempts: int
    run_id: str | None
    expected: int | None
    archived: int | None
    gone: int | None
    open: int | None
    detail: str
    started_at: str | None
    ended_at: str | None
    retry_at: str | None

    @classmethod
    def of(cls, one: BackfillSlice) -> Self:
        """As it is kept."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class BackfillView(BaseModel):
    """A backfill with its statement of coverage: the counts are those of the slices that are done. Times are UTC.

    ``rests_until``: nothing is done before, for the reason ``why``.
    """

    id: str
    ucm: str
    since: date
    until: date
    order: Direction
    state: BackfillState
    asked_by: str
    asked_at: str
    ended_at: str | None
    slices: int
    slices_done: int
    slices_failed: int
    days: int
    days_done: int
    expected: int | None
    archived: int
    gone: int
    open: int
    complete: bool
    statement: str
    rests_until: str | None
    why: str

    @classmethod
    def of(cls, one: Backfill, covered: Coverage, rest: Rest | None) -> Self:
        """As it is kept."""
        plain = {name: getattr(one, name) for name in ("id", "ucm", "since", "until", "order", "state", "asked_by", "asked_at", "ended_at")}
        counts = {name: getattr(covered, name) for name in ("slices", "days_done", "expected", "archived", "gone", "open", "complete")}
        return cls(
            **plain,
            **counts,
            slices_done=covered.done,
            slices_failed=covered.failed,
            days=covered.span.days,
            statement=covered.as_text(),
            rests_until=utc(rest.until) if rest else None,
            why=rest.why if rest else "",
        )


class BackfillList(BaseModel):
    """The newest first."""

    items: list[BackfillView]


class SliceList(BaseModel):
    """The oldest days first."""

    items: list[SliceView]
