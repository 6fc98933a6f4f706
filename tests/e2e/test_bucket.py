"""Whole jobs whose recordings go to an S3 bucket: nothing is stored twice, nothing stays on this machine, what is lost comes back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from s3_proxy import Answer, S3Proxy

from scraper.admin.stored import condition_of, open_stored
from scraper.catalog import Catalog
from scraper.doctor.storage import storage
from scraper.errors import StoreUnreachable
from scraper.settings import load
from scraper.store import Store, reading_store, s3


def into_bucket(place: Any, bucket: dict[str, Any]) -> Store:
    """Have its recordings stored in the bucket."""
    whole = yaml.safe_load(place.config.read_text())
    place.config.write_text(yaml.safe_dump(whole | {"store": bucket}))
    return reading_store(load(place.config, {}).store)


def verified(place: Any) -> int:
    process = place.command("verify")
    out, err = process.communicate(timeout=60)
    assert bucket_keys_are_hidden(out + err)
    return process.returncode


def bucket_keys_are_hidden(text: str) -> bool:
    return "a-secret-of-forty" not in text and "AKIATEST" not in text


@pytest.mark.fault(
    "storage", "objects in the bucket are deleted or changed", "`verify` notes it, the next run puts them back", promise="loss"
)
def test_a_job_stores_into_the_bucket_once_and_puts_back_what_was_lost_or_changed(branch, bucket):
    place = branch()
    place.configure(web=None)
    store = into_bucket(place, bucket)
    first = place.run()
    assert (first.exit_code, first.recordings.new) == (0, first.recordings.expected), first.gaps
    paths = sorted(store.paths("office"))
    assert len([path for path in paths if path.endswith(".wav")]) == first.recordings.expected
    assert not list(store.paths(".incoming"))
    assert not [path for path in (place.folder / "data").rglob("*") if path.suffix == ".wav"]
    assert verified(place) == 0

    again = place.run()
    assert (again.exit_code, again.recordings.new, sorted(store.paths("office"))) == (0, 0, paths)

    lost, changed, *_ = (path for path in paths if path.endswith(".wav"))
    store.remove(lost)
    scribbled = store.receive("office")
    scribbled.file.write(b"scribbled over")
    scribbled.seal()
    store.replace(scribbled, changed)
    assert verified(place) == 3
    healed = place.run()
    assert (healed.exit_code, healed.recordings.archived) == (0, first.recordings.expected), healed.gaps
    assert verified(place) == 0


def test_doctor_player_and_configuration_work_with_a_bucket(branch, bucket):
    place = branch()
    place.configure(web=None)
    store = into_bucket(place, bucket)
    settings = load(place.config, {})
    with Catalog.open(settings.catalog.url) as catalog:
        before = storage(settings, "office", catalog)
        assert (before.exit_code, store.exists(".ucm-store"), list(store.paths(".incoming"))) == (0, False, []), before
        assert place.run().exit_code == 0
        assert storage(settings, "office", catalog).exit_code == 0
        row = next(iter(catalog.recordings("office")))
        with open_stored(settings, row).file as file:
            assert file.read(4) == b"RIFF"
        assert condition_of(settings, row) == "ok"
        store.remove(row.path)
        assert condition_of(settings, row) == "missing"
    shown = place.command("config", "show")
    out, err = shown.communicate(timeout=60)
    assert "secret_key" in out
    assert bucket_keys_are_hidden(out + err)


@pytest.mark.fault(
    "storage", "the bucket fails in the middle of a job", "the job ends with nothing half; the next goes on", exit_code=8, promise="loss"
)
def test_a_bucket_that_fails_in_the_middle_ends_the_job_in_8_and_the_next_one_goes_on(
    branch, bucket, s3_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    place = branch()
    place.configure(web=None)
    store = into_bucket(place, bucket)
    puts = []

    def full_after_three(asked):
        if asked.method == "PUT" and asked.path.endswith(".wav"):
            puts.append(asked)
            return Answer(503, "SlowDown") if len(puts) > 3 else None
        return None

    s3_proxy.trouble = full_after_three
    report = place.run()
    assert report.error is not None
    assert (report.exit_code, report.error["kind"]) == (8, StoreUnreachable.__name__)
    s3_proxy.trouble = lambda asked: None
    report = place.run()
    assert (report.exit_code, report.recordings.archived) == (0, report.recordings.expected), report.gaps
    assert len([path for path in store.paths("office") if path.endswith(".wav")]) == report.recordings.expected
    with Catalog.open(load(place.config, {}).catalog.url) as catalog:
        assert all(store.digest(row.path) == row.sha256 for row in catalog.recordings("office"))
