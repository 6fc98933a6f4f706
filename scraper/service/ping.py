"""A dead-man's switch, such as healthchecks.io: it is told of each good run, and alarms when that stays away.

Told are start (``URL/start``), good (``URL``) and failed (``URL/fail``). A run that was stopped, or left something that a way is to blame
for, is neither good nor failed: the switch goes on waiting. Whatever happens to a ping is a line in the log, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from scraper.log import logger
from scraper.service.deadline import Errand
from scraper.service.health import Verdict, verdict
from scraper.settings.serving import Ping


class Pinger:
    """Sends pings, one after the other: none overtakes the one before it, and each ends with its deadline."""

    def __init__(self, settings: Ping) -> None:
        self._url = settings.url.get_secret_value() if settings.url else None
        self._seconds = settings.timeout_seconds
        self._last: Errand[bool] | None = None

    def started(self) -> None:
        """A run begins. Returns at once."""
        self._send("/start")

    def ended(self, how: Verdict) -> None:
        """A run ended so. Returns at once."""
        if how in (Verdict.GOOD, Verdict.FAILED):
            self._send("/fail" if how is Verdict.FAILED else "")

    def wait(self) -> None:
        """Wait until the last ping has been sent, or given up."""
        if self._last is not None:
            self._last.answer(2 * self._seconds)

    def _send(self, suffix: str) -> None:
        if self._url is None:
            return
        url, seconds, before = _with_suffix(self._url, suffix), self._seconds, self._last

        def work() -> bool:
            if before is not None:
                before.answer(seconds)
            return _get(url, seconds)

        self._last = Errand(work, otherwise=False)


def _get(url: str, seconds: float) -> bool:
    import httpx

    try:
        with httpx.stream("GET", url, timeout=seconds, follow_redirects=True) as answer:  # its body is left alone: it may have no end
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        logger.bind(action="ping-failed").warning("The dead-man's switch can't be reached ({})", type(error).__name__)
        return False
    if status >= 400:
        logger.bind(action="ping-failed").warning("The dead-man's switch answered {}", status)
    return status < 400


def _with_suffix(url: str, suffix: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix)) if suffix else url


@dataclass(slots=True)
class Watched:
    """What the ``jobs`` of one command came to."""

    jobs: int
    verdicts: list[Verdict] = field(default_factory=list)

    def note(self, report: Mapping[str, Any]) -> None:
        """One of them ended with this report, as its JSON object."""
        self.verdicts.append(verdict(report))

    @property
    def verdict(self) -> Verdict:
        """Of all: failed where one failed, good where each had its turn and was."""
        if Verdict.FAILED in self.verdicts:
            return Verdict.FAILED
        return Verdict.GOOD if self.verdicts == [Verdict.GOOD] * self.jobs else Verdict.OPEN


@contextmanager
def pinged(settings: Ping, jobs: int) -> Iterator[Watched]:
    """Tell the switch of the command that the block is; what the block raises goes on as it is, and is told as failed."""
    pinger, watched = Pinger(settings), Watched(jobs)
    pinger.started()
    how = Verdict.FAILED
    try:
        yield watched
        how = watched.verdict
    finally:
        pinger.ended(how)
        pinger.wait()
