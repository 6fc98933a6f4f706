"""Tells people, through Apprise: mail, chat, push. A target that hangs or fails delays nobody else, and its URL is never logged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from scraper.log import logger, mask, scrub
from scraper.service.deadline import Errand
from scraper.settings.serving import Notify

#: How long all targets together may take, in seconds.
DEADLINE = 20.0


class Tone(StrEnum):
    """How a message is shown where colours and icons are."""

    BAD = "failure"
    WARNING = "warning"
    GOOD = "success"


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody should know: ``title`` in a few words; what, since when, and what now in ``lines``."""

    title: str
    lines: tuple[str, ...]
    tone: Tone = Tone.WARNING

    @property
    def body(self) -> str:
        """The lines as text."""
        return "\n".join(self.lines)


@dataclass(slots=True)
class Told:
    """How many messages reached a target, and how many did not; since this process began."""

    sent: int = 0
    failed: int = 0


class Notifier:
    """All configured targets. Used by one thread at a time."""

    def __init__(self, settings: Notify, deadline: float = DEADLINE) -> None:
        self._urls = [url.get_secret_value() for url in settings.urls]
        self._deadline = deadline
        self._out: dict[int, Errand[bool]] = {}
        self._one = threading.Lock()
        self._is_closed = False
        self.counts = Told()

    @property
    def is_configured(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._urls)

    def tell(self, message: Message) -> bool:
        """Send to every target at once; whether it reached at least one. Blocks until the deadline at most; never raises.

        A target at which an earlier message still hangs is left out.
        """
        with self._one:
            until = time.monotonic() + self._deadline
            free = [number for number in range(len(self._urls)) if number not in self._out or not self._out[number].is_out]
            for number in free:
                self._out[number] = Errand(partial(_send, self._urls[number], message), otherwise=False)
            if self._is_closed:
                self.close()
            reached = [number in free and self._out[number].answer(until - time.monotonic()) for number in range(len(self._urls))]
        self._count(reached)
        return any(reached)

    def close(self) -> None:
        """Wait for no target any more; from any thread."""
        self._is_closed = True
        for errand in tuple(self._out.values()):
            errand.leave()

    def _count(self, reached: Sequence[bool]) -> None:
        for number, arrived in enumerate(reached, 1):
            self.counts.sent += arrived
            self.counts.failed += not arrived
            if not arrived:
                logger.bind(action="notify-failed").warning(
                    "Target {} of {} in notify.urls could not be told; `ucm-scraper notify` tries them all", number, len(reached)
                )


def _send(url: str, message: Message) -> bool:
    import apprise  # here: it takes a quarter of a second

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines hold parts of URLs
    targets = apprise.Apprise()
    if not targets.add(url):
        return False
    # What a PBX or a gap said goes to other people's servers: no secret and no number goes with it.
    title, body = mask(scrub(message.title)), mask(scrub(message.body))
    return bool(targets.notify(title=title, body=body, notify_type=message.tone.value, body_format="text"))
