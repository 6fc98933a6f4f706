"""HTTP to sinks: verified TLS, no redirects, answers of bounded size, and every failure a sentence."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from scraper.errors import ConfigError
from scraper.handover.interface import Undelivered

#: Of an answer no more is read.
_MOST_BYTES = 16 << 20
_CONNECT_SECONDS = 10.0
_LONGEST_REST = 3600.0
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
#: What a server says when it is to blame, and not what was sent.
_UNWELL = {408, 425, 429, 500, 502, 503, 504}
#: What it says of what was sent, and would say again.
_LASTING = {413, 415, 422}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``type`` is its media type in lower case."""

    status: int
    type: str
    body: bytes

    def json(self) -> Any:
        """Its body. Raises :class:`Undelivered` where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Undelivered("It answered with something that is no JSON.") from None


def client_of(ca_file: Path | None, seconds: float) -> httpx.AsyncClient:
    """A client that verifies whom it talks to. Raises :class:`ConfigError` for a ``ca_file`` that can't be read."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("sinks: a ca_file can't be read as PEM certificates.", remedy="Correct ca_file.") from error
    timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    return httpx.AsyncClient(verify=context, timeout=timeout, follow_redirects=False, headers={"User-Agent": "ucm-recording-scraper"})


async def post(client: httpx.AsyncClient, url: str, content: bytes | AsyncIterable[bytes], headers: Mapping[str, str]) -> Answer:
    """Send it and read the answer. Raises :class:`Undelivered` for all but a 2xx that is no web page."""
    try:
        async with client.stream("POST", url, content=content, headers=headers) as response:
            body = b"" if response.is_redirect else await _read(response)
    except httpx.HTTPError as error:
        raise _why(error) from error
    except httpx.InvalidURL as error:
        raise Undelivered("Its address is not valid.", lasting=True) from error
    answer = Answer(response.status_code, response.headers.get("content-type", "").partition(";")[0].strip().lower(), body)
    _judge(answer, response.headers.get("retry-after"))
    return answer


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > _MOST_BYTES:
            raise Undelivered("Its answer has no end.")
    return bytes(body)


def _judge(answer: Answer, retry_after: str | None) -> None:
    if 300 <= answer.status < 400:
        raise Undelivered(f"It answered {answer.status}: redirects are not followed; set the address they lead to.")
    if not 200 <= answer.status < 300:
        unwell = answer.status in _UNWELL
        again_in = _seconds(retry_after) if unwell else None
        raise Undelivered(f"It answered {answer.status}.", again_in=again_in, unwell=unwell, lasting=answer.status in _LASTING, free=True)
    if answer.type in ("text/html", "application/xhtml+xml") or _HTML.match(answer.body[:4096]):
        raise Undelivered(f"It answered {answer.status}, but with a web page.", unwell=True)


def _seconds(text: str | None) -> float | None:
    """Of a ``Retry-After``; None where it says nothing that can be understood."""
    if text is None:
        return None
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return min(float(text), _LONGEST_REST)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max((when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_REST)


def _why(error: httpx.HTTPError) -> Undelivered:
    """httpx's own texts stay out: they may hold the address, which may be a secret."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    match error:
        case _ if isinstance(cause, ssl.SSLCertVerificationError):
            return Undelivered(f"Its certificate is not trusted: {cause.verify_message}.", unwell=True)
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            return Undelivered("It can't be reached.", unwell=True, free=True)
        case httpx.TimeoutException():
            return Undelivered("It did not answer in time.", unwell=True)
        case httpx.UnsupportedProtocol():
            return Undelivered("Its address is not valid.", lasting=True)
        case _:
            return Undelivered(f"It broke off the connection ({type(error).__name__}).", unwell=True)
