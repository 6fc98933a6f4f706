"""Puts a better conversion in a stored one's place, under the same identity, so that a crash at any moment leaves one of the two, whole.

The order is: the new file's bytes are on the disk under a hidden name; the catalog announces what the recording is to become; the original
is kept, where one is to be; the new file takes the old one's place in one step; its folder is flushed; the catalog says so.
:func:`scraper.ingest.filing.recover` ends what a crash began: the hash of the file in place tells which of the two it is.
"""

from __future__ import annotations

from dataclasses import replace

from scraper.catalog import Catalog, Recording
from scraper.errors import StoreUnwritable
from scraper.ingest.filing import Parcel, digest_or_none
from scraper.store import Store


def replace_conversion(store: Store, catalog: Catalog, old: Recording, parcel: Parcel) -> Recording:
    """Put the parcel's file in the place of ``old``, an archived recording of the same identity; returns what it is now.

    The caller holds the UCM's lock. Raises :class:`~scraper.errors.StorageError`; then the old file is in its place, or the new one.
    """
    new = parcel.recording
    kept = old.original_path if parcel.original is None else f"{old.path}.original"
    changed = replace(
        new,
        **{
            name: getattr(old, name) for name in ("id", "identity", "suffix", "state", "path", "run_id", "stored_at", "source", "call_time")
        },
        original_path=kept,
    )
    try:
        store.check_free()
        parcel.seal()
        catalog.announce_replacement(changed)
        if parcel.original is not None and kept is not None:
            placed = store.place(parcel.original, kept)
            if not placed and digest_or_none(store, kept) != changed.source_sha256:
                raise StoreUnwritable("Another file lies where an original belongs.")
            store.sync([kept])
        store.replace(parcel.file, old.path)
        store.sync([old.path])
        catalog.finish_replacement(old.id)
    finally:
        parcel.discard()
    return changed
