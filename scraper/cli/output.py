"""stdout, for results alone: JSON lines, tables and texts. A reader that has gone away ends nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from scraper.errors import StorageError


def emit(text: str) -> bool:
    """A line (or several) on stdout. Once nobody reads it any more, further ones go nowhere, and the job in hand goes on.

    False when the reader has just been found gone: whoever only lists can end then.
    Raises :class:`StorageError` where it can't be written for another reason, such as a full disk.
    """
    return emit_bytes((text + "\n").encode("utf-8", "backslashreplace"))


def emit_bytes(data: bytes | memoryview) -> bool:
    """Bytes on stdout, at once; as :func:`emit`."""
    if sys.stdout is None:
        return False
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _to_nowhere()
        return False
    except OSError as error:
        _to_nowhere()
        raise StorageError(f"The output can't be written: {error.strerror}.", remedy="Check where stdout goes.") from error
    return True


def _to_nowhere() -> None:
    """Put /dev/null in stdout's place, so that neither we nor Python's own flush at exit fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def emit_json(value: Any) -> bool:
    """One object on one line; as :func:`emit`."""
    return emit(json.dumps(value, ensure_ascii=False))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they need to be, never cut: file names can be copied. Numbers stand to the right."""
    kept = list(rows)
    cells = [["" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in kept]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    right = [any(isinstance(row[index], int) for row in kept) for index in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(row, widths, right, strict=True)
        )

    return "\n".join(line(row).rstrip() for row in [list(headers), *cells])
