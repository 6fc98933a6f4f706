"""Keeping: what retention would let go of next, legal holds, and how many recordings were let go of. Nothing is erased from here."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from fastapi import Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scraper.admin.access import service_of, who
from scraper.admin.api import Day, RowId, UcmFilter, api_router, known_ucm
from scraper.admin.pages import page_router, redirect, render
from scraper.catalog import Hold
from scraper.errors import ConfigError
from scraper.keeping.criteria import criteria
from scraper.keeping.holds import add_hold, lift_hold
from scraper.keeping.retention import due, is_too_much, place_of, rule_of
from scraper.models import Window
from scraper.service.service import Service
from scraper.settings.keeping import Retention
from scraper.threads import in_thread

NAVIGATION = ("/keeping",)
router = page_router("/keeping")
api = api_router("keeping")

_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
_LONGEST = 200
_SAYS_NOTHING = "Say why: it stays on record."
OneUcm = Annotated[str, Query(pattern=_NAME, description="Of this UCM.")]


class Rule(BaseModel):
    """For how many days recordings and call records are kept, null: for ever; ``apply``: whether `serve` lets go of what is older."""

    model_config = ConfigDict(from_attributes=True)

    keep_days: int | None
    queue_days: int | None
    conference_days: int | None
    apply: bool


class Outlook(BaseModel):
    """What the rule would let go of now. ``size`` in bytes; ``on_hold``: as old, and kept by a hold; ``share``: of the stored files.

    ``files_kept``: stored files that stay; ``stops``: it is more than may go at once, so that nothing goes without ``--force``.
    """

    ucm: str
    rule: Rule
    recordings: int
    files: int
    size: int
    call_records: int
    oldest: date | None
    newest: date | None
    on_hold: int
    files_kept: int
    share: float
    stops: bool


class HoldItem(BaseModel):
    """What is protected: all of which all of this holds; null means any. ``until`` is exclusive; times are UTC."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    ucm: str
    number: str | None
    since: date | None
    until: date | None
    file: str | None
    reason: str
    by_whom: str
    at: str
    lifted_at: str | None
    lifted_by: str | None

    @classmethod
    def of(cls, one: Hold) -> Self:
        """As it is kept."""
        names = set(cls.model_fields) - {"file"}
        return cls(file=one.name, **{name: getattr(one, name) for name in names})


class HoldList(BaseModel):
    """The oldest first."""

    items: list[HoldItem]


class WantedHold(BaseModel):
    """Recordings to protect, also those that are yet to come; with neither number, days nor file all of the UCM."""

    model_config = ConfigDict(extra="forbid")

    ucm: str = Field(max_length=100, pattern=_PLAIN)
    number: str | None = Field(default=None, max_length=_LONGEST, pattern=_PLAIN)
    since: Day | None = None
    until: Day | None = None
    file: str | None = Field(default=None, max_length=_LONGEST, pattern=_PLAIN)
    reason: str = Field(min_length=1, max_length=_LONGEST, pattern=_PLAIN)


class TypedHold(BaseModel):
    """The page's form for one, as it was filled in."""

    ucm: str = Field(default="", max_length=_LONGEST)
    number: str = Field(default="", max_length=_LONGEST)
    since: str = Field(default="", max_length=_LONGEST)
    until: str = Field(default="", max_length=_LONGEST)
    file: str = Field(default="", max_length=_LONGEST)
    reason: str = Field(default="", max_length=_LONGEST)


class Lifting(BaseModel):
    """Why a hold is lifted; it goes into the audit log."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=_LONGEST, pattern=_PLAIN)


class GoneCount(BaseModel):
    """Stored files that went in a month (UTC), because they were ``erased`` or by ``retention``."""

    month: str
    why: str
    files: int


class GoneCounts(BaseModel):
    """By month and reason, the newest first, of the last 100,000; nothing says which they were."""

    items: list[GoneCount]


@api.get("/outlook", response_model=Outlook)
def outlook(request: Request, ucm: OneUcm) -> Outlook:
    """What retention would let go of now; nothing goes. Of a large archive it takes some seconds."""
    return _outlook(service_of(request), known_ucm(request, ucm))


@api.get("/tombstones", response_model=GoneCounts)
def tombstones(request: Request, ucm: OneUcm) -> GoneCounts:
    """How much was let go of."""
    return GoneCounts(items=_gone(service_of(request), known_ucm(request, ucm)))


@api.get("/holds", response_model=HoldList)
def holds(request: Request, ucm: UcmFilter = None, lifted: bool = False) -> HoldList:
    """The holds in force, with ``lifted`` also those that were."""
    names = [known_ucm(request, ucm)] if ucm else list(service_of(request).settings.ucms)
    return HoldList(items=[HoldItem.of(one) for one in service_of(request).catalog.holds(names, lifted=lifted)])


@api.post("/holds", response_model=HoldItem, status_code=201)
async def hold(request: Request, wanted: WantedHold) -> HoldItem:
    """Put a hold in force; 409 for what can't be a number, a file, days or a reason."""
    known_ucm(request, wanted.ucm)
    try:
        return await in_thread(_hold, request, wanted)
    except ConfigError as error:
        raise HTTPException(409, error.message) from error


