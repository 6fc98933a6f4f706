"""The CDR page (``/cdr/cdr``): the table of calls as a file, all of it or a window's (field guide 1, CDR page). No audio here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from converters.sniff import sniff
from scraper.errors import DownloadFailed, PageNotAsExpected, SessionEnded
from scraper.models import Window
from scraper.webui import dates, dom, sidebar
from scraper.webui.downloads import Ask, Downloads, file_trouble, refusal
from scraper.webui.follow import GrowingDownload
from scraper.webui.recordings_page import RecordingsPage
from scraper.webui.session import Showing, address, go, showing
from scraper.webui.wire import Answer

ROUTE = "/cdr/cdr"

_BLOCK = 1 << 16
_HEAD_BYTES = 4096
_MAKING = ("reloadCDRRecordFile", "CreateCdrRecord")
_DOWNLOADING = ("downloadFile", "downloadCdrRecord")
_ENABLED = dom.script("const found = find(want); return found.length === 1 && !off(found[0]);")


async def open_calls(page: RecordingsPage) -> CdrPage:
    """The CDR page in the same tab as ``page`` (left by that). Raises :class:`SessionEnded`, :class:`PageNotAsExpected`."""
    calls = CdrPage(page)
    seconds = page.patience.answer
    if await sidebar.open_page(page.page, ROUTE, ("CDR", *page.labels.cdr), ("CDR", *page.labels.cdr)):
        found = await showing(page.page, calls.all_button, seconds)
    else:
        parts = urlsplit(page.page.url)
        await go(page.page, address(f"{parts.scheme}://{parts.netloc}", ROUTE), seconds)
        found = await showing(page.page, calls.all_button, seconds)
    if found in (Showing.SIGN_IN, Showing.CAPTCHA):
        raise SessionEnded
    if found is not Showing.WANTED:
        raise PageNotAsExpected(
            f"Asked for {ROUTE}, its Download All Records button did not show.",
            remedy="If the web UI speaks another language, put the labels into `web.labels.cdr` and `web.labels.download_records`.",
        )
    return calls


class CdrPage:
    """The page, open and signed in; get it from :func:`open_calls`."""

    def __init__(self, page: RecordingsPage) -> None:
        self._page = page.page
        self._wire = page.wire
        self._labels = page.labels
        self._patience = page.patience
        self._downloads = Downloads(page.page, page.wire, page.guard, page.labels.modal_button, page.patience.stall)

    @property
    def all_button(self) -> dom.Button:
        """*Download All Records*."""
        return dom.Button(("Download All Records", *self._labels.download_records))

    @property
    def found_button(self) -> dom.Button:
        """*Download Search Result(s)*, disabled until a filter is set."""
        return dom.Button(("Download Search Result(s)", "Download Search Results", *self._labels.download_found))

    async def download_csv(self, folder: Path, target: Path, window: Window | None = None) -> Path:
        """Have the table of all calls, or of those that started in ``window``, written to ``target``; ``folder`` is the browser's.

        It is the page's own CSV (Master.csv, filtered Master_condition.csv), as the PBX wrote it. Raises :class:`DownloadFailed` (a web
        page, JSON or nothing came instead, too), :class:`SessionEnded`, :class:`PageNotAsExpected`, :class:`~scraper.errors.SafetyStop`.
        """
        bounds = dates.Bounds.of(window) if window and (window.since or window.until) else None
        if bounds:
            await self._filter(bounds)
        button = self.found_button if bounds else self.all_button

        def trouble(answer: Answer) -> Exception | None:
            return _trouble(answer, bounds)

        late = DownloadFailed(f"The PBX did not make the table of calls within {self._patience.pack:.0f} s.")
        ask = Ask(lambda: self._press(button), trouble, self._patience.pack, late)
        async with self._downloads.get(ask, folder) as stream:
            writing = asyncio.ensure_future(asyncio.to_thread(_write, stream, target))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                stream.ended("stopped")
                await asyncio.wait({writing})
                raise
        return target

    async def _filter(self, bounds: dates.Bounds) -> None:
        """Set the page's filter to these bounds, opening it where it is hidden."""
        if not await dates.has_range(self._page):
            display = dom.Button(("Display Filter", *self._labels.display_filter))
            await dom.click(self._page, display)
            if not await dates.has_range(self._page, self._patience.answer):
                raise PageNotAsExpected(
                    "The CDR page shows no date filter.",
                    remedy="If the web UI speaks another language, put the button's label into `web.labels.display_filter`.",
                )
        asked = self._wire.next(lambda answer: answer.action.startswith("list") and bounds.are_in(answer.parameters))
        answer = await dates.apply(self._page, bounds, self._labels.filter_button, asked, self._patience.answer)
        if answer.session_ended:
            raise SessionEnded
        await self._page.wait_for_function(_ENABLED, arg=self.found_button.as_argument(), timeout=self._patience.answer * 1000)

    async def _press(self, button: dom.Button) -> None:
        done = await dom.click(self._page, button)
        if done is not dom.Click.DONE:
            raise PageNotAsExpected(f"The CDR page's button {button.labels[0]!r} is {done}.")


def _trouble(answer: Answer, bounds: dates.Bounds | None) -> Exception | None:
    if answer.action in _MAKING and not answer.session_ended:
        if answer.http_status >= 400 or answer.status != 0:
            return refusal(answer) or DownloadFailed(
                f"The PBX could not make the table of calls (HTTP {answer.http_status}, status {answer.status})."
            )
        if bounds and not bounds.are_in(answer.parameters):
            return PageNotAsExpected("The page asked for the calls of another window than its filter shows.")
    return file_trouble(answer, _DOWNLOADING, _MAKING)


def _write(stream: GrowingDownload, target: Path) -> None:
    """Copy a table of calls, judged by its first bytes."""
    kind = sniff(stream.head(_HEAD_BYTES))
    if kind not in ("text", "unknown"):
        what = {"empty": "nothing", "html": "a web page", "json": "JSON"}.get(kind, f"a file of kind {kind}")
        raise DownloadFailed(f"The PBX sent {what} instead of its table of calls.", received=kind)
    with target.open("wb") as file:
        while block := stream.read(_BLOCK):
            file.write(block)
