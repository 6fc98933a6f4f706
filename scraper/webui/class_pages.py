"""Queue and conference recordings have pages of their own, at routes that no source documents (field guide 1, Recordings page).

They are looked for in the sidebar by what their entries are called, and known by what they themselves ask the PBX for.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from scraper.errors import PageNotAsExpected, SessionEnded
from scraper.models import RecordingClass
from scraper.webui import sidebar
from scraper.webui.recordings_page import RecordingsPage
from scraper.webui.session import Showing, app_or_sign_in, showing
from scraper.webui.wire import Answer, parameters_of

if TYPE_CHECKING:
    from playwright.async_api import Request

#: How long a page may take to ask for its list, in seconds.
_LIST_SECONDS = 10.0

#: An entry's label or route names the class and that it is about recordings.
_CLASSES = {
    RecordingClass.QUEUE: re.compile(r"queue|warteschlange|队列|隊列|\bcolas?\b|attente|fila", re.IGNORECASE),
    RecordingClass.MEETME: re.compile(r"meetme|conf[eé]renc|konferenz|meeting|会议|會議", re.IGNORECASE),
}
_RECORDINGS = re.compile(r"record|aufnahm|aufzeichn|录音|錄音|grabaci|enregistr|grava", re.IGNORECASE)
#: The same in the ``type`` of a page's own listFile.
_TYPES = {RecordingClass.QUEUE: re.compile("queue"), RecordingClass.MEETME: re.compile("meetme|conf|meeting")}


@dataclass(frozen=True, slots=True)
class ClassPage:
    """The page of a class, open, and the sidebar's entry that led to it."""

    page: RecordingsPage
    entry: sidebar.Entry


async def open_class(page: RecordingsPage, klass: RecordingClass, known: sidebar.Entry | None = None) -> ClassPage | None:
    """The page of queue or conference recordings, in the same tab as ``page`` (left by that); None where the web UI shows none.

    The entry ``known`` from before is tried first: reading the whole sidebar takes a second or more. Raises :class:`SessionEnded`, and
    :class:`PageNotAsExpected` where its page does not come up, or what may lead to it does not open: then nobody knows what it lists.
    """
    if known:
        with suppress(PageNotAsExpected):  # whether it is there still, the sidebar tells
            if first := await _open(page, known, klass):
                return _as_class_page(page, known, first)
    failure = None
    await _see_that_it_is_there(page)
    shown = await sidebar.read(page.page)
    for entry in shown.entries:
        name = f"{entry.label} {entry.route}"
        if _CLASSES[klass].search(name) and _RECORDINGS.search(name):
            try:
                if first := await _open(page, entry, klass):
                    return _as_class_page(page, entry, first)
            except PageNotAsExpected as error:
                failure = error
    if failure is not None:
        raise failure
    if shown.unopened:
        raise PageNotAsExpected(f"The sidebar's menu {shown.unopened[0]!r} did not open.")
    await _see_that_it_is_there(page)
    return None


async def _see_that_it_is_there(page: RecordingsPage) -> None:
    """A sidebar without a page tells that there is none only while the app shows, and not its sign-in or nothing at all."""
    found = await app_or_sign_in(page.page, page.labels.download_all_button, page.patience.answer)
    if found in (Showing.SIGN_IN, Showing.CAPTCHA):
        raise SessionEnded
    if found is None:
        raise PageNotAsExpected("The web UI was gone before its sidebar was read.")


def _as_class_page(page: RecordingsPage, entry: sidebar.Entry, first: Answer) -> ClassPage:
    found = RecordingsPage(page.page, page.wire, page.guard, page.labels, page.patience)
    found.kind, found.first = first.parameters["type"], first
    return ClassPage(found, entry)


async def _open(page: RecordingsPage, entry: sidebar.Entry, klass: RecordingClass) -> Answer | None:
    """Open an entry; the listing with which its page comes up, None where it lists no recordings of this class."""
    before, asked = page.page.url, asyncio.Event()

    def notice(request: Request) -> None:
        if _lists(parameters_of(request), klass):
            asked.set()

    page.page.on("request", notice)
    listing = page.wire.next(lambda answer: answer.says_session_ended or _lists(answer.parameters, klass))
    try:
        if not await sidebar.open_page(page.page, entry.route, (entry.label,), ()):
            raise PageNotAsExpected(f"The entry of {klass.value} recordings is in the sidebar no more.")
        first = await asyncio.wait_for(listing, min(_LIST_SECONDS, page.patience.answer))
        if first.session_ended:
            raise SessionEnded
        shown = await showing(page.page, page.labels.download_all_button, page.patience.answer)
        if shown is not Showing.WANTED and first.field("total_item") != 0:
            raise PageNotAsExpected(f"The page of {klass.value} recordings came up without its Download All button.")
        return first if shown is Showing.WANTED else None
    except TimeoutError:
        if asked.is_set() or page.page.url == before:
            raise PageNotAsExpected(f"The page of {klass.value} recordings did not come up.") from None
        logger.bind(action="not-a-class-page").debug("A page that is called like one of {} recordings lists none", klass)
        return None
    finally:
        listing.cancel()
        page.page.remove_listener("request", notice)


def _lists(parameters: dict[str, str], klass: RecordingClass) -> bool:
    """Whether a request lists recordings of this class."""
    return parameters.get("action") == "listFile" and _TYPES[klass].search(parameters.get("type", "")) is not None
