"""A webhook: a JSON document by POST, signed so that the receiver knows whose it is, and when it was made."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from scraper.handover.http import Answer, client_of, post
from scraper.handover.interface import Undelivered
from scraper.handover.subject import Farewell, Subject
from scraper.settings.sinks import Expect, Webhook


class WebhookSink:
    """Headers: X-UCM-Delivery (the same at each attempt), X-UCM-Event, X-UCM-Timestamp (Unix seconds), X-UCM-Signature."""

    def __init__(self, settings: Webhook, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._http = client_of(settings.ca_file, seconds)
        self._clock = clock

    async def deliver(self, subject: Subject | Farewell) -> str:
        """See :meth:`~scraper.handover.interface.Sink.deliver`."""
        url, secret = self._settings.url, self._settings.secret
        if url is None or secret is None:
            raise Undelivered("Its url or its secret is missing in the configuration.")
        body = json.dumps(subject.described(), ensure_ascii=False, separators=(",", ":")).encode()
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "X-UCM-Delivery": subject.uid,
            "X-UCM-Event": subject.delivery.event,
            "X-UCM-Timestamp": stamp,
            "X-UCM-Signature": f"v1={signature(secret.get_secret_value(), stamp, body)}",
        }
        judge(await post(self._http, url.get_secret_value(), body, headers), self._settings.expect)
        return ""

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()


def signature(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the time stamp, a dot, and the body as sent, hex."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def judge(answer: Answer, expect: Expect) -> None:
    """Raise :class:`Undelivered` where a good answer doesn't say what it must."""
    if expect.content_type is not None and answer.type != expect.content_type.lower():
        raise Undelivered(f"It answered {answer.status}, but not with {expect.content_type}.", unwell=True)
    if expect.pointer is None:
        return
    found = _at(answer.json(), expect.pointer)
    wanted = expect.value
    if found is _MISSING or (found in (None, False) if wanted is None else found != wanted or type(found) is not type(wanted)):
        raise Undelivered(f"It answered {answer.status}, but {expect.pointer} does not say what was expected.")


_MISSING = object()


def _at(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key, _MISSING)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
    return value