@api.post("/holds/{id}/lift", response_model=HoldItem)
async def lift(request: Request, id: RowId, lifting: Lifting) -> HoldItem:
    """Lift a hold; 409 where it was lifted already, or nothing is said why."""
    return await in_thread(_lift, request, id, lifting.reason)


@router.get("")
def page(request: Request, ucm: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Holds, and of one UCM what would go and what went."""
    return _page(request, ucm, {}, {})


@router.post("/holds")
async def hold_page(request: Request, form: Annotated[TypedHold, Form()]) -> Response:
    """Put a hold in force; what is wrong with it stands at its field."""
    typed = {name: text.strip() for name, text in form.model_dump().items()}
    errors = await in_thread(_enter, request, typed)
    return await in_thread(_page, request, form.ucm, typed, errors) if errors else redirect("/keeping#holds")


@router.post("/holds/{id}/lift")
async def lift_page(request: Request, id: RowId, reason: Annotated[str, Form(max_length=_LONGEST)] = "") -> Response:
    """Lift a hold."""
    await in_thread(_lift, request, id, reason)
    return redirect("/keeping#holds")


def _outlook(service: Service, ucm: str) -> Outlook:
    rule = rule_of(service.settings, ucm)
    found = due(place_of(service.settings, service.catalog, ucm), rule, service.clock())
    return Outlook(
        ucm=ucm,
        rule=_rule(rule),
        recordings=found.recordings,
        files=found.chosen.files,
        size=found.chosen.size,
        call_records=len(found.chosen.calls),
        oldest=found.oldest,
        newest=found.newest,
        on_hold=found.held,
        files_kept=found.kept,
        share=found.share,
        stops=is_too_much(found, rule),
    )


def _rule(rule: Retention) -> Rule:
    return Rule.model_validate(rule)


def _gone(service: Service, ucm: str) -> list[GoneCount]:
    return [GoneCount(month=month, why=why, files=many) for month, why, many in service.catalog.tombstone_counts(ucm)]


def _hold(request: Request, wanted: WantedHold) -> HoldItem:
    """Raises :class:`ConfigError`."""
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise ConfigError("The first day must lie before the day after the last one.")
    if not wanted.reason.strip():
        raise ConfigError(_SAYS_NOTHING)
    catalog = service_of(request).catalog
    meant = criteria(wanted.number or None, Window(wanted.since, wanted.until), [wanted.file] if wanted.file else [])
    found = catalog.hold(add_hold(catalog, wanted.ucm, meant, wanted.reason.strip(), str(who(request))))
    assert found is not None
    return HoldItem.of(found)


def _lift(request: Request, identifier: int, reason: str) -> HoldItem:
    catalog = service_of(request).catalog
    if (found := catalog.hold(identifier)) is None or found.ucm not in service_of(request).settings.ucms:
        raise HTTPException(404, "There is no such hold.")
    if not reason.strip():
        raise HTTPException(409, _SAYS_NOTHING)
    if not lift_hold(catalog, found, str(who(request)), reason.strip()):
        raise HTTPException(409, "It was lifted already.")
    lifted = catalog.hold(identifier)
    assert lifted is not None
    return HoldItem.of(lifted)


def _enter(request: Request, typed: dict[str, str]) -> dict[str, str]:
    """Put a hold in force as a form asks for it, or what is wrong with which of its fields."""
    errors = {} if typed["ucm"] in service_of(request).settings.ucms else {"ucm": "Choose a UCM."}
    days: dict[str, date | None] = {"since": None, "until": None}
    for name in days:
        try:
            days[name] = date.fromisoformat(typed[name]) if typed[name] else None
        except ValueError:
            errors[name] = "This is no day of the calendar."
    if days["since"] and days["until"] and days["since"] >= days["until"]:
        errors["until"] = "It must lie after the first day."
    if not typed["reason"]:
        errors["reason"] = _SAYS_NOTHING
    errors |= _unfit(typed)
    if not errors:
        _hold(request, WantedHold(ucm=typed["ucm"], number=typed["number"], file=typed["file"], reason=typed["reason"], **days))
    return errors


def _unfit(typed: dict[str, str]) -> dict[str, str]:
    """What can't be a number, or a file."""
    errors = {}
    for name, number, files in (("number", typed["number"] or None, []), ("file", None, [typed["file"]] if typed["file"] else [])):
        try:
            criteria(number, Window(), files)
        except ConfigError as error:
            errors[name] = error.message
    return errors


def _page(request: Request, ucm: str, typed: dict[str, str], errors: dict[str, str]) -> Response:
    service = service_of(request)
    ucms = list(service.settings.ucms)
    named = ucm if ucm in ucms else ucms[0] if len(ucms) == 1 else None
    return render(
        request,
        "keeping.html",
        422 if errors else 200,
        typed=typed,
        errors=errors,
        named=named,
        outlook=_outlook(service, named) if named else None,
        gone=_gone(service, named) if named else [],
        holds=[HoldItem.of(one) for one in service.catalog.holds(ucms)],
        ucm_choices=[(name, name) for name in ucms],
    )
