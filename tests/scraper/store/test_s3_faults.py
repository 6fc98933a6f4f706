"""A bucket on a service that fails: what is tried again, and what is told, with a remedy, when that doesn't help."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from s3_proxy import Answer, Asked, Changed, Cut, Hang, OtherTag, S3Proxy, Trouble

from scraper.catalog import Catalog
from scraper.errors import ConfigError, DiskFull, ExitCode, StorageError, StoreRefused, StoreUnreachable, StoreUnwritable, StoreVanished
from scraper.settings import Store as Settings
from scraper.store import Store, open_store, rehearse, s3

PATH = "office/2026-02/a.wav"
DATA = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "READ_SECONDS", 1.0)
    monkeypatch.setattr(s3, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(s3, "ATTEMPTS", 2)


@pytest.fixture
def store(s3_proxy: S3Proxy, bucket: dict[str, Any]) -> Iterator[Store]:
    with Catalog.open("sqlite://") as catalog:
        yield open_store(Settings(**bucket), catalog)


def put(store: Store, data: bytes = DATA) -> None:
    incoming = store.receive("office")
    try:
        for at in range(0, len(data), 1 << 20):
            incoming.file.write(data[at : at + (1 << 20)])
        incoming.seal()
        assert store.place(incoming, PATH)
        store.sync([PATH])
    finally:
        incoming.discard()


def once(method: str, trouble: Trouble) -> Any:
    """The first request of that kind for the recording, or for a part of it, meets trouble."""
    return lambda asked: trouble if asked.method == method and not asked.before and "marker" not in asked.path else None


@pytest.mark.fault("storage", "the object storage fails once ({id})", "the write is done again", promise="loss")
@pytest.mark.parametrize(
    "trouble",
    [Answer(503, "SlowDown"), Answer(500, "InternalError"), Cut("before"), Cut("after"), Changed(), Hang()],
    ids=["busy", "broken", "cut-before", "cut-after", "changed", "no-answer"],
)
def test_a_write_that_fails_once_is_done_again(store: Store, s3_proxy: S3Proxy, trouble: Trouble) -> None:
    s3_proxy.trouble = once("PUT", trouble)
    put(store)
    s3_proxy.trouble = lambda asked: None
    assert store.digest(PATH) == hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("trouble", [Answer(503, "SlowDown"), Cut("before"), Cut("middle")], ids=["busy", "cut-before", "half"])
def test_a_read_that_fails_once_is_done_again(store: Store, s3_proxy: S3Proxy, trouble: Trouble) -> None:
    put(store)
    s3_proxy.trouble = once("GET", trouble)
    assert store.digest(PATH) == hashlib.sha256(DATA).hexdigest()


def test_a_part_that_fails_once_is_sent_again(store: Store, s3_proxy: S3Proxy) -> None:
    s3_proxy.trouble = lambda asked: Cut() if "partNumber=2" in asked.path and not asked.before else None
    put(store, bytes(17 << 20))
    assert store.digest(PATH) == hashlib.sha256(bytes(17 << 20)).hexdigest()


@pytest.mark.fault("storage", "the object storage takes other bytes than were sent, and says 200", "the write fails", promise="loss")
@pytest.mark.parametrize("data", [DATA, bytes(17 << 20)], ids=["small", "large"])
def test_a_service_that_took_other_bytes_is_not_believed(store: Store, s3_proxy: S3Proxy, data: bytes) -> None:
    s3_proxy.trouble = lambda asked: OtherTag() if asked.method == "PUT" and "marker" not in asked.path else None
    with pytest.raises(StoreUnwritable, match="arrived changed"):
        put(store, data)


@pytest.mark.parametrize("data", [DATA, bytes(17 << 20)], ids=["small", "large"])
def test_a_write_that_fails_for_good_leaves_nothing_to_be_seen(store: Store, s3_proxy: S3Proxy, data: bytes) -> None:
    s3_proxy.trouble = lambda asked: Answer(503, "SlowDown") if asked.method == "PUT" and "partNumber=1" not in asked.path else None
    with pytest.raises(StoreUnreachable, match="SlowDown"):
        put(store, data)
    s3_proxy.trouble = lambda asked: None
    assert not store.exists(PATH)
    assert store.remove_leftovers("office") == 0


@pytest.mark.parametrize(
    ("trouble", "kind", "says", "remedy"),
    [
        (Answer(400, "ExpiredToken"), StoreRefused, "expired", "Renew"),
        (Answer(403, "InvalidAccessKeyId"), StoreRefused, "doesn't know these credentials", "store.access_key"),
        (Answer(403, "SignatureDoesNotMatch"), StoreRefused, "doesn't know these credentials", "store.secret_key"),
        (Answer(403, "AccessDenied"), StoreRefused, "may not do", "s3:PutObject"),
        (Answer(403, "RequestTimeTooSkewed"), StoreRefused, "clock", "NTP"),
        (Answer(301, "PermanentRedirect", (("x-amz-bucket-region", "eu-west-1"),)), StoreRefused, "eu-west-1", "store.region to eu-west-1"),
        (Answer(400, "AuthorizationHeaderMalformed"), StoreRefused, "another region", "store.region"),
        (Answer(404, "NoSuchBucket"), StoreVanished, "bucket", "Make the bucket"),
        (Answer(507, "InsufficientStorage"), DiskFull, "no space", "Free some space"),
        (Answer(400, "SomethingNew"), StoreUnwritable, "SomethingNew", "documentation"),
        (Answer(503, "ServiceUnavailable"), StoreUnreachable, "overloaded", "next run"),
        (Hang(), StoreUnreachable, "can't be reached", "endpoint_url"),
    ],
    ids=lambda value: value.code if isinstance(value, Answer) else "",
)
def test_what_a_service_refuses_is_told_with_a_remedy(
    store: Store, s3_proxy: S3Proxy, trouble: Trouble, kind: type[StorageError], says: str, remedy: str
) -> None:
    s3_proxy.trouble = lambda asked: trouble
    with pytest.raises(kind, match=says) as caught:
        store.digest(PATH)
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == ExitCode.STORAGE
    assert "a.wav" not in caught.value.message


@pytest.mark.fault("storage", "the object storage refuses the keys", "the error names them", exit_code=8)
def test_wrong_keys_are_told(bucket: dict[str, Any]) -> None:
    with pytest.raises(StoreRefused):
        rehearse(Settings(**bucket | {"secret_key": "wrong"}))


def test_a_bucket_that_is_not_there_is_told(bucket: dict[str, Any]) -> None:
    with pytest.raises(StoreVanished, match="not there"), Catalog.open("sqlite://") as catalog:
        open_store(Settings(**bucket | {"url": "s3://another-bucket/x"}), catalog)


def test_a_name_that_no_bucket_has_is_a_matter_of_the_configuration(bucket: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no bucket's name"):
        rehearse(Settings(**bucket | {"url": "s3://b!/x"}))


@pytest.mark.fault("storage", "no object storage answers", "the error says so", exit_code=8, promise="hang")
def test_no_service_at_all_is_unreachable(bucket: dict[str, Any]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(StoreUnreachable, match="can't be reached"):
            rehearse(Settings(**bucket | {"endpoint_url": nobody}))


def test_a_service_without_tls_behind_https_is_unreachable(bucket: dict[str, Any]) -> None:
    with pytest.raises(StoreUnreachable):
        rehearse(Settings(**bucket | {"endpoint_url": bucket["endpoint_url"].replace("http:", "https:")}))


def test_no_credentials_are_told(bucket: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreRefused, match="no credentials"):
        rehearse(Settings(**bucket | {"access_key": None, "secret_key": None}))


def test_credentials_come_from_the_environment_too(bucket: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket["access_key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket["secret_key"])
    assert rehearse(Settings(**bucket | {"access_key": None, "secret_key": None, "region": "eu-central-1"})) is None


def test_what_is_seen_late_is_waited_for(store: Store, s3_proxy: S3Proxy) -> None:
    s3_proxy.trouble = lambda asked: Answer(404, "NoSuchKey") if asked.method == "HEAD" and asked.before < 4 else None
    put(store)
    assert sum(asked.method == "HEAD" for asked in s3_proxy.asked) >= 5


def test_what_is_never_seen_is_not_believed_to_be_stored(store: Store, s3_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "VISIBLE_SECONDS", 0.5)
    s3_proxy.trouble = lambda asked: Answer(404, "NoSuchKey") if asked.method == "HEAD" else None
    with pytest.raises(StoreUnwritable, match="doesn't show"):
        put(store)


def test_a_service_that_knows_no_conditions_is_written_to_without(bucket: dict[str, Any], s3_proxy: S3Proxy) -> None:
    def trouble(asked: Asked) -> Trouble:
        return Answer(501, "NotImplemented") if asked.method == "PUT" and not asked.before else None

    s3_proxy.trouble = trouble
    with Catalog.open("sqlite://") as catalog:
        store = open_store(Settings(**bucket), catalog)
        s3_proxy.trouble = lambda asked: None
        put(store)
        assert open_store(Settings(**bucket), catalog).exists(PATH)


def test_jobs_that_begin_a_store_together_agree_on_it(bucket: dict[str, Any]) -> None:
    found: list[str] = []
    settings = Settings(**bucket)

    def begin() -> None:
        with Catalog.open("sqlite://") as catalog:
            open_store(settings, catalog)
            found.append(str(catalog.get_meta("store.id")))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
