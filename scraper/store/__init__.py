"""Where the recordings lie: a folder or an S3 bucket, known by its marker, into which files come whole or not at all.

:mod:`interface` says what a store is, :mod:`template` where in it a recording belongs, :mod:`opening` which one the configuration means;
:mod:`folder` and :mod:`bucket` are the two there are, the latter on :mod:`s3`, the only module that knows fsspec and s3fs. These are
loaded where a bucket is configured.
"""

from __future__ import annotations

from scraper.store.folder import LocalFile, LocalStore, folder_of
from scraper.store.interface import BLOCK_BYTES, Incoming, Originals, Store, StoredPath, StoreSettings
from scraper.store.opening import check_place, is_known, open_store, reading_store, rehearse
from scraper.store.template import check_template

__all__ = [
    "BLOCK_BYTES",
    "Incoming",
    "LocalFile",
    "LocalStore",
    "Originals",
    "Store",
    "StoreSettings",
    "StoredPath",
    "check_place",
    "check_template",
    "folder_of",
    "is_known",
    "open_store",
    "reading_store",
    "rehearse",
]
