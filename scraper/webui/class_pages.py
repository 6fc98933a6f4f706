"""Queue and conference recordings have pages of their own, at routes that no source documents (field guide 1, Recordings page).

They are looked for in the sidebar by what their entries are called, and known by what they themselves ask the PBX for.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from loguru import logger

from scraper.errors import SessionEnded
from scraper.models import RecordingClass
from scraper.webui import sidebar
from scraper.webui.recordings_page import RecordingsPage
from scraper.webui.session import Showing, showing
from scraper.webui.wire import Answer

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

    The entry ``known`` from before is tried first: reading the whole sidebar takes a second or more. Raises :class:`SessionEnded`.
    """
    if known and (first := await _open(page, known, klass)):
        return _as_class_page(page, known, first)
    for entry in await sidebar.entries(page.page):
        name = f"{entry.label} {entry.route}"
        if _CLASSES[klass].search(name) and _RECORDINGS.search(name) and (first := await _open(page, entry, klass)):
            return _as_class_page(page, entry, first)
    return None


def _as_class_page(page: RecordingsPage, entry: sidebar.Entry, first: Answer) -> ClassPage:
    found = RecordingsPage(page.page, page.wire, page.guard, page.labels, page.patience)
    found.kind, found.first = first.parameters["type"], first
    return ClassPage(found, entry)


async def _open(page: RecordingsPage, entry: sidebar.Entry, klass: RecordingClass) -> Answer | None:
    """Open an entry; the listing with which its page comes up, None where it lists no recordings of this class."""
    listing = page.wire.next(lambda answer: answer.session_ended or _is_listing_of(answer, klass))
    try:
        if not await sidebar.open_page(page.page, entry.route, (entry.label,), ()):
            return None
        first = await asyncio.wait_for(listing, min(_LIST_SECONDS, page.patience.answer))
        if first.session_ended:
            raise SessionEnded
        shown = await showing(page.page, page.labels.download_all_button, page.patience.answer)
        return first if shown is Showing.WANTED else None
    except TimeoutError:
        logger.bind(action="not-a-class-page").debug("A page that is called like one of {} recordings lists none", klass)
        return None
    finally:
        listing.cancel()


def _is_listing_of(answer: Answer, klass: RecordingClass) -> bool:
    return answer.action == "listFile" and _TYPES[klass].search(answer.parameters.get("type", "")) is not None
