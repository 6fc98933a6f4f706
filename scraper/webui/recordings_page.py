"""The Recordings page (``/cdr/recordingFile``): what it lists, and its *Download All* (field guide 1, Recordings page).

Queue and conference recordings have pages of their own that work alike: :class:`RecordingsPage` serves them all, told apart by the ``type``
that they ask the PBX for.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.errors import PackFailed, PageNotAsExpected, SessionEnded
from scraper.models import Window
from scraper.webui import dates, dom
from scraper.webui.browser import as_browser_failure
from scraper.webui.downloads import Ask, Downloads, pack_trouble
from scraper.webui.follow import GrowingDownload
from scraper.webui.guard import Guard
from scraper.webui.paging import Pager
from scraper.webui.wire import Answer, Wire

if TYPE_CHECKING:
    from playwright.async_api import Page

ROUTE = "/cdr/recordingFile"
#: ``type`` of ordinary recordings in the page's requests.
ORDINARY = "voice_recording"


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels beyond the English ones, from the configuration: the UI's language decides them; classes and routes it does not."""

    download_all: tuple[str, ...] = ()
    download: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    cdr: tuple[str, ...] = ()
    download_records: tuple[str, ...] = ()
    download_found: tuple[str, ...] = ()
    display_filter: tuple[str, ...] = ()
    filter: tuple[str, ...] = ()

    @property
    def download_all_button(self) -> dom.Button:
        """*Download All*; older firmware says "Download all …"."""
        return dom.Button(self.download_all, pattern=r"^download all\b")

    @property
    def download_button(self) -> dom.Button:
        """*Download*, of the ticked rows; older firmware says "Batch download"."""
        return dom.Button(("Download", "Batch download", *self.download))

    @property
    def filter_button(self) -> dom.Button:
        """A date filter's own button."""
        return dom.Button(("Filter", "Search", *self.filter))

    @property
    def modal_button(self) -> dom.Button:
        """The packing modal's own *Download*."""
        return dom.Button(("Download", *self.download), scope=dom.MODAL, outside="")


@dataclass(frozen=True, slots=True)
class Patience:
    """Deadlines in seconds: for an answer of the page, for the PBX's packing, and for a download that brings nothing more."""

    answer: float = 30.0
    pack: float = 3600.0
    stall: float = 120.0


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the PBX's own list: its name for the file (``2026-02/auto-….wav`` or bare), its local time text, its size in bytes."""

    name: str
    time: str
    size: int | None


#: Told the rows read so far, whether they come newest first, and the PBX's total at first: whether the rest is known already.
Enough = Callable[[list[Listed], bool, int | None], bool]


def is_listing(answer: Answer, kind: str = ORDINARY) -> bool:
    """Whether this is a page's own list of recordings of this ``kind`` (the request's ``type``)."""
    return answer.action == "listFile" and answer.parameters.get("type", ORDINARY) == kind


def listed(answer: Answer) -> list[Listed]:
    """The rows of a listing's answer; rows without a name are left out."""
    rows = answer.response.get(answer.parameters.get("type", ORDINARY)) if isinstance(answer.response, dict) else None
    rows = rows if isinstance(rows, list) else []
    found = []
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("n"), str) and row["n"]:
            size = str(row.get("s", ""))
            found.append(Listed(row["n"], str(row.get("d", "")), int(size) if size.isdigit() else None))
    return found


