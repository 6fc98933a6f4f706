"""What people are told: what is wrong, since when, and what to do now, in a few lines without phone numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scraper.catalog.watching import MOST_BEFORE
from scraper.models import utc
from scraper.service.health import UcmHealth
from scraper.service.notify import Message, Tone
from scraper.service.vanishing import Vanishing
from scraper.settings import Settings
from scraper.settings.serving import Admin


@dataclass(frozen=True, slots=True)
class Known:
    """What every message tells from: how the UCM is doing, since when (aware) the episode lasts, and where its page may be."""

    health: UcmHealth
    since: datetime
    settings: Settings


def person_needed(known: Known) -> Message:
    """CAPTCHA or a second factor."""
    ucm = known.health.ucm
    how = f"Sign in by hand on the admin page, or with `ucm-scraper login --ucm {ucm}`; the session is kept for the runs that follow."
    what = "Its sign-in page asks for a person (a CAPTCHA or a second factor)."
    return _message(known, "a person is needed to sign in", what, how, tone=Tone.BAD)


def failing(known: Known, times: int) -> Message:
    """Runs fail, one after the other."""
    last = f"Last exit code: {known.health.exit_code}." if known.health.exit_code else ""
    what = f"The last {times} runs failed. {last}".strip()
    return _message(known, f"{times} runs failed in a row", what, known.health.what_now, tone=Tone.BAD)


def stale(known: Known) -> Message:
    """No good run for too long, whatever the runs say."""
    hours = known.settings.watch.stale_hours
    return _message(known, "no good run lately", f"For more than {hours:g} hours no run was good.", known.health.what_now, tone=Tone.BAD)


def coverage_fell(known: Known, best: float) -> Message:
    """More is missing than before."""
    health = known.health
    part = f"{health.coverage:.1%}" if health.coverage is not None else "an unknown part"
    missing, gone = sum(health.gaps.values()), health.gone
    what = f"{part} of {health.expected or 0:,} recordings are archived; it was {best:.1%}. Missing: {missing:,}, gone for good: {gone:,}."
    return _message(known, "coverage fell", what, health.what_now)


def vanishing(known: Known, going: Vanishing) -> Message:
    """The PBX will delete what is not archived; says how that was derived."""
    when = "any moment" if going.first < timedelta(hours=1) else f"in {_span(going.first)}"
    if going.count:
        which = "1 recording that is" if going.count == 1 else f"{going.count:,} recordings that are"
        what = f"{which} not archived will be deleted on the PBX, the first {when}."
    else:
        what = f"What was recorded since the last good run will begin to be deleted on the PBX {when}."
    derived = (
        f"Derived from its list: the oldest recording there was {_span(going.horizon.kept)} old when the list was last read, and"
        f" {going.horizon.before:,}{' or more' if going.horizon.before == MOST_BEFORE else ''} older ones are known that it lists no more."
    )
    return _message(known, "recordings will soon vanish", f"{what} {derived}", known.health.what_now, tone=Tone.BAD)


def well_again(known: Known) -> Message:
    """After trouble that was told, a run was good."""
    health = known.health
    missing = sum(health.gaps.values())
    what = f"The last run was good: {health.archived:,} recordings are archived, {missing:,} are missing."
    return _message(known, "it works again", what, "", tone=Tone.GOOD)


def a_test(settings: Settings) -> Message:
    """What ``notify`` sends."""
    names = ", ".join(settings.ucms)
    return Message("ucm-scraper: a test", (f"Messages about {names} will come here.",), Tone.GOOD)


def _message(known: Known, title: str, what: str, what_now: str, tone: Tone = Tone.WARNING) -> Message:
    health, page = known.health, admin_page(known.settings.admin)
    good = f"Last good run: {utc(health.last_success)}." if health.last_success else "No run has been good yet."
    lines = [what, f"Since: {utc(known.since)}. {good}", *([f"What now: {what_now}"] if what_now else []), *([page] if page else [])]
    return Message(f"{health.ucm}: {title}", tuple(lines), tone)


def admin_page(admin: Admin) -> str | None:
    """The admin service's address, where the configuration tells it."""
    host, _, port = (admin.listen or "").rpartition(":")
    if not port or host in ("", "*", "0.0.0.0", "[::]") or admin.trusted_proxy:  # noqa: S104 -- compared, not bound
        return None
    return f"{'https' if admin.tls.is_set else 'http'}://{host}:{port}/"


def _span(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
