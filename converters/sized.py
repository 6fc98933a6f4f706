"""A file of known size whose bytes are made when they are asked for."""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import Any


class SizedFile(io.RawIOBase):
    """Reads and seeks; a subclass says by :meth:`read_at` what lies where. Positions are bytes, never beyond ``size``."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._at = 0

    @abstractmethod
    def read_at(self, at: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``at``, which both lie inside; it may raise what reading raises."""

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; one outside becomes the nearest inside."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = min(max(base + offset, 0), self.size)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, or less of it."""
        wanted = min(len(buffer), self.size - self._at)
        data = self.read_at(self._at, wanted) if wanted else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
