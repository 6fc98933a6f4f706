"""Notes pushed call records in the catalog, in one thread of its own, so that nothing else of the service holds an answer up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from zoneinfo import ZoneInfo

from scraper.catalog import Catalog
from scraper.cdr import Call
from scraper.hooks.body import Unreadable, read_calls

#: Bodies that may wait to be noted, and their bytes; a PBX that sends more is asked to come again.
MOST_WAITING, MOST_BYTES = 1000, 16 << 20
#: Bodies that are noted together, in one transaction a UCM.
_TOGETHER = 100
#: Records that are remembered as noted, so that their repetitions cost nothing.
_REMEMBERED = 20_000


class Full(Exception):
    """Too much waits to be noted."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of one body: its calls are in the catalog, ``fresh`` those that were not before. ``unknown`` as in ParsedCalls."""

    calls: int
    fresh: tuple[Call, ...]
    unknown: int


@dataclass(slots=True)
class _Post:
    ucm: str
    zone: ZoneInfo
    body: bytes
    done: asyncio.Future[Noted]


class Inbox:
    """What was posted and waits to be noted; used in one event loop. ``noted`` is called there with what is new of a UCM."""

    def __init__(self, catalog: Catalog, noted: Callable[[str, Sequence[Call]], None]) -> None:
        self._catalog = catalog
        self._noted = noted
        self._waiting: deque[_Post] = deque()
        self._bytes = 0
        self._work: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hooks")
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    async def take(self, ucm: str, zone: ZoneInfo, body: bytes) -> Noted:
        """Note the calls of a body; back once they are in the catalog. Raises :class:`Full`, :class:`Unreadable`, the storage errors."""
        if len(self._waiting) >= MOST_WAITING or self._bytes + len(body) > MOST_BYTES:
            raise Full
        post = _Post(ucm, zone, body, asyncio.get_running_loop().create_future())
        self._waiting.append(post)
        self._bytes += len(body)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._note_all())
        return await post.done

    async def _note_all(self) -> None:
        while self._waiting:
            posts = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
            self._bytes -= sum(len(post.body) for post in posts)
            try:
                results = await asyncio.get_running_loop().run_in_executor(self._thread, self._note, posts)
            except Exception as error:  # noqa: BLE001 -- whatever it is, each of them gets its answer
                results = [error] * len(posts)
            for post, result in zip(posts, results, strict=True):
                self._answer(post, result)

    def _answer(self, post: _Post, result: Noted | Exception) -> None:
        if isinstance(result, Noted) and result.fresh:
            self._noted(post.ucm, result.fresh)
        if post.done.done():  # nobody waits for it any more
            return
        if isinstance(result, Noted):
            post.done.set_result(result)
        else:
            post.done.set_exception(result)

    # In the thread from here on.

    def _note(self, posts: Sequence[_Post]) -> list[Noted | Exception]:
        results: list[Noted | Exception] = []
        keys: dict[bytes, None] = {}
        fresh: dict[str, list[Call]] = {}
        for post in posts:
            try:
                parsed = read_calls(post.body, post.zone)
            except Unreadable as error:
                results.append(error)
                continue
            new = {key: call for call in parsed.calls if (key := _key(post.ucm, call)) not in self._seen and key not in keys}
            keys |= dict.fromkeys(new)
            fresh.setdefault(post.ucm, []).extend(new.values())
            results.append(Noted(len(parsed.calls), tuple(new.values()), parsed.unknown))
        for ucm, calls in fresh.items():
            self._catalog.upsert_calls(ucm, calls, "push")
        self._remember(keys)  # only now: what could not be noted comes again
        return results

    def _remember(self, keys: Iterable[bytes]) -> None:
        self._seen |= dict.fromkeys(keys)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _key(ucm: str, call: Call) -> bytes:
    """What tells a record with all that it says from another, in a few bytes."""
    return blake2b(repr((ucm, call)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
