"""What the program says on stderr: short lines for people, or JSON lines for machines, without secrets and phone numbers.

Bind a stable ``action`` for machines: ``logger.bind(action="signed-in").info("Signed in")``; other bound values follow the message.
A message passes :func:`scrub` wherever it goes; values that are numbers stay as they are, so put sizes and counts there.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, quote_plus

from loguru import logger

from scraper.errors import InternalError, ScraperError

if TYPE_CHECKING:
    from loguru import Message, Record

__all__ = ["as_ours", "hide", "logger", "mask", "scrub", "setup"]

#: A run's id or a hash, 32 or 64 hex digits with a letter among them, is no number: files are found again by it. Nor are ports, pins, pids.
_KEPT = r"\b(?=[0-9]*[a-f])[0-9a-f]{32}(?:[0-9a-f]{32})?\b|:\d{5}\b|\bpid \d+\b|\bsha256//[A-Za-z0-9+/]{43}="
_NUMBER = re.compile(rf"({_KEPT})|\+?\d{{3,}}(?=\d\d)")
#: Names that the configuration or this program gave, by which lines are found again: no caller's number is in them.
_OURS = frozenset({"ucm", "action", "run"})
#: A secret shorter than this is hidden only where it stands as a word, so that it doesn't shred every line.
_SHORT = 4
HIDDEN = "***"


class _Privacy:
    """What must not be shown: registered secrets, and numbers unless asked for."""

    def __init__(self) -> None:
        self.numbers = False
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def hide(self, secret: str) -> None:
        """Replace ``secret`` from now on, also where it stands quoted in a URL or in JSON."""
        forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]} - {""}
        if not forms <= self._secrets:
            self._secrets |= forms
            self._pattern = None

    def scrub(self, text: str) -> str:
        """``text`` without secrets, and without numbers unless they were asked for."""
        if self._secrets:
            text = self._hiding().sub(HIDDEN, text)
        return text if self.numbers else mask(text)

    def _hiding(self) -> re.Pattern[str]:
        """Made when it is first needed: hundreds of UCMs have a thousand secrets, and each would make it anew."""
        pattern = self._pattern
        if pattern is None:
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = pattern = re.compile("|".join(_as_pattern(form) for form in longest_first))
        return pattern


def _as_pattern(form: str) -> str:
    return re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"


_privacy = _Privacy()


def mask(text: str) -> str:
    """``text`` with every run of five or more digits (phone numbers, with ``+`` or not; epochs too) cut to ``***`` and its last two."""
    return _NUMBER.sub(lambda found: found[1] or HIDDEN, text)


def hide(secret: str) -> None:
    """Never show ``secret`` (a password, token or cookie) in any message, value or traceback from now on."""
    _privacy.hide(secret)


def scrub(text: str) -> str:
    """``text`` as it may be shown: without registered secrets, phone numbers masked unless ``log.numbers`` is on."""
    return _privacy.scrub(text)


def as_ours(error: Exception) -> ScraperError:
    """An error as one of ours. Of one that nobody foresaw only its name is told, for its text may hold anything; the log has the rest."""
    if isinstance(error, ScraperError):
        return error
    logger.bind(action="internal-error").opt(exception=error).debug("Internal error")
    return InternalError(
        f"Internal error ({type(error).__name__}).", remedy="Run again with -v before the command to see where, and please report it."
    )


def setup(level: str = "info", format: Literal["human", "json"] = "human", *, numbers: bool = False) -> None:
    """Log to stderr from ``level`` on (trace, debug, info, warning, error), and take over what libraries log from warnings on."""
    _privacy.numbers = numbers
    logger.remove()
    logger.configure(patcher=_patch)
    logger.add(_write_json if format == "json" else _write_human, level=level.upper(), format="{message}", backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)


def _patch(record: Record) -> None:
    record["message"] = scrub(record["message"])
    record["extra"] = {key: value if key in _OURS else _scrubbed(value) for key, value in record["extra"].items()}


def _scrubbed(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {scrub(str(key)): _scrubbed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(inner) for inner in value]
    return scrub(str(value))


def _exception(record: Record) -> str | None:
    """The traceback, scrubbed; it never holds variables."""
    found = record["exception"]
    if found is None or found.value is None:
        return None
    return scrub("".join(traceback.format_exception(found.type, found.value, found.traceback)).rstrip())


def _time_format() -> str:
    """A person at a terminal knows the day; whoever reads a file of it does not."""
    return "%H:%M:%S" if sys.stderr is not None and sys.stderr.isatty() else "%Y-%m-%d %H:%M:%S%z"


def _write_human(message: Message) -> None:
    record = message.record
    extra = dict(record["extra"])
    extra.pop("action", None)
    ucm = extra.pop("ucm", None)
    parts = [f"{record['time']:{_time_format()}}", f"{record['level'].name.lower():<7}", *([f"{ucm}:"] if ucm else []), record["message"]]
    parts += [f"{key}={value}" for key, value in extra.items()]
    _write("\n".join(filter(None, (" ".join(parts), _exception(record)))))


def _write_json(message: Message) -> None:
    record = message.record
    line = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name.lower(),
        **record["extra"],
        "message": record["message"],
    }
    if text := _exception(record):
        line["exception"] = text
    _write(json.dumps(line, ensure_ascii=False, default=str))


def _write(line: str) -> None:
    """To whatever stderr is now: a progress display may stand in for it. A stderr that is gone takes nothing."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return


class _FromLibraries(logging.Handler):
    """Hands what libraries log to our log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame, depth = frame.f_back, depth + 1
        logger.opt(depth=depth, exception=record.exc_info).bind(action="library").log(level, "{}: {}", record.name, record.getMessage())
