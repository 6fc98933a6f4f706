"""What an archive is made of: members that are whole recordings, with their bytes in memory or spooled, and those that are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from converters.interface import Source

_NO_FILES = {b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"5": "a folder", b"6": "a named pipe"}
#: A hard link is another name of a file that came before: that one had bytes.
WITHOUT_DATA = {b"1": "a hard link"} | _NO_FILES
#: What never holds a recording's bytes, whatever its name.
NO_RECORDING = frozenset(_NO_FILES.values())


class PiecesSource:
    """A member in memory, in the pieces in which it was unpacked: joining them would copy every recording once more."""

    def __init__(self, pieces: Iterable[memoryview]) -> None:
        self._pieces = list(pieces)
        self.size = sum(map(len, self._pieces))

    def pieces(self, offset: int, length: int) -> Iterator[memoryview]:
        """``length`` bytes from ``offset``, or what there is of them, without copying."""
        for piece in self._pieces:
            if offset < len(piece) and length > 0:
                part = piece[offset : offset + length]
                length -= len(part)
                yield part
            offset = max(0, offset - len(piece))

    def read(self, offset: int, length: int) -> bytes:
        """A copy of up to ``length`` bytes from ``offset``."""
        return b"".join(self.pieces(offset, length))


class SpooledSource:
    """A member that is too large for memory, in a nameless file that the kernel removes; closed after use."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; raises OSError."""
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Free it."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file that is whole.

    ``name`` is its base name, clean unicode; ``month`` the nearest folder above it that is one; ``untrusted`` says why its header isn't to
    be believed, or is None. Call :meth:`close` when done with ``source``.
    """

    name: str
    month: str | None
    size: int
    source: Source
    untrusted: str | None = None

    @property
    def in_memory(self) -> int:
        """Bytes of memory that it holds."""
        return self.size if isinstance(self.source, PiecesSource) else 0

    def close(self) -> None:
        """Free a spooled file."""
        if isinstance(self.source, SpooledSource):
            self.source.close()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A member that is not delivered, and why; ``name``, ``month`` and ``size`` as a :class:`Member`'s."""

    name: str
    month: str | None
    size: int
    why: str
