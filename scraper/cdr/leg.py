"""From a leg's fields as text, under the API's names for them, to a :class:`Call`. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scraper.cdr.calls import Call
from scraper.cdr.clock import Moment, epoch_in, is_plain, moment, nearest, read_seconds, read_time
from scraper.cdr.files import is_recording, parse_files

Fields = Mapping[str, str]


def tidy(text: str) -> str:
    """Text that any catalog can hold: no NUL, no lone surrogates, no white space around it."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "").strip()


def leg(fields: Fields, zone: ZoneInfo, session: str = "") -> tuple[Call, int]:
    """(the leg, how many elements of its ``recordfiles`` name no file); ``session`` is that of its surroundings.

    Keys are the API's, in lower case (``acctid``, ``billsec``, …); values may be missing or empty.
    """

    def text(name: str) -> str:
        return tidy(fields.get(name, ""))

    talk, duration = read_seconds(text("billsec")), read_seconds(text("duration"))
    start, answer, end = _times(fields, zone, talk, duration)
    # The untidied text: scraper.names.clean makes of it what it makes of the same name in a list or an archive.
    recordfiles, name = fields.get("recordfiles", ""), text("caller_name")
    if not recordfiles and is_recording(name):  # seen once in a pushed record (field guide 2c)
        recordfiles, name = name, ""
    files, unreadable = parse_files(recordfiles, fields.get("recordfiles_desc", ""))
    call = Call(
        session=text("session") or session or text("cdr") or text("uniqueid"),
        acct_id=text("acctid"),
        uniqueid=text("uniqueid"),
        start=start,
        answer=answer,
        end=end,
        talk_seconds=talk,
        duration=duration,
        disposition=text("disposition"),
        lastapp=text("lastapp"),
        src=text("src"),
        dst=text("dst"),
        answered_by=text("dstanswer"),
        caller_name=name,
        action_type=text("action_type"),
        files=tuple(files),
    )
    return call, unreadable


def _times(fields: Fields, zone: ZoneInfo, talk: int | None, duration: int | None) -> tuple[Moment | None, Moment | None, Moment | None]:
    """(start, answer, end). Where the clocks change, each is put after what must lie before it."""
    start, answer, end = (read_time(fields.get(name, "").strip()) for name in ("start", "answer", "end"))
    if start is None:
        return None, moment(answer, zone) if answer else None, moment(end, zone) if end else None
    began = moment(start, zone, None if is_plain(start, zone) else _evidence(fields, zone, end, duration))
    over = moment(end, zone, began.utc + timedelta(seconds=duration or 0)) if end else None
    if answer is None:
        return began, None, over
    if over is None:
        return began, moment(answer, zone, began.utc), None
    # A call without talk was answered as it ended; one that nobody answered may give its start.
    expected = [over.utc - timedelta(seconds=talk)] if talk else [began.utc, over.utc]
    return began, nearest(answer, zone, *expected), over


def _evidence(fields: Fields, zone: ZoneInfo, end: datetime | None, duration: int | None) -> datetime | None:
    """Before what a start can't lie: the making of its channel (UTC), else, where it ends after the change, its end less its duration."""
    made = epoch_in(fields.get("uniqueid", "")) or epoch_in(fields.get("session", ""))
    if made is None and end is not None and duration is not None and is_plain(end, zone):
        return moment(end, zone).utc - timedelta(seconds=duration)
    return made
