"""Recordings: search, one in detail, its waveform, its sound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin import stored
from scraper.admin.access import service_of
from scraper.admin.api import Day, RowId, api_router
from scraper.admin.indexing import indexing_of
from scraper.admin.listening import Sittings, download, play
from scraper.admin.pages import page_router, render
from scraper.admin.stored import Condition, NotAsStored, condition_of, open_stored
from scraper.admin.waveform import NoWaveform, peaks
from scraper.catalog import Recording, StoredCall
from scraper.catalog.search import Hit, Page, Wish
from scraper.models import RecordingClass
from scraper.threads import in_thread

NAVIGATION = ("/recordings",)
router = page_router("/recordings")
api = api_router("recordings")

_PLAIN = r"^[^\x00-\x1f\x7f]*$"
_LONGEST_SECONDS = 1_000_000
_BYTES = {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in stored.MEDIA_TYPES}}
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {**_BYTES, "description": "The whole file."},
    206: {**_BYTES, "description": "A part of it."},
    304: {"description": "The asker has it already."},
    416: {"description": "The range lies beyond the file's end."},
}
Seconds = Annotated[float, Field(ge=0, le=_LONGEST_SECONDS, allow_inf_nan=False)]


class Wanted(BaseModel):
    """What to look for; every part may be missing."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    number: str = Field(
        default="", max_length=200, pattern=_PLAIN, description="How a number, or words of a name, begin or end, however they are grouped."
    )
    ucm: str | None = Field(default=None, max_length=100, pattern=_PLAIN, description="Only this UCM's.")
    klass: RecordingClass | None = Field(default=None, alias="class", description="Ordinary (monitor), queue or conference (meetme).")
    since: Day | None = Field(default=None, description="Calls from this day on, in the PBX's time.")
    until: Day | None = Field(default=None, description="Calls before this day.")
    shortest: Seconds | None = Field(default=None, description="At least so many seconds of sound.")
    longest: Seconds | None = Field(default=None, description="At most so many seconds of sound.")
    after: str | None = Field(default=None, max_length=60, pattern=_PLAIN, description="Go on there: `next` of the page before.")
    limit: int = Field(default=50, ge=1, le=200, description="How many at most.")

    def as_wish(self) -> Wish:
        """What the catalog is asked for."""
        return Wish(
            text=self.number,
            ucm=self.ucm,
            klass=self.klass,
            since=self.since,
            until=self.until,
            shortest=self.shortest,
            longest=self.longest,
        )


class RecordingItem(BaseModel):
    """An archived recording. ``at``: when it was made, PBX local, as far as it is known; ``people``: numbers and names of its call."""

    id: int
    ucm: str
    klass: RecordingClass = Field(serialization_alias="class")
    path: str
    at: str
    seconds: float | None
    size: int
    people: str

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """As it was found."""
        found, identity = hit.recording, hit.recording.identity
        return cls(
            id=found.id,
            ucm=identity.ucm,
            klass=identity.klass,
            path=identity.path,
            at=hit.at,
            seconds=hit.seconds,
            size=found.size,
            people=hit.words,
        )


class RecordingPage(BaseModel):
    """Some of what was found, the newest first. ``complete``: false while new recordings are still being made findable.

    ``looked_back_to``: where so little was found among so many that it stopped looking before the page was full; ``next`` goes on there.
    """

    items: list[RecordingItem]
    next: str | None
    looked_back_to: str | None
    complete: bool


class Leg(BaseModel):
    """One leg of a call. ``start`` is PBX local."""

    src: str
    dst: str
    answered_by: str
    caller_name: str
    start: str
    talk_seconds: int | None
    disposition: str

    @classmethod
    def of(cls, call: StoredCall) -> Self:
        """As it is kept."""
        return cls(**{name: getattr(call, name) for name in cls.model_fields})


class RecordingDetail(RecordingItem):
    """One recording with its calls, and whether its file is as it was stored."""

    calls: list[Leg]
    file: Condition
    format: str
    sha256: str
    wav_sha256: str | None
    stored_at: str
    source: str
    source_format: str
    layout: str | None
    confidence: str | None
    run_id: str

    @classmethod
    def of_all(cls, hit: Hit, calls: list[StoredCall], file: Condition) -> Self:
        """Everything that is known of it."""
        names = ("sha256", "wav_sha256", "stored_at", "source_format", "layout", "confidence", "run_id")
        plain = {name: getattr(hit.recording, name) for name in names} | {"source": hit.recording.source.value}
        plain["format"] = hit.recording.stored_as
        item = dict(RecordingItem.of(hit))
        return cls(**item, **plain, calls=[Leg.of(call) for call in calls], file=file)


class Waveform(BaseModel):
    """The loudest moment of each equal part of a recording, 0 to 100; ``seconds``: how long it is."""

    seconds: float | None
    peaks: list[int]


