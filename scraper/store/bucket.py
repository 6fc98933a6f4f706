"""A store in an S3 bucket.

An object appears whole or not at all: what is small is held in memory until it is placed, by one request; what is larger is sent in parts
to a hidden key while it is written, completed there when it is sealed, and placed by a copy within the service. Nothing lies on this
machine's disk. To replace nothing, a write is made conditional where the service knows conditions (the marker tells); elsewhere the place
is looked at before, which suffices while the caller holds the UCM's lock.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from converters.sized import SizedFile
from scraper.errors import ConfigError, StorageError, StoreUnwritable, StoreVanished
from scraper.models import Identity
from scraper.names import MAX_NAME_BYTES, component
from scraper.store.interface import INCOMING, MARKER, Incoming, Originals, StoredPath, StoreSettings
from scraper.store.s3 import Bucket, NotSupported
from scraper.store.template import Template

#: What is sent at once; files up to this size are held in memory until they are placed.
PART_BYTES = 8 << 20
#: What is read at once.
_READ_BYTES = 4 << 20
_MAX_KEY_BYTES, _MAX_PREFIX_BYTES = 1024, 200


class _Parts(io.RawIOBase):
    """Bytes on their way to a hidden object; as long as they are fewer than a part's, only in memory."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self.key = key
        self.held = io.BytesIO()
        self._upload: Mapping[str, Any] | None = None
        self._sent: list[Mapping[str, Any]] = []
        self.completed = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Take all of it; what makes a part is sent at once. Raises :class:`~scraper.errors.StorageError`."""
        taken = self.held.write(data)
        if self.held.tell() >= PART_BYTES:
            self._send()
        return taken

    def complete(self) -> None:
        """Make the hidden object of the parts; nothing where there are none."""
        if self._upload is None or self.completed:
            return
        if self.held.tell():
            self._send()
        self._bucket.call(
            "complete_multipart_upload",
            Key=self.key,
            UploadId=self._upload["UploadId"],
            MultipartUpload={"Parts": self._sent},
        )
        self.completed = True

    def forget(self) -> None:
        """Leave nothing of it in the bucket nor in memory."""
        self.held = io.BytesIO()
        if self.completed:
            self._bucket.delete(self.key)
        elif self._upload is not None:
            abort(self._bucket, self._upload)
        self._upload, self.completed = None, False

    def _send(self) -> None:
        if self._upload is None:
            self._upload = {**self._bucket.call("create_multipart_upload", Key=self.key), "Key": self.key}
        self._sent.append(self._bucket.put_part(self._upload, len(self._sent) + 1, self.held.getvalue()))
        self.held = io.BytesIO()


class BucketFile:
    """An :class:`Incoming` of a :class:`BucketStore`."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self.parts = _Parts(bucket, key)
        self.file: BinaryIO = cast(BinaryIO, self.parts)

    @property
    def buffered(self) -> int:
        """See :class:`Incoming`."""
        return self.parts.held.tell()

    def seal(self) -> None:
        """Everything is written: a large file is a hidden object from here on."""
        self.parts.complete()

    def discard(self) -> None:
        """Forget it, unless placed; a service that can't be asked now is cleaned up by the next job."""
        try:
            self.parts.forget()
        except (StorageError, FileNotFoundError):
            return


class _Reader(SizedFile):
    """An object's bytes, by position. Raises OSError, :class:`~scraper.errors.StorageError`."""

    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        super().__init__(size)
        self._bucket, self._key = bucket, key

    def read_at(self, at: int, length: int) -> bytes:
        return self._bucket.read(self._key, at, length)

    def readall(self) -> bytes:
        """The rest, in large pieces."""
        return b"".join(iter(lambda: self.read(_READ_BYTES) or b"", b""))


