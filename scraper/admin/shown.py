"""How values are shown on pages: times, sizes, counts. Templates use these as filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape


def moment(value: datetime | str | None) -> Markup:
    """A time as a ``<time>`` that the browser shows in its own zone; UTC where it has no script."""
    if value is None:
        return Markup('<span class="dim">never</span>')
    when = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime("%Y-%m-%d %H:%M"))


def clock(value: str, before: str = "") -> Markup:
    """A log line's time of day as a ``<time>`` like :func:`moment`'s, after its date where the line ``before`` is of another."""
    when, last = _read(value), _read(before)
    if when is None:
        return escape(value)
    date = "" if last and last.date() == when.date() else f"{when:%Y-%m-%d} UTC\n"
    return Markup('<time class="clock" datetime="{}">{}{}</time>').format(f"{when:%Y-%m-%dT%H:%M:%SZ}", date, f"{when:%H:%M:%S}")


def _read(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text).astimezone(UTC)
    return None


def ago(value: datetime | str | None, now: datetime) -> str:
    """How long ago, or in how long, in words."""
    if value is None:
        return "never"
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    seconds = (now - when).total_seconds()
    text = span(abs(seconds))
    if abs(seconds) < 5:
        return "now"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def span(seconds: float | None) -> str:
    """``45 s``, ``12 min``, ``3 h 5 min``, ``4 days``."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"
    return f"{round(minutes / 1440)} days"


def size(count: int | None) -> str:
    """Bytes with a decimal unit: ``1.2 MB``."""
    if count is None:
        return "–"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def number(count: int | None) -> str:
    """Grouped: ``12,345``."""
    return "–" if count is None else f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 gap``, ``2 gaps``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def share(part: int, whole: int | None) -> str:
    """A percentage that says 100 % only of the whole, and 0 % only of nothing."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if part < whole and percent > 99.9:
        return "99.9 %"
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.{0 if part in (0, whole) else 1}f} %"


def utc_text(value: datetime | None) -> str:
    """``2026-02-06 16:21 UTC``, for titles; ``never``."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if value else "never"


def prose(sentence: str) -> Markup:
    """A sentence of ours, what stands between backticks as code; all of it escaped."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return escape(sentence)
    return Markup("").join(Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "clock": clock,
    "ago": ago,
    "utc": utc_text,
    "prose": prose,
    "span": span,
    "size": size,
    "number": number,
    "plural": plural,
    "share": share,
}
