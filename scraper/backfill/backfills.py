"""What people do with backfills: start, look, pause, resume, cancel. The jobs themselves are in ``conduct``."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from scraper.backfill.slices import Coverage, Evidence, Grain, Span, coverage, grain_for, read_span, recut, tile
from scraper.catalog import Backfill, BackfillSlice, BackfillState, Direction, SliceState
from scraper.catalog.database import now
from scraper.job.remembered import HAS_FILTER, recall

if TYPE_CHECKING:
    from scraper.catalog import Catalog

_GOES_ON = (BackfillState.ACTIVE, BackfillState.PAUSED)
#: So long after its last minute a day's calls have surely ended and been recorded.
_RECORDED_AFTER = timedelta(hours=2)


class Backfills:
    """The backfills of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def start(self, ucm: str, since: str | date, until: str | date, order: Direction, by: str, today: date) -> str:
        """Begin a backfill of a UCM's days from ``since`` to ``until``, exclusive; its id. ``today`` is the PBX's.

        A window that is under way already is not begun twice: its id is returned. Raises :class:`~scraper.errors.ConfigError` for days
        that are no window.
        """
        span = read_span(since, until, today)
        for known in self.all(ucm):
            if (known.since, known.until) == span and known.state in _GOES_ON:
                return known.id
        return self._add(ucm, span, order, by)

    def take_up(self, ucm: str, span: Span, order: Direction, zone: ZoneInfo) -> str:
        """Go on with a UCM's backfill of this window, or begin one; its id. What failed, or rests, may be tried again at once.

        Days that were not over when they were looked at are looked at again. ``zone`` is the PBX's.
        """
        same = [one for one in self.all(ucm) if (one.since, one.until) == span and one.state is not BackfillState.CANCELLED]
        if not same:
            return self._add(ucm, span, order, "command line")
        found = same[0].id
        for one in self.slices(found):
            if one.state is SliceState.FAILED or (one.state is SliceState.DONE and not _was_over(one, zone)):
                self._again(one)
        self._catalog.rest_slices(found, None)
        self._catalog.set_backfill_state(found, BackfillState.ACTIVE)
        return found

    def all(self, ucm: str | None = None) -> list[Backfill]:
        """Every backfill, or a UCM's; the newest first."""
        return self._catalog.find_backfills(ucm)

    def of(self, backfill_id: str) -> Backfill | None:
        """A backfill by its id."""
        return self._catalog.backfill(backfill_id)

    def slices(self, backfill_id: str) -> list[BackfillSlice]:
        """A backfill's slices, the oldest days first."""
        return self._catalog.backfill_slices(backfill_id)

    def coverage(self, backfill_id: str) -> Coverage | None:
        """What a backfill has covered by now; None if there is no such backfill."""
        found = self.of(backfill_id)
        return coverage(Span(found.since, found.until), self.slices(backfill_id)) if found else None

    def pause(self, backfill_id: str) -> bool:
        """Let no further slice begin; the one in hand is finished. Whether it was under way."""
        return self._turn(backfill_id, (BackfillState.ACTIVE,), BackfillState.PAUSED)

    def resume(self, backfill_id: str) -> bool:
        """Go on with one that was paused; or, with the slices that failed, one that is over. Whether there is anything to go on with."""
        failed = [one for one in self.slices(backfill_id) if one.state is SliceState.FAILED]
        found = self.of(backfill_id)
        if found is None or not (found.state is BackfillState.PAUSED or (found.state is BackfillState.DONE and failed)):
            return False
        for one in failed:
            self._again(one)
        self._catalog.set_backfill_state(backfill_id, BackfillState.ACTIVE)
        return True

    def cancel(self, backfill_id: str) -> bool:
        """Let no further slice begin, for good; what was fetched stays. Whether it was under way."""
        return self._turn(backfill_id, _GOES_ON, BackfillState.CANCELLED)

    def settle(self, backfill_id: str) -> None:
        """Close a backfill of which no slice is left to do."""
        left = any(one.state in (SliceState.WAITING, SliceState.RUNNING) for one in self.slices(backfill_id))
        if not left:
            self._turn(backfill_id, (BackfillState.ACTIVE,), BackfillState.DONE)

    def recut(self, backfill_id: str) -> None:
        """Cut what nobody has tried yet anew, by what is known of the PBX now."""
        found = self.of(backfill_id)
        untried = [one for one in self.slices(backfill_id) if one.state is SliceState.WAITING and not one.attempts]
        if found is None or not untried:
            return
        old = [Span(one.since, one.until) for one in untried]
        new = recut(old, self.grain(found.ucm, Span(found.since, found.until)))
        if new != old:
            self._catalog.replace_slices(untried, new)

    def grain(self, ucm: str, span: Span) -> Grain:
        """How long slices of this UCM's window should be, by what its lists and call records have shown."""
        days = self._catalog.recorded_days(ucm)
        inside = [known for day, known in days.items() if span.since <= day < span.until] or list(days.values())
        return grain_for(
            Evidence(
                recall(self._catalog, ucm, HAS_FILTER),
                sum(count for count, _ in inside) / len(inside) if inside else None,
                sum(size for _, size in inside) / len(inside) if inside else None,
            )
        )

    def _add(self, ucm: str, span: Span, order: Direction, by: str) -> str:
        made = Backfill(uuid.uuid4().hex, ucm, *span, order, BackfillState.ACTIVE, by, now(), None)
        self._catalog.add_backfill(made, tile(span, self.grain(ucm, span)))
        return made.id

    def _again(self, one: BackfillSlice) -> None:
        self._catalog.update_slice(one.id, state=SliceState.WAITING.value, attempts=0, detail="", retry_at=None)

    def _turn(self, backfill_id: str, before: tuple[BackfillState, ...], after: BackfillState) -> bool:
        found = self.of(backfill_id)
        if found is None or found.state not in before:
            return False
        self._catalog.set_backfill_state(backfill_id, after, None if after in _GOES_ON else now())
        return True


def _was_over(one: BackfillSlice, zone: ZoneInfo) -> bool:
    """Whether a slice's last day was over, at the PBX, when its job began: a call's record comes when the call has ended."""
    if one.ended_at is None or one.started_at is None:
        return False
    return (datetime.fromisoformat(one.started_at) - _RECORDED_AFTER).astimezone(zone).date() >= one.until
