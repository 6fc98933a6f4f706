"""Whether a recording that is held is shorter than the PBX's own accounts of it: by size first, by time where no size is known.

A PBX that is still writing a call's recording hands out its beginning; an archive may hold half a file. Talk time is the weakest
account: a recording may have been switched on in the middle of a call.
"""

from __future__ import annotations

from dataclasses import dataclass

from scraper.reconcile.inventory import SIZE_SLACK

_RIFF_HEADER, _BYTES_A_FRAME = 44, 2
#: So much shorter than said is within what rounding, ringing and announcements explain: a part of it, and seconds.
_SHARE, _SECONDS = 0.1, 3.0


@dataclass(slots=True)
class Account:
    """What the PBX says of one recording: ``size`` in bytes by its list, ``said_size`` by the call record, ``seconds`` of sound."""

    size: int | None = None
    said_size: int | None = None
    seconds: float | None = None

    def learn(self, said_size: int | None, seconds: float | None) -> None:
        """Take in what another call record says; the larger stays."""
        self.said_size = max((value for value in (self.said_size, said_size) if value is not None), default=None)
        self.seconds = max((value for value in (self.seconds, seconds) if value is not None), default=None)


def too_short(account: Account, source_size: int, frames: int | None, seconds: float | None) -> str | None:
    """One clause that says by how much too little is held; None where nothing speaks against it.

    ``source_size``: bytes as they came; ``frames`` and ``seconds`` of the sound in them, None where it could not be decoded.
    """
    size = account.size if account.size is not None else account.said_size
    decoded = _RIFF_HEADER + frames * _BYTES_A_FRAME if frames is not None else 0  # what came may be packed more tightly than it lies there
    if size is not None and size > 0:
        held = max(source_size, decoded)
        return f"{held} bytes of {size} are held" if held + SIZE_SLACK < size else None
    if account.seconds is None or seconds is None or seconds >= account.seconds * (1 - _SHARE) - _SECONDS:
        return None
    return f"{seconds:.0f} s of sound are held, and the call's record says {account.seconds:.0f} s"
