"""What a sink is to the outbox: something that takes one delivery at a time, or says why not."""

from __future__ import annotations

from typing import Protocol

from scraper.handover.subject import Farewell, Subject


class Undelivered(Exception):
    """An attempt failed. The message is one sentence, without secrets and numbers.

    ``again_in``: seconds that the sink asked for. ``lasting``: another attempt would fail alike. ``unwell``: the sink is to blame, not
    this delivery, so that others would fail as well. ``free``: nothing was done for it, so that it can't have cost anything.
    """

    def __init__(
        self, message: str, *, again_in: float | None = None, lasting: bool = False, unwell: bool = False, free: bool = False
    ) -> None:
        super().__init__(message)
        self.again_in = again_in
        self.lasting = lasting
        self.unwell = unwell
        self.free = free


class NotNow(Exception):
    """It was not tried: to be asked again in so many seconds. ``all_rest``: nor need others be tried before."""

    def __init__(self, message: str, seconds: float, *, all_rest: bool = False) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.all_rest = all_rest


class Sink(Protocol):
    """Used in one event loop, several deliveries at a time; cancelled when one takes too long. It never blocks the loop."""

    async def deliver(self, subject: Subject | Farewell) -> str:
        """Hand it over, a farewell only to whom asked for these; returns a note, or ''.

        Raises :class:`Undelivered`, :class:`NotNow`, :class:`~scraper.errors.StorageError`.
        """

    async def close(self) -> None:
        """Close what is open."""