@api.get("", response_model=RecordingPage)
def search(request: Request, wanted: Annotated[Wanted, Query()]) -> RecordingPage:
    """Find archived recordings, the newest first."""
    found, complete = _search(request, wanted)
    items = [RecordingItem.of(hit) for hit in found.hits]
    return RecordingPage(items=items, next=found.more, looked_back_to=found.looked_back_to, complete=complete)


@api.get("/{id}", response_model=RecordingDetail)
def detail(request: Request, id: RowId) -> RecordingDetail:
    """One recording with its calls, and how its file is."""
    return _detail(request, id)


@api.get("/{id}/waveform", response_model=Waveform)
def waveform(request: Request, id: RowId) -> Waveform:
    """How loud a recording is along its time; 404 where its file is none of 16-bit WAV, FLAC and Ogg."""
    hit = _hit(request, id)
    try:
        found = open_stored(service_of(request).settings, hit.recording)
        with found.file as file:
            return Waveform(seconds=hit.seconds, peaks=peaks(file))
    except NoWaveform as error:
        raise HTTPException(404, "There is no waveform: the recording was stored as it came, or its file is damaged.") from error
    except OSError as error:
        raise NotAsStored("unreadable") from error


@api.head("/{id}/audio", include_in_schema=False)
@api.get("/{id}/audio", response_class=Response, responses=_SOUND)
async def audio(request: Request, id: RowId) -> Response:
    """The stored file for a player, whole or one range of it; noted in the audit log once a sitting."""
    return await play(request, await _recording(request, id), _sittings(request))


@api.head("/{id}/file", include_in_schema=False)
@api.get("/{id}/file", response_class=Response, responses=_SOUND)
async def file(request: Request, id: RowId) -> Response:
    """The stored file under its own name; noted in the audit log."""
    return await download(request, await _recording(request, id))


@router.get("")
def search_page(request: Request) -> Response:
    """The form, and what was found."""
    typed = {name: value for name, value in request.query_params.items() if name in _FIELDS}
    wanted, errors = _read({name: value.strip() for name, value in typed.items() if value.strip()})
    found, complete = (Page([], None), True) if errors else _search(request, wanted)
    return render(
        request,
        "recordings.html",
        422 if errors else 200,
        hits=[RecordingItem.of(hit) for hit in found.hits],
        older=request.url.include_query_params(after=found.more).query if found.more else None,
        looked_back_to=found.looked_back_to,
        complete=complete,
        errors=errors,
        typed=typed,
        ucm_choices=[("", "All"), *((name, name) for name in service_of(request).settings.ucms)],
    )


@router.get("/{id}/file")
async def file_page(request: Request, id: RowId) -> Response:
    """The stored file, to be saved."""
    return await download(request, await _recording(request, id))


@router.get("/{id}")
def detail_page(request: Request, id: RowId) -> Response:
    """One recording: its call, its waveform, its player."""
    found = _detail(request, id)
    catalog = service_of(request).catalog
    gap = catalog.gap_of(_hit(request, id).recording.identity)
    shown = {"transcribed": bool(catalog.transcripts_of(id)), "deliveries": catalog.deliveries_of(id)}
    return render(request, "recording.html", one=found, trouble=stored.trouble(found.file), gap=gap, handed=shown)


_FIELDS = frozenset(field.alias or name for name, field in Wanted.model_fields.items())


def _read(typed: dict[str, str]) -> tuple[Wanted, dict[str, str]]:
    """What a form asks for, or what is wrong with which of its fields."""
    try:
        wanted = Wanted.model_validate(typed)
    except ValidationError as error:
        return Wanted(), dict(_mistakes(error))
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        return wanted, {"until": "must lie after the first day: it is not included itself"}
    return wanted, {}


def _mistakes(error: ValidationError) -> Iterator[tuple[str, str]]:
    for one in error.errors(include_url=False, include_input=False):
        yield str(one["loc"][0]), one["msg"].removeprefix("Value error, ")


def _search(request: Request, wanted: Wanted) -> tuple[Page, bool]:
    service = service_of(request)
    complete = indexing_of(request).catch_up()
    return service.catalog.search(wanted.as_wish(), after=wanted.after, limit=wanted.limit), complete


def _detail(request: Request, id: int) -> RecordingDetail:
    hit, service = _hit(request, id), service_of(request)
    return RecordingDetail.of_all(hit, service.catalog.calls_of(hit.recording), condition_of(service.settings, hit.recording))


def _hit(request: Request, id: int) -> Hit:
    hit = service_of(request).catalog.recording(id)
    if hit is None:
        raise HTTPException(404, "There is no such recording.")
    return hit


async def _recording(request: Request, id: int) -> Recording:
    return (await in_thread(_hit, request, id)).recording


def _sittings(request: Request) -> Sittings:
    if not hasattr(request.app.state, "sittings"):
        request.app.state.sittings = Sittings()
    found: Sittings = request.app.state.sittings
    return found