class RecordingsPage:
    """A page of recordings, open and signed in. ``total`` is what the PBX says it holds; None where it doesn't say.

    After a failed pack, get the page anew: what the old one still shows or waits for is not known.
    """

    def __init__(self, page: Page, wire: Wire, guard: Guard, labels: Labels, patience: Patience) -> None:
        self.page = page
        self.wire = wire
        self.guard = guard
        self.labels = labels
        self.patience = patience
        self.kind = ORDINARY
        self.downloads = Downloads(page, wire, guard, labels.modal_button, patience.stall)
        self.pager = Pager(page, wire, lambda answer: is_listing(answer, self.kind), patience.answer)
        self._first: Answer | None = None
        self._bounds: dates.Bounds | None = None

    @property
    def first(self) -> Answer | None:
        """The answer with which the list came up, or was filtered anew."""
        return self._first

    @first.setter
    def first(self, answer: Answer | None) -> None:
        self._first = self.pager.latest = answer

    @property
    def total(self) -> int | None:
        """``total_item`` of the page's own listing."""
        return self.first.field("total_item") if self.first else None

    @property
    def is_narrowed(self) -> bool:
        """Whether the list begins with a day that the page chose by itself: it may come up, or be drawn anew, with the last ones only."""
        asked = self.pager.latest.parameters if self.pager.latest else {}
        return dates.have_beginning(asked) and not (self._bounds and self._bounds.are_in(asked))

    @property
    def names_months(self) -> bool:
        """Whether the list writes a recording's month before its name."""
        return self.first is None or any("/" in row.name for row in listed(self.first))

    async def set_window(self, window: Window) -> bool:
        """Set the page's date filter to call times of ``window``, all of them where it is open; False where this build has no date filter.

        ``total`` and :meth:`listing` are the window's then; *Download All* may still cover everything. Raises :class:`SessionEnded`, and
        :class:`PageNotAsExpected` where the filter can't be set: what the page lists then is not known.
        """
        if not await dates.has_range(self.page):
            return False
        bounds = dates.Bounds.of(window)
        asked = self.wire.next(lambda answer: is_listing(answer, self.kind) and bounds.are_in(answer.parameters))
        answer = await dates.apply(self.page, bounds, self.labels.filter_button, asked, self.patience.answer)
        if answer.session_ended:
            raise SessionEnded
        self.pager.show(answer)
        self.first, self._bounds = answer, bounds
        return True

    @asynccontextmanager
    async def download_all(self, folder: Path) -> AsyncIterator[GrowingDownload]:
        """Have everything packed and give the archive as it arrives in ``folder`` (empty, where the browser puts its downloads).

        Raises :class:`SessionEnded`, :class:`PackFailed`, :class:`~scraper.errors.DownloadFailed`, :class:`PageNotAsExpected`,
        :class:`~scraper.errors.SafetyStop`.
        """
        async with self.downloads.get(self.packing(self._press_download_all), folder) as stream:
            yield stream

    def packing(self, press: Callable[[], Awaitable[None]]) -> Ask:
        """A request for an archive, asked for by ``press``, within the packing's deadline."""
        late = PackFailed(
            f"The PBX did not finish packing within {self.patience.pack:.0f} s.",
            remedy="Look at the screenshot: if a ready button waits there under another label, put it into `web.labels.download`; "
            "else check the PBX's free storage.",
        )
        return Ask(press, pack_trouble, self.patience.pack, late)

    async def _press_download_all(self) -> None:
        done = await dom.click(self.page, self.labels.download_all_button)
        if done is not dom.Click.DONE:
            names = ", ".join(repr(name) for name in await dom.button_names(self.page)) or "none"
            raise PageNotAsExpected(
                f"The Recordings page's Download All button is {done}; its buttons are: {names}.",
                remedy="If the web UI speaks another language, put its label into `web.labels.download_all`.",
            )

    async def listing(self, enough: Enough | None = None) -> tuple[list[Listed], bool]:
        """The list, from the page's own answers while paging at the largest page size, and whether it is as long as the PBX said at first.

        Ends when the pages end, repeat, or answer no more, or when ``enough`` says so: then it counts as whole. It doesn't where
        recordings were deleted meanwhile. Raises :class:`SessionEnded`, :class:`~scraper.errors.BrowserFailed`.
        """
        with as_browser_failure():
            return await self._read_list(enough or (lambda rows, newest_first, total: False))

    async def _read_list(self, enough: Enough) -> tuple[list[Listed], bool]:
        rows: dict[tuple[str, str], Listed] = {}
        totals: list[int] = []
        rest_is_known = False
        try:
            if self.pager.latest is None or len(listed(self.pager.latest)) != self.pager.latest.field("total_item"):
                await self.pager.enlarge()
            turned = await self.pager.go(1)
            while turned and (answer := self.pager.latest) is not None:
                if answer.session_ended:
                    raise SessionEnded("The PBX ended the web session while its list was read.")
                before, total = len(rows), answer.field("total_item")
                rows |= {(row.name, row.time): row for row in listed(answer)}
                totals += [] if total is None else [total]
                newest_first = (answer.parameters.get("sidx"), answer.parameters.get("sord")) == ("d", "desc")
                rest_is_known = enough(list(rows.values()), newest_first, totals[0] if totals else None)
                if rest_is_known or len(rows) == before or (total is not None and len(rows) >= total):
                    break
                turned = await self.pager.next()
        except TimeoutError:
            return list(rows.values()), False
        # A deletion moves rows up: one may have slipped by, onto the page just read, and the smaller total would fit all the same.
        # A new call moves rows down: one is shown twice, none slips by; on a busy PBX no list could be read otherwise.
        only_grew = totals == sorted(totals)
        return list(rows.values()), only_grew and (rest_is_known or len(rows) >= min(totals, default=math.inf))
