"""A recording's file in the store: opened by its catalogued path and nothing else, and judged before anybody gets it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Literal

from scraper.catalog import Recording
from scraper.errors import StorageError
from scraper.proof.verify import WHAT_NOW
from scraper.settings import Settings
from scraper.store import BLOCK_BYTES, reading_store

Condition = Literal["ok", "missing", "changed", "unreadable"]

#: Up to this size a file is compared with its hash whenever somebody looks at its recording: 50 ms.
_HASHED_BYTES = 16 << 20
_SENTENCES = {
    "missing": "The recording's file is not in the store any more.",
    "changed": "The recording's file in the store is not what was stored.",
    "unreadable": "The recording's file in the store can't be read.",
}
_OTHER_TYPE = "application/octet-stream"
_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".flac": "audio/flac"}
#: Every media type that a stored file may have.
MEDIA_TYPES = (*dict.fromkeys(_TYPES.values()), _OTHER_TYPE)


class NotAsStored(StorageError):
    """The recording's file in the store is not as it was stored."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        super().__init__(_SENTENCES[condition], remedy=WHAT_NOW[condition])


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An open file of ``size`` bytes, to be closed; ``name`` as people know it, ``type`` its media type."""

    file: BinaryIO
    size: int
    name: str
    type: str


def open_stored(settings: Settings, recording: Recording) -> StoredFile:
    """Open a recording's file, at its beginning.

    Raises :class:`NotAsStored`, also where its size isn't the catalogued one, and where the store can't be asked another
    :class:`~scraper.errors.StorageError`.
    """
    try:
        file = reading_store(settings.store).open(recording.path)
    except FileNotFoundError as error:
        raise NotAsStored("missing") from error
    except OSError as error:
        raise NotAsStored("unreadable") from error
    if file.seek(0, os.SEEK_END) != recording.size:
        file.close()
        raise NotAsStored("changed")
    file.seek(0)
    path = PurePosixPath(recording.path)
    return StoredFile(file, recording.size, path.name, _TYPES.get(path.suffix.lower(), _OTHER_TYPE))


def condition_of(settings: Settings, recording: Recording) -> Condition:
    """How a recording's file is; of one larger than 16 MiB only its size tells."""
    try:
        stored = open_stored(settings, recording)
        with stored.file as file:
            if stored.size <= _HASHED_BYTES and _digest(file) != recording.sha256:
                return "changed"
    except NotAsStored as error:
        return error.condition
    except (OSError, StorageError):
        return "unreadable"
    return "ok"


def trouble(condition: Condition) -> NotAsStored | None:
    """What to tell of a file in this condition."""
    return None if condition == "ok" else NotAsStored(condition)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
