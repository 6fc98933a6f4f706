"""Erasing and retention where the store is a bucket: no object of what went is left in the service, and nothing else is touched."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from s3_proxy import Answer, S3Proxy
from s3_server import S3Server

from scraper.catalog import Recording, Transcript
from scraper.errors import StorageError
from scraper.keeping.retention import due, let_go
from scraper.models import Source
from scraper.settings.keeping import Retention

from .conftest import ANN, BOB, UCM, ZONE, Archive, file_name

ANNS, BOBS = file_name(0, ANN), file_name(1, BOB)
#: What is made of a recording, or kept beside it, and the catalog knows of.
_BESIDE = {"text": ".transcript.txt", "json": ".transcript.json", "summary": ".summary.txt"}


def furnish(archive: Archive, name: str) -> None:
    """A recording with all that can lie beside it: originals, another version, transcripts, a copy set aside, one in quarantine."""
    path = f"{UCM}/2026-02/{name}"
    identity = archive.keep(name, original_path=f"{path}.original")
    archive.put(f"{path}.original", b"as it came")
    (first,) = archive.catalog.find_recordings(identity)
    other = path.replace(".wav", "~1a2b3c4d.wav")
    archive.put(other, b"another")
    archive.put(f"{other}.original", b"another as it came")
    fields: dict[str, Any] = {"size": 7, "sha256": "12" * 32, "source_size": 7, "source_sha256": "34" * 32, "source": Source.ROW}
    version = Recording(
        identity=identity, suffix="1a2b3c4d", path=other, source_format="riff", run_id="r", original_path=f"{other}.original", **fields
    )
    archive.catalog.announce([version])
    archive.catalog.promote(UCM)
    made = [Transcript(first.id, kind, path + ending, "ab" * 32, 4) for kind, ending in _BESIDE.items()]
    assert archive.catalog.enter_transcripts(made)
    for one in made:
        archive.put(one.path, b"text")
    archive.put(path.replace(".wav", "~ffffffff.wav"), b"set aside, and nobody knows of it")
    archive.quarantine(identity)


def objects(server: S3Server, bucket: dict[str, Any], text: str) -> list[str]:
    """The objects of this store that have a text in their key, hidden ones as well."""
    return [path.name for path in server.objects(bucket) if text in path.name]


def test_an_erasure_leaves_no_object_of_it_and_all_of_others(archive_in_bucket, s3_server, bucket):
    for name in (ANNS, BOBS):
        furnish(archive_in_bucket, name)
    assert len(objects(s3_server, bucket, ANN)) == len(objects(s3_server, bucket, BOB)) == 10
    archive_in_bucket.erase(ANN)
    assert objects(s3_server, bucket, ANN) == []
    assert len(objects(s3_server, bucket, BOB)) == 10
    assert archive_in_bucket.paths() == [f"2026-02/{BOBS}"] * 2


@pytest.mark.fault(
    "keeping",
    "the bucket fails at any step of an erasure",
    "what is left stands in no list, and the next erasure or job ends it",
    promise="kept",
)
def test_a_bucket_that_fails_at_any_step_of_an_erasure_loses_nothing_of_what_is_to_be_done(
    s3_server: S3Server, bucket: dict[str, Any], s3_proxy: S3Proxy, archive_in_bucket: Archive
) -> None:
    archive = archive_in_bucket
    furnish(archive, ANNS)
    furnish(archive, BOBS)
    s3_proxy.trouble = lambda asked: Answer(403, "AccessDenied") if asked.method == "DELETE" and not asked.before else None
    with pytest.raises(StorageError):
        archive.erase(ANN)
    failures = 1
    while archive.catalog.under_erasure(UCM).keys:
        assert archive.paths() == [f"2026-02/{BOBS}"] * 2
        try:
            archive.erasing.finish()
        except StorageError:
            failures += 1
    assert failures == 10  # each object's removal once
    assert objects(s3_server, bucket, ANN) == []
    assert len(objects(s3_server, bucket, BOB)) == 10


def test_retention_leaves_no_object_of_what_was_too_old(archive_in_bucket, s3_server, bucket):
    archive, recent = archive_in_bucket, file_name(3 * 1440, BOB)
    furnish(archive, ANNS)
    furnish(archive, recent)
    found = due(archive.place, Retention(keep_days=2), datetime(2026, 2, 5, 12, tzinfo=ZONE))
    gone = let_go(archive.place, archive.erasing, found, threading.Event())
    assert {key.name for key in gone.spans} == {ANNS}
    assert objects(s3_server, bucket, ANN) == []
    assert len(objects(s3_server, bucket, BOB)) == 10
