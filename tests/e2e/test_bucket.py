"""Whole jobs whose recordings go to an S3 bucket: nothing is stored twice, nothing stays on this machine, what is lost comes back."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import wave
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from s3_proxy import Answer, Hang, S3Proxy

from scraper.admin.stored import condition_of, open_stored
from scraper.catalog import Catalog
from scraper.doctor.storage import storage
from scraper.errors import StoreUnreachable
from scraper.settings import load
from scraper.simulator.delivery import Delivery
from scraper.store import Store, reading_store, s3


def into_bucket(place: Any, bucket: dict[str, Any], **sections: Any) -> Store:
    """Have its recordings stored in the bucket; ``sections`` of the configuration beside."""
    whole = yaml.safe_load(place.config.read_text())
    place.config.write_text(yaml.safe_dump(whole | {"store": bucket} | sections))
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


@pytest.mark.browser
def test_download_all_streams_into_a_bucket_and_a_catalog_on_postgresql_and_leaves_nothing_here(
    office, bucket, postgres, s3_server, monkeypatch: pytest.MonkeyPatch
):
    place = office(recordings=30, seconds=(4.0, 6.0))
    place.configure(web={"stall_timeout_seconds": 60})
    store = into_bucket(place, bucket, catalog={"url": postgres})
    deliver, stored_meanwhile = Delivery.__call__, []

    async def end_held_back(self, scope, receive, send):
        async def send_or_wait(message):
            if self._download.sent > 0.7 * self._download.size and not stored_meanwhile and self._download.name.endswith(".tgz"):
                with suppress(TimeoutError):
                    async with asyncio.timeout(30):
                        while not (found := [path for path in s3_server.objects(bucket) if path.suffix == ".wav"]):  # noqa: ASYNC110 -- it is told in no other way
                            await asyncio.sleep(0.05)
                        stored_meanwhile.extend(found)
            await send(message)

        await deliver(self, scope, receive, send_or_wait)

    monkeypatch.setattr(Delivery, "__call__", end_held_back)
    report = place.run()
    assert (report.exit_code, report.sources["bulk"], report.recordings.archived) == (0, 30, 30), report.gaps
    assert stored_meanwhile
    assert {path.removeprefix("office/"): samples_sha256(store, path) for path in store.paths("office")} == place.held_by_pbx()
    sounds = [recording.samples().tobytes()[:64] for recording in place.ucm.state.all_recordings]
    left = [path.name for path in (place.folder / "data").rglob("*") if path.is_file() and holds_any(path, sounds)]
    assert left == []
    assert not (place.folder / "data" / "catalog.db").exists()
    assert verified(place) == 0
    again = place.run()
    assert (again.exit_code, again.recordings.new) == (0, 0)


def samples_sha256(store: Store, path: str) -> str:
    with store.open(path) as file, wave.open(file) as audio:
        return hashlib.sha256(audio.readframes(audio.getnframes())).hexdigest()


def holds_any(path: Path, sounds: list[bytes]) -> bool:
    data = path.read_bytes()
    return any(sound in data for sound in sounds)


@pytest.mark.fault(
    "keeping", "`erase` is killed while it removes objects from a bucket", "the next job removes what is left", promise="kept"
)
def test_erasure_killed_in_a_bucket_is_ended_by_the_next_job(branch, bucket, s3_server, s3_proxy: S3Proxy):
    place = branch()
    place.configure(web=None)
    store = into_bucket(place, bucket)
    first = place.run()
    assert first.exit_code == 0, first.gaps
    gone = sorted(path.removeprefix("office/") for path in store.paths("office") if path.endswith(".wav"))[1:]
    removing = threading.Event()

    def hang_at_the_third(asked):
        if asked.method == "DELETE" and asked.path.endswith(".wav"):
            if len([one for one in s3_proxy.asked if one.method == "DELETE" and one.path.endswith(".wav")]) < 3:
                return None
            removing.set()
            return Hang()
        return None

    s3_proxy.trouble = hang_at_the_third
    process = place.command("erase", "--ucm", "office", "--yes", *(word for path in gone for word in ("--file", path)))
    assert removing.wait(60)
    process.kill()
    process.communicate(timeout=60)
    s3_proxy.trouble = lambda asked: None
    assert len([path for path in s3_server.objects(bucket) if path.suffix == ".wav"]) > 1
    report = place.run()
    assert (report.exit_code, report.recordings.archived, report.recordings.new) == (0, 1, 0), report.gaps
    names = {path.rpartition("/")[2] for path in gone}
    assert [path for path in s3_server.objects(bucket) if path.name in names] == []
    assert verified(place) == 0
