"""Whether a recording that is held is shorter than the PBX's own accounts of it.

A PBX that is still writing a call's recording hands out its beginning; an archive may hold half a file. What the call record says of the
recording (recordfiles_desc) counts for itself; talk time is the weakest account: recording may have begun in the middle of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scraper.reconcile.inventory import SIZE_SLACK

_RIFF_HEADER, _BYTES_A_FRAME = 44, 2
#: So much shorter than said is within what rounding, ringing and announcements explain: a part of it, and seconds.
_SHARE_OF_SOUND, _SHARE_OF_TALK, _SECONDS = 0.9, 0.75, 3.0
#: A recording is written so long after its call's talk time at the latest; ringing before it is not part of that time.
WRITTEN_AFTER = timedelta(minutes=10)


@dataclass(slots=True)
class Account:
    """What the PBX says of one recording.

    ``size`` in bytes by its list, ``said_size`` by the call record; ``seconds`` of sound by the call record, ``talked`` those of its call;
    ``ended``: when its call had ended (aware), as far as its start and its talk time tell.
    """

    size: int | None = None
    said_size: float | None = None
    seconds: float | None = None
    talked: float | None = None
    ended: datetime | None = None

    def learn(self, said_size: float | None, seconds: float | None, talked: float | None, ended: datetime | None) -> None:
        """Take in what another call record says; the larger stays, and the later."""
        self.said_size = _larger(self.said_size, said_size)
        self.seconds = _larger(self.seconds, seconds)
        self.talked = _larger(self.talked, talked)
        self.ended = max((time for time in (self.ended, ended) if time is not None), default=None)

    def is_written_at(self, when: datetime) -> bool:
        """Whether the PBX had surely written all of it at this moment (aware); nobody knows of a call without a record."""
        return self.ended is None or when - self.ended > WRITTEN_AFTER


def too_short(account: Account, source_size: int, frames: int | None, seconds: float | None) -> str | None:
    """One clause that says by how much too little is held; None where nothing speaks against it.

    ``source_size``: bytes as they came; ``frames`` and ``seconds`` of the sound in them, None where it could not be decoded.
    """
    decoded = _RIFF_HEADER + frames * _BYTES_A_FRAME if frames is not None else 0  # what came may be packed more tightly than it lies there
    held = max(source_size, decoded)
    for size, who in ((account.size, "list"), (account.said_size, "call record")):
        if size is not None and held + SIZE_SLACK < size:
            return f"{held} bytes are held, and the PBX's {who} says {size:.0f}"
    if seconds is None:
        return None
    for said, share, what in ((account.seconds, _SHARE_OF_SOUND, "its length"), (account.talked, _SHARE_OF_TALK, "the call's talk time")):
        if said is not None and seconds < said * share - _SECONDS:
            return f"{seconds:.0f} s of sound are held, and the call record says {said:.0f} s for {what}"
    return None


def _larger(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)
