"""One sink's deliveries, some at a time: taken, tried, and entered as delivered, to be tried again, or parked."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from loguru import logger

from scraper.catalog import Catalog, Delivery
from scraper.coroutines import end
from scraper.errors import ScraperError
from scraper.handover.interface import NotNow, Sink, Undelivered
from scraper.handover.subject import Farewell, Subject
from scraper.log import as_ours
from scraper.settings.sinks import Sink as SinkSettings
from scraper.threads import in_thread

#: How often a lane looks where nothing told it that there is something, in seconds.
LOOK_SECONDS = 2.0
#: Beyond its time limit a delivery is somebody's for so long, in seconds: to build it, and to enter what became of it.
MARGIN_SECONDS = 10.0
#: A sink that failed so often in a row, and is to blame, rests: a second, then twice as long each time, up to a minute.
_FAILURES, _LONGEST_REST = 5, 60.0
_LONGEST_RETRY = 3600.0
#: How long a delivery waits for what it is about: the run that brought the recording is still at work.
_NOT_READY_SECONDS = 60.0
#: How long what was delivered is remembered, and how often it is looked for what is older.
_KEPT_DAYS, _PRUNE_SECONDS = 30.0, 3600.0


class Until(Enum):
    """When to end."""

    STOPPED = auto()
    NOTHING_DUE = auto()
    NOTHING_OWED = auto()


@dataclass(slots=True)
class Lane:
    """The way to one sink. ``subject_of`` builds what is delivered (it blocks); ``tell`` is called when others' may have become due.

    ``news``: to be set when there may be something to deliver.
    """

    name: str
    settings: SinkSettings
    sink: Sink
    catalog: Catalog
    subject_of: Callable[[Delivery], Subject | Farewell | None]
    tell: Callable[[], None]
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: int = 0
    _rests_until: float = 0.0
    _pruned_at: float = float("-inf")

    async def run(self, until: Until) -> None:
        """Deliver until cancelled, or there is nothing more to do; then what is in hand is given back.

        Raises the catalog's :class:`~scraper.errors.StorageError`.
        """
        out: set[asyncio.Task[None]] = set()
        try:
            while True:
                self.news.clear()
                resting = self._rests_until > time.monotonic()
                free = 0 if resting else self.settings.parallel - len(out)
                claimed = await self._claim(free) if free else []
                out |= {asyncio.create_task(self._hand_over(delivery)) for delivery in claimed}
                if out:
                    # Where all hands are full only an end is news.
                    done, out = await asyncio.wait(out, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                elif await self._is_done(until):
                    return
                else:
                    await self._pause()
        finally:
            await end(*out)

    async def has_due(self) -> bool:
        """Whether something is due, and the sink well enough to be given it."""
        return self._rests_until <= time.monotonic() and await in_thread(self.catalog.seconds_to_next, self.name) == 0

    async def _claim(self, free: int) -> list[Delivery]:
        """A look is cheap, and taking is not: it makes the catalog's other writers wait."""
        if await in_thread(self.catalog.seconds_to_next, self.name) != 0:
            return []
        return await in_thread(self.catalog.claim, self.name, free, self.settings.seconds + MARGIN_SECONDS)

    async def _is_done(self, until: Until) -> bool:
        if until is Until.NOTHING_DUE:
            return not await self.has_due()
        return until is Until.NOTHING_OWED and await in_thread(self.catalog.seconds_to_next, None) is None

    async def _pause(self) -> None:
        """Until there may be something to do; while resting, that long."""
        if time.monotonic() - self._pruned_at > _PRUNE_SECONDS:
            self._pruned_at = time.monotonic()
            while await in_thread(self.catalog.prune_deliveries, self.name, _KEPT_DAYS):
                pass
        rest = self._rests_until - time.monotonic()
        if rest > 0:
            await asyncio.sleep(min(rest, LOOK_SECONDS))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self.news.wait()

    async def _hand_over(self, delivery: Delivery) -> None:
        """Try one, and enter what became of it."""
        try:
            note = await self._try(delivery)
        except NotNow as error:
            if error.all_rest:
                self._rests_until = time.monotonic() + min(error.seconds, _LONGEST_REST)
            await in_thread(self.catalog.give_back, delivery, str(error), error.seconds)
        except Undelivered as error:
            await self._failed(delivery, error)
        except asyncio.CancelledError:
            await in_thread(self.catalog.give_back, delivery, delivery.detail)
            raise
        else:
            self._failures = 0
            await in_thread(self.catalog.delivered, delivery, note)
        self.tell()

    async def _try(self, delivery: Delivery) -> str:
        try:
            subject = await in_thread(self.subject_of, delivery)
            if subject is None:
                raise NotNow("The run that brought the recording is still at work.", _NOT_READY_SECONDS)
            async with asyncio.timeout(self.settings.seconds):
                return await self.sink.deliver(subject)
        except TimeoutError as error:
            raise Undelivered(f"It took longer than {self.settings.seconds:g} s.", unwell=True) from error
        except (Undelivered, NotNow):
            raise
        except ScraperError as error:
            raise Undelivered(error.message) from error
        except Exception as error:
            raise Undelivered(as_ours(error).message) from error

    async def _failed(self, delivery: Delivery, error: Undelivered) -> None:
        attempt = delivery.attempts + 1
        parked = error.lasting or attempt >= self.settings.attempts
        again_in = None if parked else max(error.again_in or 0.0, self._distance(attempt))
        if error.unwell:
            self._failures += 1
            rest = 2.0 ** min(self._failures - _FAILURES, 10) if self._failures >= _FAILURES else 0.0
            self._rests_until = time.monotonic() + min(max(rest, error.again_in or 0.0), _LONGEST_REST)
        await in_thread(self.catalog.failed, delivery, str(error), again_in)
        log = logger.bind(action="delivery-parked" if parked else "delivery-failed", sink=self.name, delivery=delivery.id, attempt=attempt)
        (log.warning if parked else log.info)("A delivery failed{}: {}", ", and is parked" if parked else "", error)

    def _distance(self, attempt: int) -> float:
        """From this attempt to the next, in seconds; never quite the same, so that many don't come at once."""
        seconds = min(self.settings.retry_seconds * 2.0 ** min(attempt - 1, 30), _LONGEST_RETRY)
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 -- no secret
