"""An answer's body, judged by its first bytes and read with a limit: HTML, JSON, nothing or half a file are no recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from itertools import chain
from typing import Any
from urllib.parse import unquote

from converters.sniff import HEAD_BYTES, sniff
from scraper.errors import AnswerNotAsExpected

#: More JSON than this is not read: one page of 1,000 calls takes about 2 MB.
JSON_BYTES = 16 << 20
#: Objects and lists, and commas, that JSON of call records may hold: where nothing else comes, each takes twenty times its bytes of memory.
_MOST_OBJECTS, _MOST_COMMAS = 50_000, 1_000_000
#: More text than this is no list of a directory.
TEXT_BYTES = 64 << 20

JsonObject = dict[str, Any]

_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"')


class Reply:
    """An HTTP answer whose body is still arriving. ``pieces`` raises :class:`~scraper.errors.NetworkError` where it breaks off."""

    def __init__(self, http_status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        self.http_status = http_status
        self.headers = headers
        self.head, self._rest = _begin(pieces)
        self.kind = _kind(self.head)

    def pieces(self) -> Iterator[bytes]:
        """The whole body; once only."""
        return chain((self.head,), self._rest) if self.head else iter(())

    def json(self, limit: int = JSON_BYTES) -> JsonObject:
        """The body as a JSON object. Raises :class:`AnswerNotAsExpected` for anything else, and (``too_large``) for too much.

        Bytes that aren't UTF-8 (names in other encodings) stay as surrogates; control characters within texts are let through.
        """
        if self.kind in ("html", "empty", "xml"):
            raise AnswerNotAsExpected(f"The API answered {_NAMES[self.kind]} instead of JSON.", kind=self.kind)
        body = self._read(limit)
        if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS or body.count(b",") > _MOST_COMMAS:
            raise AnswerNotAsExpected("The API's answer holds more than call records of its size do.", kind="json", too_large=True)
        try:
            found = json.loads(body.decode("utf-8", "surrogateescape").removeprefix("\ufeff"), strict=False)
        except (ValueError, RecursionError) as error:
            raise AnswerNotAsExpected("The API's JSON is damaged or cut short.", kind="json") from error
        if not isinstance(found, dict):
            raise AnswerNotAsExpected("The API's JSON is no object.", kind="json")
        return found

    def text(self, limit: int = TEXT_BYTES) -> str:
        """The body as text; bytes that aren't UTF-8 stay as surrogates. Raises :class:`AnswerNotAsExpected` beyond ``limit`` bytes."""
        return self._read(limit).decode("utf-8-sig", "surrogateescape")

    @property
    def file_name(self) -> str | None:
        """The base name that Content-Disposition gives the body, or None."""
        header = Message()
        try:
            header["content-disposition"] = self.headers.get("content-disposition", "")
            name = header.get_filename()
        except ValueError:  # a character set whose name is none
            return None
        return unquote(name).rsplit("/", 1)[-1] if name else None

    def _read(self, limit: int) -> bytes:
        body = bytearray()
        for piece in self.pieces():
            body += piece
            if len(body) > limit:
                raise AnswerNotAsExpected(f"The API's answer is larger than {limit >> 20} MiB.", kind=self.kind, too_large=True)
        return bytes(body)


_NAMES = {"html": "an HTML page", "empty": "nothing", "xml": "XML"}


def name_of(kind: str) -> str:
    """A kind of body for a sentence: *an HTML page*."""
    return _NAMES.get(kind, kind.upper() if len(kind) <= 4 else kind)


def _kind(head: bytes) -> str:
    """As :func:`converters.sniff.sniff`, but JSON is JSON also where a name in it isn't UTF-8."""
    kind = sniff(head[:HEAD_BYTES])
    return "json" if kind == "unknown" and _JSON.match(head) else kind


def _begin(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Enough of the body to judge it, and the rest."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return head, pieces
