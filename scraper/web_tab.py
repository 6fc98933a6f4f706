"""A tab of the browser, and which page of recordings it shows: ordinary ones, or those of a class that has a page of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from scraper.errors import NotListed
from scraper.models import RecordingClass
from scraper.webui.class_pages import open_class
from scraper.webui.recordings_page import RecordingsPage
from scraper.webui.sidebar import Entry


class Tab:
    """One tab. ``recordings`` opens the Recordings page in it; ``entries``, shared by all tabs, are the sidebar's of the class pages."""

    def __init__(self, recordings: Callable[[], Awaitable[RecordingsPage]], entries: dict[RecordingClass, Entry]) -> None:
        self._recordings = recordings
        self._entries = entries
        self._shown: tuple[RecordingClass, RecordingsPage] | None = None

    def forget(self) -> None:
        """What it shows, or waits for, is not known any more."""
        self._shown = None

    async def page(self, klass: RecordingClass) -> RecordingsPage:
        """The page of a class, opened where it doesn't show. Raises :class:`NotListed` where there is none, and what opening it raises."""
        if self._shown is None or self._shown[0] is not klass:
            page = self._shown[1] if self._shown and klass is not RecordingClass.MONITOR else await self._recordings()
            if klass is not RecordingClass.MONITOR:
                self._shown = None
                found = await open_class(page, klass, self._entries.get(klass))
                if found is None:
                    raise NotListed(f"The web UI shows no page of {klass.value} recordings.")
                page, self._entries[klass] = found.page, found.entry
            self._shown = klass, page
        return self._shown[1]
