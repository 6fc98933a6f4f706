"""What was made of a recording: its transcript and summary. Reading it is noted in the audit log, as listening is."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of
from scraper.admin.api import RowId, api_router
from scraper.admin.pages import audit, page_router, render
from scraper.catalog import Recording, Transcript
from scraper.errors import StorageError
from scraper.store import reading_store
from scraper.threads import in_thread

router = page_router("/recordings")
api = api_router("recordings")


class TranscriptItem(BaseModel):
    """A text made of a recording. ``kind``: text (all that was said), summary or json (the service's own answer); ``made_at``: UTC."""

    kind: str
    made_at: str
    text: str


class TranscriptList(BaseModel):
    """All that was made of it."""

    items: list[TranscriptItem]


@api.get("/{id}/transcripts", response_model=TranscriptList)
async def transcripts(request: Request, id: RowId) -> TranscriptList:
    """What was made of a recording; noted in the audit log."""
    return TranscriptList(items=(await _read(request, id))[1])


@router.get("/{id}/transcript")
async def transcript_page(request: Request, id: RowId) -> Response:
    """The texts, to be read."""
    recording, items = await _read(request, id)
    return await in_thread(render, request, "transcript.html", recording=recording, items=[one for one in items if one.kind != "json"])


async def _read(request: Request, id: int) -> tuple[Recording, list[TranscriptItem]]:
    service = service_of(request)
    hit = await in_thread(service.catalog.recording, id)
    if hit is None:
        raise HTTPException(404, "There is no such recording.")
    found = await in_thread(service.catalog.transcripts_of, id)
    if found:
        identity = hit.recording.identity
        await audit(request, "transcript-read", identity.ucm, identity.path)
    return hit.recording, await in_thread(_texts, request, found)


def _texts(request: Request, found: list[Transcript]) -> list[TranscriptItem]:
    store = reading_store(service_of(request).settings.store)
    items = []
    for one in found:
        try:
            with store.open(one.path) as file:
                items.append(TranscriptItem(kind=one.kind, made_at=one.made_at, text=file.read().decode("utf-8", "replace")))
        except OSError as error:
            raise StorageError("A transcript's file in the store can't be read.") from error
    return items
