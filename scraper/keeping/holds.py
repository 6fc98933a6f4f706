"""What legal holds protect, be it from erasure or from retention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from scraper.catalog import Catalog, Hold
from scraper.catalog.tombstones import Key, row_key
from scraper.errors import ConfigError
from scraper.keeping.choosing import Chosen, Place, calls_of
from scraper.keeping.criteria import Criteria, Span
from scraper.models import Window


@dataclass(slots=True)
class Protection:
    """What the open holds of a UCM protect: in doubt, too much."""

    _wanted: list[Criteria] = field(default_factory=list)
    _keys: set[Key] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, place: Place, holds: Iterable[Hold]) -> Protection:
        """What these holds protect."""
        found = cls()
        for hold in holds:
            wanted = criteria_of(hold)
            found._wanted.append(wanted)
            for leg in calls_of(place, wanted) if wanted != Criteria() else ():
                found.calls.add(leg.id)
                found._keys.update(row_key(file.month, file.name, leg.start) for file in leg.files)
        return found

    def held(self, chosen: Chosen) -> tuple[set[Key], set[int]]:
        """Which of the chosen recordings and calls are under a hold."""
        if Criteria() in self._wanted:
            return set(chosen.spans), set(chosen.calls)
        return {key for key, span in chosen.spans.items() if self.protects(key, span)}, chosen.calls & self.calls

    def protects(self, key: Key, span: Span | None) -> bool:
        """Whether a recording that was made then is under a hold."""
        return key in self._keys or any(
            wanted.touches(span) and wanted.is_named_by(key.name) and (wanted.wants_file(key.month, key.name) or key.name in wanted.named)
            for wanted in self._wanted
        )


def criteria_of(hold: Hold) -> Criteria:
    """What a hold is on."""
    since, until = (date.fromisoformat(day) if day else None for day in (hold.since, hold.until))
    return Criteria(hold.number or "", Window(since, until), (hold.name,) if hold.name else ())


def add_hold(catalog: Catalog, ucm: str, wanted: Criteria, reason: str, by_whom: str) -> int:
    """Protect what these criteria mean from now on, and note that in the audit log; the hold's number."""
    days = wanted.window.as_report()
    kept = Hold(
        ucm=ucm, number=wanted.number or None, since=days["since"], until=days["until"], name=next(iter(wanted.files), None),
        reason=reason, by_whom=by_whom,
    )  # fmt: skip
    identifier = catalog.add_hold(kept)
    catalog.note_audit(by_whom, "hold-added", ucm, f"hold {identifier}")
    return identifier


def lift_hold(catalog: Catalog, hold: Hold, by_whom: str, reason: str = "") -> bool:
    """Lift a hold and note that in the audit log; False where it was lifted already."""
    if not catalog.lift_hold(hold.id, by_whom):
        return False
    catalog.note_audit(by_whom, "hold-lifted", hold.ucm, f"hold {hold.id}" + (f": {reason}" if reason else ""))
    return True


def refuse_held(place: Place, chosen: Chosen) -> None:
    """Raise :class:`ConfigError` where a hold protects some of what is chosen."""
    holds = place.catalog.holds([place.ucm])
    keys, calls = Protection.of(place, holds).held(chosen)
    if keys or calls:
        what = f"{len(keys)} of these recordings and {len(calls)} of these call records are under a legal hold"
        raise ConfigError(
            f"{what}, so that nothing was erased.",
            remedy=f"`ucm-scraper hold list --ucm {place.ucm}` shows the holds; one must be lifted (`ucm-scraper hold remove`) first.",
        )
