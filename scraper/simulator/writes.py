"""What would change something on the PBX, however it is disguised: counted before any route has seen the request."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from starlette.types import Message, Receive

#: Verbs of the web UI's actions that change something.
VERBS = "remove|delete|reset|reboot|set|update|add|restore|apply|clean"
_WRITE = re.compile(rf"\baction\b[^\w&]*((?:{VERBS})\w*)", re.IGNORECASE)


def writes_in(text: str) -> list[str]:
    """The changing actions that a request's target and body name, as the most lenient of servers might read them."""
    while (once := unquote_plus(text)) != text:
        text = once
    return _WRITE.findall(text)


async def whole_body(receive: Receive) -> tuple[bytes, Receive]:
    """A request's body, and a ``receive`` that tells it once more."""
    messages: list[Message] = []
    while not messages or messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join(message.get("body", b"") for message in messages)
    waiting = iter(messages)

    async def again() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return body, again
