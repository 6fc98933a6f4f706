"""A statement's named parameters: ``:name`` is bound by the database, whatever stands in it; text and comments are left alone. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection

#: What a statement can name. All are text but ``recording_id``, ``size`` (bytes), ``seconds``, ``talk_seconds`` and ``duration``; missing
#: ones are NULL.
PARAMETERS = (
    *("recording_id", "recording_file", "remote_path", "location", "ucm", "class", "month", "name", "path", "event", "delivery"),
    *("size", "sha256", "seconds", "stored_at", "transcript", "summary"),
    *("call_session", "acct_id", "uniqueid", "src", "dst", "start", "start_utc", "answer_utc", "end_utc"),
    *("talk_seconds", "duration", "disposition", "answered_by", "caller_name"),
)

#: What a statement about an erased recording can name. All are text but ``recording_id``.
ERASED_PARAMETERS = ("recording_id", "ucm", "sha256", "why", "erased_at", "event", "delivery")

# Text, quoted names, comments and dollar quotes are passed over; so is a cast (::).
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | (\$\w*\$).*?\1 | :: | := | :(?P<name>[A-Za-z_]\w*) | %""",
    re.DOTALL | re.VERBOSE,
)


def unknown_parameter(statement: str, known: Collection[str] = PARAMETERS) -> str | None:
    """The first parameter that there is not."""
    return next((name for name in _names(statement) if name not in known), None)


def for_psycopg(statement: str) -> str:
    """The statement as psycopg takes it: ``%(name)s``, and every other ``%`` twice."""
    return _TOKEN.sub(lambda found: f"%({found['name']})s" if found["name"] else found[0].replace("%", "%%"), statement)


def like(text: str) -> str:
    """A pattern for LIKE that finds ``text`` anywhere, whatever signs are in it."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _names(statement: str) -> list[str]:
    return [found["name"] for found in _TOKEN.finditer(statement) if found["name"]]
