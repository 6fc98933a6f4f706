"""What time it is: by this machine's clock, or by another that :func:`follow` was told of, where several machines must agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loguru import logger

#: Clocks that differ by less, in seconds, are left alone; by more than the other, somebody should know.
_NEAR, _FAR = 1.0, 60.0

_ahead = timedelta()


def utcnow() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC) + _ahead


def follow(seconds: float) -> None:
    """Go by a clock that is so many seconds ahead of this machine's (negative: behind), from now on."""
    global _ahead
    before, _ahead = _ahead, timedelta(seconds=seconds) if abs(seconds) > _NEAR else timedelta()
    if abs(seconds) > _FAR and abs(seconds - before.total_seconds()) > _FAR:
        side = "behind" if seconds > 0 else "ahead of"
        logger.bind(action="clock-off").warning("This machine's clock is {:.0f} s {} the database's, which counts", abs(seconds), side)
