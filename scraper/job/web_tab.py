"""A tab of the browser, and which page of recordings it shows: ordinary ones, or those of a class that has a page of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from loguru import logger

from scraper.errors import NotListed, PageNotAsExpected
from scraper.models import RecordingClass, Window
from scraper.webui.class_pages import open_class
from scraper.webui.recordings_page import RecordingsPage
from scraper.webui.sidebar import Entry


class Tab:
    """One tab. ``recordings`` opens the Recordings page in it; ``entries``, shared by all tabs, are the sidebar's of the class pages.

    ``window``: what its pages are to list, where they have a date filter; ``filtered``: those that do. An open window is asked for only
    where a page comes up with less.
    """

    def __init__(self, recordings: Callable[[], Awaitable[RecordingsPage]], entries: dict[RecordingClass, Entry]) -> None:
        self._recordings = recordings
        self._entries = entries
        self._shown: tuple[RecordingClass, RecordingsPage] | None = None
        self.window = Window()
        self.filtered: set[RecordingClass] = set()
        self._unsettable: set[RecordingClass] = set()

    def forget(self) -> None:
        """What it shows, or waits for, is not known any more."""
        self._shown = None

    async def page(self, klass: RecordingClass) -> RecordingsPage:
        """The page of a class, opened where it doesn't show. Raises :class:`NotListed` where there is none, and what opening it raises."""
        if self._shown is None or self._shown[0] is not klass:
            page = await self._open(klass)
            wanted = klass not in self._unsettable and (self.window != Window() or page.is_narrowed)
            if wanted and not await self._filter(klass, page):
                page = await self._open(klass)
            self._shown = klass, page
        return self._shown[1]

    async def _open(self, klass: RecordingClass) -> RecordingsPage:
        if klass is RecordingClass.MONITOR:
            return await self._recordings()
        page = self._shown[1] if self._shown else await self._recordings()
        self._shown = None
        found = await open_class(page, klass, self._entries.get(klass))
        if found is None:
            raise NotListed(f"The web UI shows no page of {klass.value} recordings.")
        self._entries[klass] = found.entry
        return found.page

    async def _filter(self, klass: RecordingClass, page: RecordingsPage) -> bool:
        """Let a page list the window only, where it has a date filter; False where what it lists now is not known."""
        self.filtered.discard(klass)
        try:
            if await page.set_window(self.window):
                self.filtered.add(klass)
        except PageNotAsExpected as error:
            logger.bind(action="not-filtered", page=klass.value).info("A page's date filter can't be used: {}", error.message)
            self._unsettable.add(klass)
            self._shown = None
            return False
        return True
