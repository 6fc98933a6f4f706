"""Bytes of an archive as they arrive, unpacked in a thread of its own.

A cut stream gives up everything that it held: nothing is read ahead that isn't delivered. What is no archive is told by its first bytes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from isal import igzip_lib

from converters.sniff import sniff
from scraper.errors import NotAnArchive, ScraperError

#: Packed bytes asked for at once.
_READ_BYTES = 1 << 20
#: Unpacked bytes made at once: small enough for the processor's cache, and all that can be lost where packed data is damaged.
_BLOCK_BYTES = 1 << 18
_TAR_BLOCK = 512
#: Blocks that wait between the two threads.
_BLOCKS_AHEAD = 32
#: How often a reader that waits for bytes looks whether it should stop, in seconds.
_GLANCE_SECONDS = 0.2

_WHAT = {
    "empty": "an empty file",
    "html": "a web page",
    "json": "a JSON answer",
    "xml": "an XML document",
    "text": "plain text",
    "zip": "a zip archive",
    "riff": "a single WAV file",
    "gsff": "a single recording",
}


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may ask of us. Sizes in bytes.

    ``ratio`` is unpacked by packed size, judged from ``ratio_from`` unpacked bytes on: deflate can't go beyond 1032, and recordings of pure
    silence, whose headers compress badly, stay below 1000; what is above is made to harm.
    """

    member_bytes: int = 2 << 30
    members: int = 1_000_000
    unpacked_bytes: int = 2 << 40
    ratio: int = 1000
    ratio_from: int = 1 << 30
    name_chars: int = 4096
    header_bytes: int = 1 << 16
    in_memory_bytes: int = 16 << 20


class Stopped(Exception):
    """Somebody asked to stop while bytes were awaited."""


def not_an_archive(kind: str) -> NotAnArchive:
    """The error for a body that is something else; ``kind`` is :func:`converters.sniff.sniff`'s word."""
    return NotAnArchive(f"An archive of recordings was expected, but {_WHAT.get(kind, f'something else ({kind})')} came.", kind=kind)


class Inflated:
    """The unpacked bytes of a stream, in order, for one reader. A context manager: leaving it ends the thread.

    After the end: ``damage`` says in a sentence why the bytes are not all there or not to be trusted, or is None; ``checked`` whether a
    checksum proved them all; ``corrupt`` whether one failed, or what it covers can't be unpacked. ``read_bytes`` counts what the stream
    gave. An error of the stream is raised from :meth:`take` and :meth:`pieces` after the last byte before it.
    """

    def __init__(self, stream: BinaryIO, limits: ArchiveLimits, stop: threading.Event | None = None) -> None:
        self.damage: str | None = None
        self.checked = False
        self.corrupt = False
        self.read_bytes = 0
        self._stream = stream
        self._limits = limits
        self._stop = stop or threading.Event()
        self._closed = threading.Event()
        self._unpacked = 0
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_BLOCKS_AHEAD)
        self._error: OSError | ScraperError | None = None
        self._died = True
        self._block = memoryview(b"")
        self._ended = False
        # A daemon: a stream that blocks for ever must not keep the process.
        self._thread = threading.Thread(target=self._run, name="inflate", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()
        while not self._ended:  # make room, so that a thread that waits to hand over a block sees that it may go
            try:
                self._ended = self._blocks.get_nowait() is None
            except queue.Empty:
                break
        self._thread.join(timeout=1)

    # The reader's side.

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end. Raises the stream's error, NotAnArchive, and :class:`Stopped`."""
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next ``size`` bytes without copying them; fewer only at the end. Raises like :meth:`take`."""
        while size > 0:
            if not self._block and not self._next_block():
                return
            piece = self._block[:size]
            self._block = self._block[len(piece) :]
            size -= len(piece)
            yield piece

    def _next_block(self) -> bool:
        while not self._ended:
            if self._stop.is_set():
                raise Stopped
            try:
                block = self._blocks.get(timeout=_GLANCE_SECONDS)
            except queue.Empty:
                continue
            if block is not None:
                self._block = memoryview(block)
                return True
            self._ended = True
        if self._error is not None:
            raise self._error
        if self._died:
            raise ScraperError("The archive's reader ended unexpectedly.")
        return False

    # The thread's side.

    def _run(self) -> None:
        try:
            self._pump()
            self._died = False
        except (OSError, ScraperError) as error:
            self._error = error
        except _Closed:
            self._died = False
        finally:
            self._hand_over(None)

    def _pump(self) -> None:
        head = b""
        while len(head) < _TAR_BLOCK and (more := self._read()):
            head += more
        kind = sniff(head[:4096])
        if kind == "gzip":
            self._gunzip(head)
        elif kind == "tar" or (len(head) >= _TAR_BLOCK and not any(head[:_TAR_BLOCK])):  # an empty tar is zeros
            while head:
                self._deliver(head)
                head = self._read()
        else:
            raise not_an_archive(kind)

    def _gunzip(self, data: bytes) -> None:
        """One gzip member after the other; anything else after a whole one is ignored."""
        while data.startswith(b"\x1f\x8b") and self.damage is None:
            data = self._gunzip_member(data)
            while len(data) < 2 and (more := self._read()):
                data += more
        self.checked = self.damage is None
        while self.damage is None and self._read():
            pass

    def _gunzip_member(self, data: bytes) -> bytes:
        """Unpack a gzip member that starts with ``data``; returns what follows it."""
        inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        while not inflater.eof:
            try:
                block = inflater.decompress(data, _BLOCK_BYTES)
            except igzip_lib.IsalError:  # type: ignore[misc]  # its stubs take the class for an instance
                self.damage, self.corrupt = "the packed data is damaged (gzip)", True
                return b""
            if block:
                self._deliver(block)
            if self.damage is not None:
                return b""
            data = b""
            if inflater.needs_input and not inflater.eof:
                data = self._read()
                if not data:
                    self.damage = "the archive was cut short"
                    return b""
        return bytes(inflater.unused_data)

    def _read(self) -> bytes:
        if self._closed.is_set():
            raise _Closed
        data = self._stream.read(_READ_BYTES)
        self.read_bytes += len(data)
        return data

    def _deliver(self, block: bytes) -> None:
        self._unpacked += len(block)
        limits = self._limits
        if self._unpacked > limits.unpacked_bytes:
            self.damage = f"the archive unpacks to more than {limits.unpacked_bytes} bytes"
        elif self._unpacked > limits.ratio_from and self._unpacked > limits.ratio * self.read_bytes:
            self.damage = f"the archive unpacks to more than {limits.ratio} times its size"
        else:
            self._hand_over(block)

    def _hand_over(self, block: bytes | None) -> None:
        while True:
            try:
                self._blocks.put(block, timeout=_GLANCE_SECONDS)
                return
            except queue.Full:
                if self._closed.is_set():
                    if block is None:
                        return
                    raise _Closed from None


class _Closed(Exception):
    """The reader has gone."""
