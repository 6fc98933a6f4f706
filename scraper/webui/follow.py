"""Reads a download while the browser is still writing it.

Chromium first makes an empty placeholder, writes ``<guid>.crdownload`` and renames it to ``<guid>`` at the end. When a connection
breaks it starts over by itself (up to five times), in the same file or in a new one of the same name, and at last removes it: what is open
by then can still be read. What was read stays valid as long as the new bytes agree with the old. Another download's file may lie in the
same folder: ours is one that was not there before, and at a good end the browser says which.
"""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path
from typing import Any

from scraper.errors import DownloadFailed

_POLL_SECONDS = 0.005
_OVERLAP = 4096
_RESTARTS_WITHOUT_GAIN = 2
_LOOKS_FOR_FINAL_NAME = 400


class GrowingDownload(io.RawIOBase):
    """A readable stream over a file that grows in ``folder``; ``read`` blocks until there is more, and ends when the download does.

    One thread reads; another tells how the download ended with :meth:`ended`. Raises :class:`DownloadFailed` from ``read`` where the
    download stalled for ``stall_seconds``, broke off, or started over with other bytes; everything that had arrived is read before.
    """

    def __init__(self, folder: Path, stall_seconds: float, others: frozenset[str] = frozenset()) -> None:
        """``others``: the :func:`guids` of the folder before this download was asked for."""
        super().__init__()
        self._folder = folder
        self._others = others
        self._guid: str | None = None
        self._stall_seconds = stall_seconds
        self._opening = threading.Lock()
        self._ended = threading.Event()
        self._begun = threading.Event()
        self._failure: str | None = None
        self._arrived_as: str | None = None
        self._file: io.FileIO | None = None
        self._tail = b""
        self._seen = 0
        self._looks = 0
        self._furthest = 0
        self._restarts = 0
        self._last_growth: float | None = None
        self.position = 0

    def hold(self) -> bool:
        """Open the file if there is one, before anybody reads: a download that breaks off at once leaves none. Whether one is open."""
        with self._opening:
            if self._file is None:
                self._file = self._open()
        return self._file is not None

    def let_go(self) -> None:
        """What was held before the first read may be another download's: look again."""
        with self._opening:
            if self._file:
                self._file.close()
            self._file = self._guid = None

    def ended(self, failure: str | None, path: Path | None = None) -> None:
        """Tell that the browser is done with the download; ``failure`` is its reason, None where it arrived whole, in ``path``."""
        self._failure, self._arrived_as = failure, path.stem if path else None
        self._ended.set()
        self._begun.set()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with what has arrived; 0 only at the end of a download that arrived whole."""
        if self._last_growth is None:
            self._last_growth = time.monotonic()
        while True:
            ended = self._ended.is_set()  # before looking at the size: what came until then is read
            size = self._size()
            self._watch(size)
            if size > self.position and self._agrees():
                return self._take(buffer)
            if ended and (self._file or self._failure or self._waited_in_vain()):
                return self._end(size)
            if time.monotonic() - self._last_growth > self._stall_seconds:
                raise DownloadFailed(f"The download stalled: nothing arrived for {self._stall_seconds:.0f} s.", received=self.position)
            time.sleep(_POLL_SECONDS)

    def head(self, count: int) -> bytes:
        """The first ``count`` bytes, fewer where it ended before; reading starts with them all the same. Blocks and raises as ``read``."""
        found = b""
        while len(found) < count and (more := self.read(count - len(found))):
            found += more
        self.position, self._tail = 0, b""
        return found

    def wait_for_first_byte(self) -> bool:
        """Block until a byte was read, or it is over: whether one was."""
        self._begun.wait()
        return self.position > 0

    def close(self) -> None:
        """Let go of the file."""
        self._begun.set()
        if self._file:
            self._file.close()
        super().close()

    def remove(self) -> None:
        """Remove what the browser left of it."""
        for path in self._folder.iterdir():
            if path.stem == self._guid:
                path.unlink(missing_ok=True)

    def _size(self) -> int:
        """Bytes in the file that is followed now."""
        if not self.hold():
            return 0
        assert self._file is not None
        state = os.fstat(self._file.fileno())
        if state.st_nlink == 0 and state.st_size <= self.position and (newer := self._open()):  # it was started over in a new file
            self._file.close()
            self._file = newer
            return os.fstat(newer.fileno()).st_size
        return state.st_size

    def _open(self) -> io.FileIO | None:
        path = self._find()
        try:
            file = io.FileIO(path, "rb") if path else None
        except FileNotFoundError:  # renamed this very moment
            return None
        self._guid = path.stem if path else self._guid
        return file

    def _find(self) -> Path | None:
        """The file that holds the download: the largest, no empty placeholder; an empty one only where the download was empty."""
        sizes = {path: size for path in self._folder.iterdir() if self._is_ours(path) and (size := _size_of(path)) is not None}
        if self._ended.is_set() and not any(sizes.values()):
            return next((path for path in sizes if path.suffix != ".crdownload"), None)
        return max((path for path in sizes if sizes[path]), key=sizes.__getitem__, default=None)

    def _is_ours(self, path: Path) -> bool:
        return path.stem not in self._others and self._guid in (None, path.stem)

    def _take(self, buffer: memoryview) -> int:
        assert self._file is not None
        count = os.preadv(self._file.fileno(), [buffer], self.position)
        self.position += count
        self._begun.set()
        keep = bytes(buffer[max(0, count - _OVERLAP) : count])
        self._tail = (self._tail + keep)[-_OVERLAP:]
        return count

    def _agrees(self) -> bool:
        """Whether the bytes just before our position are still those that we read: the browser may have started the file over."""
        assert self._file is not None
        if os.pread(self._file.fileno(), len(self._tail), self.position - len(self._tail)) == self._tail:
            return True
        raise DownloadFailed("The download broke off and started over with other bytes.", received=self.position)

    def _watch(self, size: int) -> None:
        """Let the browser start over while that gets further; give up once we hold all that several tries brought."""
        if size < self._seen:
            self._restarts = 0 if self._seen > self._furthest else self._restarts + 1
            self._furthest = max(self._furthest, self._seen)
        if size != self._seen:
            self._seen, self._last_growth = size, time.monotonic()
        if self._restarts >= _RESTARTS_WITHOUT_GAIN and self.position >= self._furthest:
            raise DownloadFailed(f"The download broke off again and again after {self._furthest} bytes.", received=self.position)

    def _waited_in_vain(self) -> bool:
        """Whether a download that ended well has had time to appear under its final name, and did not."""
        self._looks += 1
        return self._looks > _LOOKS_FOR_FINAL_NAME

    def _end(self, size: int) -> int:
        if self._failure is not None:
            raise DownloadFailed(f"The download broke off ({self._failure}).", received=self.position)
        if self._guid is None:
            raise DownloadFailed("The browser's file of the download never appeared.")
        if self._arrived_as not in (None, self._guid):
            raise DownloadFailed("Another download's file was read in its place.")
        if size < self.position:
            raise DownloadFailed("The download started over and ended shorter than before.", received=self.position)
        return 0


def guids(folder: Path) -> frozenset[str]:
    """The downloads whose files lie in ``folder``."""
    return frozenset(path.stem for path in folder.iterdir())


def _size_of(path: Path) -> int | None:
    """Bytes in a file; None where it is gone this very moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