class BucketStore:
    """The part of a bucket below the prefix of ``store.url``."""

    #: A request waits for its answer far longer than it works.
    threads = 16

    def __init__(self, settings: StoreSettings) -> None:
        self._url = settings.url
        self._prefix = f"{prefix}/" if (prefix := unquote(urlsplit(settings.url).path).strip("/")) else ""
        if len(self._prefix.encode()) > _MAX_PREFIX_BYTES:
            raise ConfigError(f"store.url: what follows the bucket is longer than {_MAX_PREFIX_BYTES} bytes.")
        self._bucket = Bucket(settings)
        self._template = Template(settings.template, MAX_NAME_BYTES, _MAX_KEY_BYTES - len(self._prefix.encode()))
        self.originals: Originals = settings.originals
        self._conditions = False
        #: What was written and not yet seen, with its ETag where that is known.
        self._unseen: dict[str, str | None] = {}

    def open_marker(self, *, create: bool) -> str:
        """See :meth:`Store.open_marker`; also finds out whether the service knows conditional writes."""
        # Its id follows from the place, so that jobs that begin the same store at the same time write the same.
        new = json.dumps({"id": hashlib.sha256(f"{self._bucket.name}/{self._prefix}".encode()).hexdigest()[:32]}).encode()
        try:
            marker = self._read_marker() or (new if create else None)
            if marker is None:
                raise self.vanished("lacks its marker: it is empty, or another one than before")
            self._conditions = self._writes_only_new(marker)
            return str(json.loads(marker)["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise self.vanished("has a damaged marker file") from error

    def vanished(self, how: str) -> StoreVanished:
        """See :meth:`Store.vanished`."""
        return StoreVanished(
            f"The recordings' store {self._url} {how}.",
            remedy=f"Set store.url, store.endpoint_url and store.region to where it is now; a copy of it needs its object {MARKER} too. To"
            " start over on purpose, move the catalog away as well (`ucm-scraper config show` names it under catalog.url).",
        )

    def probe(self) -> None:
        """Raise what would keep a first job from storing here; leaves nothing behind."""
        key = self._key(f"{INCOMING}/probe")  # always the same: what a kill leaves goes with the next
        self._read_marker()
        self._bucket.put(key, b"")
        self._bucket.delete(key)

    def path_for(self, identity: Identity, *, name: str | None = None, mark: str = "") -> StoredPath:
        """See :meth:`Store.path_for`."""
        return self._template.path_for(identity, name, mark)

    def receive(self, ucm: str) -> BucketFile:
        """See :meth:`Store.receive`."""
        return BucketFile(self._bucket, self._key(f"{INCOMING}/{component(ucm)}/{secrets.token_hex(12)}"))

    def place(self, incoming: Incoming, path: str) -> bool:
        """See :meth:`Store.place`."""
        assert isinstance(incoming, BucketFile)
        # Copies are not made conditional: fewer services know that, and what doesn't know it replaces silently.
        conditional = self._conditions and not incoming.parts.completed
        if not conditional and self.exists(path):
            return False
        try:
            self._put(incoming, path, new=conditional)
        except FileExistsError:
            return False
        return True

    def replace(self, incoming: Incoming, path: str) -> None:
        """See :meth:`Store.replace`."""
        assert isinstance(incoming, BucketFile)
        self._put(incoming, path, new=False)

    def move(self, path: str, to: str) -> None:
        """See :meth:`Store.move`. A crash in between leaves both; :mod:`scraper.ingest.filing` removes the one that is nobody's."""
        try:
            self._bucket.copy(self._key(path), self._key(to))
        except FileNotFoundError as error:
            raise StoreUnwritable("A stored file that was to be moved is not there.") from error
        self._unseen[to] = None
        self.remove(path)

    def remove(self, path: str) -> None:
        """See :meth:`Store.remove`."""
        self._unseen.pop(path, None)
        self._bucket.delete(self._key(path))

    def sync(self, paths: list[str]) -> None:
        """See :meth:`Store.sync`: what the service took lasts; it may be seen later, where it is consistent only eventually."""
        if written := {self._key(path): self._unseen.pop(path) for path in paths if path in self._unseen}:
            self._bucket.await_visible(written)

    def exists(self, path: str) -> bool:
        """See :meth:`Store.exists`."""
        return self._bucket.head(self._key(path)) is not None

    def open(self, path: str) -> BinaryIO:
        """See :meth:`Store.open`; a service that can't be asked is a :class:`~scraper.errors.StorageError` all the same."""
        found = self._bucket.head(self._key(path))
        if found is None:
            raise FileNotFoundError("There is no such object")
        return io.BufferedReader(_Reader(self._bucket, self._key(path), int(found["ContentLength"])), _READ_BYTES)

    def digest(self, path: str) -> str:
        """See :meth:`Store.digest`; errors as of :meth:`open`."""
        digest, at = hashlib.sha256(), 0
        while block := self._bucket.read(self._key(path), at, _READ_BYTES):
            digest.update(block)
            at += len(block)
            if len(block) < _READ_BYTES:
                break
        return digest.hexdigest()

    def paths(self, folder: str) -> Iterator[str]:
        """See :meth:`Store.paths`."""
        return (key.removeprefix(self._prefix) for key in self._bucket.keys(self._key(f"{folder}/" if folder else "")))

    def free(self) -> None:
        """See :meth:`Store.free`: a bucket doesn't say."""

    def check_free(self) -> None:
        """See :meth:`Store.check_free`: a service says that it is full when it is."""

    def remove_leftovers(self, ucm: str) -> int:
        """See :meth:`Store.remove_leftovers`. Uploads that the service doesn't list, it ends itself, or a lifecycle rule of the bucket."""
        prefix = self._key(f"{INCOMING}/{component(ucm)}/")
        uploads, keys = list(self._bucket.uploads(prefix)), list(self._bucket.keys(prefix))
        for upload in uploads:
            abort(self._bucket, upload)
        for key in keys:
            self._bucket.delete(key)
        return len(uploads) + len(keys)

    def _put(self, incoming: BucketFile, path: str, *, new: bool) -> None:
        parts, key = incoming.parts, self._key(path)
        if parts.completed:
            self._bucket.copy(parts.key, key)
            self._unseen[path] = None
        else:
            self._unseen[path] = self._bucket.put(key, parts.held.getvalue(), new=new)
        incoming.discard()

    def _read_marker(self) -> bytes | None:
        try:
            return self._bucket.read(self._key(MARKER), 0, _READ_BYTES)
        except FileNotFoundError:
            return None

    def _writes_only_new(self, marker: bytes) -> bool:
        """Whether the service knows conditional writes; afterwards the marker is there, and the store known to be writable."""
        for _ in range(2):  # the first may have made it
            try:
                self._bucket.put(self._key(MARKER), marker, new=True)
            except FileExistsError:
                return True
            except NotSupported:
                self._bucket.put(self._key(MARKER), marker)
                return False
        return False

    def _key(self, path: str) -> str:
        return self._prefix + path


def abort(bucket: Bucket, upload: Mapping[str, Any]) -> None:
    """End an unfinished upload; harmless where it has ended."""
    try:
        bucket.call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
    except FileNotFoundError:
        return
