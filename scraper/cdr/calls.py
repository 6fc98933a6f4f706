"""The nouns: a call's leg, the recordings it names, and what a parser made of its input. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from scraper.cdr.clock import Moment
from scraper.models import RecordingClass


@dataclass(frozen=True, slots=True)
class CallFile:
    """A recording as a call names it: bare clean ``name``, ``month`` where the PBX wrote one.

    ``seconds`` and ``size`` (bytes, as the PBX keeps it) are its own figures from ``recordfiles_desc``; None where it gives none.
    """

    name: str
    month: str | None
    klass: RecordingClass
    seconds: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One leg of a call (field guide 2a, *cdrapi*). Times and seconds are None, text is empty, where the PBX gave none that can be read.

    ``session`` falls back to what else holds the legs together: the summary's session, ``cdr``, ``uniqueid``. ``talk_seconds`` is
    ``billsec``; ``answered_by`` the extension that picked up.
    """

    session: str = ""
    acct_id: str = ""
    uniqueid: str = ""
    start: Moment | None = None
    answer: Moment | None = None
    end: Moment | None = None
    talk_seconds: int | None = None
    duration: int | None = None
    disposition: str = ""
    lastapp: str = ""
    src: str = ""
    dst: str = ""
    answered_by: str = ""
    caller_name: str = ""
    action_type: str = ""
    files: tuple[CallFile, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """(session, AcctId, start as PBX local text): AcctId alone is no key, it restarts every month on some devices."""
        return self.session, self.acct_id, self.start.text if self.start else ""

    @property
    def answered(self) -> bool:
        """Whether somebody talked: by the disposition, or, where that is empty or translated, by the talk time."""
        return self.disposition.upper() == "ANSWERED" or bool(self.talk_seconds)


@dataclass(frozen=True, slots=True)
class ParsedCalls:
    """Legs in the order in which they came, and what could not be understood.

    ``unknown`` counts: groups that hold no call, legs without a start, elements of ``recordfiles`` that name no file, rows whose cells
    don't fit the header. Legs and files among these are kept where they can be. ``shapes`` describes unknown groups by their keys (never
    values). Of a table only: ``unreadable_headers``, columns whose meaning is not known, and ``missing``, meanings without a column.
    """

    calls: list[Call]
    unknown: int = 0
    shapes: tuple[str, ...] = ()
    unreadable_headers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
