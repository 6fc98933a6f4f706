"""Compares the manifests (:mod:`.manifests`) with one another and with the catalog: what was changed or lost, by day and number."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from scraper.catalog import Catalog, Manifest
from scraper.store import BLOCK_BYTES, Store

_T = TypeVar("_T")
_AT_ONCE, _LONGEST_LINE = 500, 64 << 10
_CHANGED = "the manifest's file is not what was written"
_LATER = "not in a manifest yet"
#: What can be done where the manifests and the archive disagree.
WHAT_NOW = (
    "Somebody or something changed or lost what is named here: compare with a backup of the store and of the catalog from before, and"
    " see who can write there."
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong: in the manifest of a ``day``, and with which recording, by its number in the catalog."""

    day: str
    recording: int | None
    what: str


@dataclass(slots=True)
class Chain:
    """What a look at a UCM's manifests found. ``lost``: recordings whose loss the archive itself noticed, and the manifests tell."""

    ucm: str
    manifests: list[Manifest] = field(default_factory=list)
    lines: int = 0
    lost: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.flaws

    @property
    def head(self) -> Manifest | None:
        """The newest one: whoever keeps its hash elsewhere can have all of them proved later."""
        return self.manifests[-1] if self.manifests else None

    def proves(self, sha256: str) -> bool:
        """Whether the manifest with this hash (hex) is one of the chain's, and so are all that were before it."""
        return any(one.sha256 == sha256 for one in self.manifests)


def check(catalog: Catalog, store: Store, ucm: str, progress: Callable[[], None] = lambda: None) -> Chain:
    """Read a UCM's manifests from the first to the last; ``progress`` is called after each.

    Each is the file that was written and follows the one before; each recording that they tell of is in the catalog with the hash that they
    tell last, or was let go of on purpose (it has its tombstone); each recording in the catalog is told of. The files of the recordings
    are not looked at: :func:`scraper.proof.verify.verify` compares these with the catalog. Only reads. A job may work meanwhile. Raises
    :class:`~scraper.errors.StorageError` from the catalog.
    """
    comparison = _Comparison(catalog, store, ucm)
    while True:
        for manifest in catalog.manifests(ucm, comparison.number):
            comparison.follow(manifest)
            progress()
        comparison.follow_untold()
        if not catalog.manifests(ucm, comparison.number):  # else one was written just now, of what was untold until then
            return comparison.end()


class _Comparison:
    """One UCM's, while it goes on. What it remembers of a recording is a byte, unless something seems wrong with it."""

    def __init__(self, catalog: Catalog, store: Store, ucm: str) -> None:
        self._catalog, self._store, self._ucm = catalog, store, ucm
        self.chain = Chain(ucm)
        self.number = 0
        self._previous: str | None = None
        self._ids = catalog.archived_ids(ucm)  # first: what is archived from now on may be told of too late for us
        self._told = bytearray(len(self._ids))
        self._all_read = True
        #: What a later line may explain: a recording under a hash that it doesn't have.
        self._odd: dict[tuple[int, str], Flaw] = {}

    def follow(self, manifest: Manifest) -> None:
        """The next manifest of the catalog's."""
        self.chain.manifests.append(manifest)
        if manifest.number != self.number + 1:
            self._flaw(manifest, f"manifest {self.number + 1} is gone from the catalog")
            self._all_read = False
        try:
            with self._store.open(manifest.path) as file:
                self._read(manifest, file)
        except FileNotFoundError:
            self._unread(manifest, "the manifest's file is gone from the store")
        except OSError as error:
            self._unread(manifest, f"the manifest's file can't be read: {error.strerror}")
        except (ValueError, KeyError, TypeError, AttributeError):
            self._unread(manifest, _CHANGED)
        self.number, self._previous = manifest.number, manifest.sha256

    def follow_untold(self) -> None:
        """What the next manifest will tell."""
        untold = self._catalog.untold(self._ucm)
        self._compare(
            _LATER, ({"id": one.recording_id, "sha256": one.sha256, "replaces": one.replaces, "gone": one.gone} for one in untold)
        )

    def end(self) -> Chain:
        """What stays unexplained."""
        self.chain.flaws += self._odd.values()
        if self._all_read:
            for some in _chunks(number for number, told in zip(self._ids, self._told, strict=True) if not told):
                there = self._catalog.hashes_of(self._ucm, some)
                self.chain.flaws += [Flaw("", number, "it is in the catalog, and no manifest tells of it") for number in there]
        return self.chain

    def _read(self, manifest: Manifest, file: BinaryIO) -> None:
        digest, before = hashlib.sha256(), self.chain.lines
        lines = map(json.loads, _lines(file, digest.update))
        head: Mapping[str, Any] = next(lines, {})
        if (head.get("ucm"), head.get("number"), head.get("day")) != (self._ucm, manifest.number, manifest.day):
            self._flaw(manifest, "the manifest's file is another one's")
        elif head.get("previous") != self._previous:
            self._flaw(manifest, "the manifest doesn't follow the one before")
        self._compare(manifest.day, lines)
        if digest.hexdigest() != manifest.sha256 or self.chain.lines - before != manifest.lines:
            self._unread(manifest, _CHANGED)

    def _compare(self, day: str, lines: Iterable[Mapping[str, Any]]) -> None:
        for some in _chunks(lines):
            held = self._catalog.hashes_of(self._ucm, [line["id"] for line in some])
            others = [line["id"] for line in some if held.get(line["id"]) != line["sha256"] and not line.get("gone")]
            let_go = self._catalog.let_go(self._ucm, others) if others else set()
            for line in some:
                self._compare_one(day, line, held, let_go)

    def _compare_one(self, day: str, line: Mapping[str, Any], held: Mapping[int, str], let_go: set[tuple[int, str]]) -> None:
        number, sha256 = line["id"], line["sha256"]
        self.chain.lines += day != _LATER
        self._odd.pop((number, line.get("replaces") or ""), None)
        self._odd.pop((number, sha256), None)
        if line.get("gone"):
            self.chain.lost += day != _LATER
        elif held.get(number) == sha256:
            at = bisect_left(self._ids, number)
            if at < len(self._ids) and self._ids[at] == number:
                self._told[at] = 1
        elif (number, sha256) not in let_go:
            what = "it has another hash in the catalog" if number in held else "it is gone from the catalog"
            self._odd[number, sha256] = Flaw(day, number, what)

    def _flaw(self, manifest: Manifest, what: str) -> None:
        self.chain.flaws.append(Flaw(manifest.day, None, what))

    def _unread(self, manifest: Manifest, what: str) -> None:
        """Nothing can be concluded from what it doesn't tell."""
        self._flaw(manifest, what)
        self._all_read = False


def _lines(file: BinaryIO, seen: Callable[[bytes], object]) -> Iterator[bytes]:
    """A file's lines; ``seen`` is given all of its bytes."""
    rest = b""
    while block := file.read(BLOCK_BYTES):
        seen(block)
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST_LINE:
            raise ValueError("no manifest")
    if rest:
        yield rest


def _chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while some := list(islice(iterator, _AT_ONCE)):
        yield some
