"""Network, certificate, the API's patience, and storage, each by itself."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from scraper.catalog import Catalog
from scraper.doctor import Result, show
from scraper.doctor.api import SHORT_SECONDS, WAITING_SECONDS, hurried
from scraper.doctor.certificate import certificate
from scraper.doctor.network import network, resolve
from scraper.doctor.storage import open_catalog, storage
from scraper.errors import ConfigError, NetworkError, ScraperError, Throttled
from scraper.settings import Settings, Ucm
from scraper.simulator import Simulator
from scraper.store import open_store


def ucm(url: str, **tls: Any) -> Ucm:
    return Ucm.model_validate({"url": url, "tls": tls, "web": {"username": "backup"}})


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# --- network --------------------------------------------------------------------


def test_network_names_the_address_that_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        step = network(f"https://localhost:{listener.getsockname()[1]}")
    assert step.result is Result.OK
    assert "127.0.0.1" in step.cause and "localhost" in step.cause


@pytest.mark.parametrize(("url", "words"), [("https://127.0.0.1:{port}", "refused"), ("https://pbx.invalid:8089", "resolved")])
def test_network_fails_with_code_6_and_the_menu(url: str, words: str) -> None:
    step = network(url.format(port=closed_port()))
    assert (step.result, step.exit_code, words in step.cause) == (Result.FAILED, 6, True)
    assert "→" in step.menu


def test_resolver_that_never_answers_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])
    with pytest.raises(NetworkError, match="name server"):
        resolve("pbx.example.com", 8089, 0.1)
    over.set()


# --- certificate -----------------------------------------------------------------


def test_pinned_certificate_is_ok_with_its_names_and_dates() -> None:
    with Simulator(recordings=1) as simulator:
        step = certificate(ucm(simulator.url, pin=simulator.pin))
        assert step.result is Result.OK
        assert all(words in step.cause for words in ("pinned", "for ucm6300.local, until 20", "EC 256 bits", "TLSv1.3"))
        unverified = certificate(ucm(simulator.url, verify=False))
        assert unverified.result is Result.OK and "NOT VERIFIED" in unverified.cause


@pytest.mark.parametrize("rules", [{}, {"pin": "sha256//" + "A" * 43 + "="}], ids=["untrusted", "wrong-pin"])
def test_certificate_that_is_not_proved_fails_and_tells_whose_it_is(rules: dict[str, Any]) -> None:
    with Simulator(recordings=1) as simulator:
        step = certificate(ucm(simulator.url, **rules))
    assert (step.result, step.exit_code) == (Result.FAILED, 6)
    assert "for ucm6300.local, until 20" in step.cause
    assert simulator.pin in step.remedy


def test_weak_keys_are_told_from_a_port_that_speaks_no_tls() -> None:
    with Simulator(recordings=1, tls_legacy=True) as weak, Simulator(recordings=1, tls=False) as plain:
        assert "old ciphers" in certificate(ucm(weak.url, pin=weak.pin)).cause
        other = certificate(ucm(plain.url.replace("http:", "https:")))
    assert other.result is Result.FAILED and "old ciphers" not in other.cause


def test_shown_certificate_is_what_curl_and_openssl_say_of_it(tmp_path: Path) -> None:
    with Simulator(recordings=1) as simulator:
        shown = show("office", ucm(simulator.url))
        (tmp_path / "pem").write_text(simulator.certificate_pem or "")
        assert simulator.state.actions == []
    words = ["openssl", "x509", "-in", str(tmp_path / "pem"), "-noout", "-fingerprint", "-sha256"]
    fingerprint = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout.strip().rpartition("=")[2]
    assert (shown.certificate.fingerprint, shown.certificate.pin) == (fingerprint, simulator.pin)
    text = shown.as_text()
    assert f'tls: {{pin: "{simulator.pin}"}}' in text
    assert "NOT VERIFIED" in text and "No pin is configured" in text and max(map(len, text.splitlines())) <= 80
    assert shown.as_json()["verified"] is False


def test_pin_is_shown_of_a_pbx_with_weak_keys_too() -> None:
    with Simulator(recordings=1, tls_legacy=True) as simulator:
        shown = show("office", ucm(simulator.url, pin="sha256//" + "A" * 43 + "="))
    assert shown.certificate.pin == simulator.pin
    assert "old ciphers" in shown.as_text() and "ANOTHER pin" in shown.as_text()


def test_plain_http_has_no_pin_to_show() -> None:
    with pytest.raises(ConfigError):
        show("office", ucm("http://127.0.0.1:1"))


# --- the API's patience ------------------------------------------------------------


def test_waits_end_where_a_checkup_has_no_more_patience() -> None:
    slept: list[float] = []
    sleep = hurried(slept.append)
    sleep(WAITING_SECONDS - 1)
    with pytest.raises(Throttled):
        sleep(15.0)
    sleep(SHORT_SECONDS)  # a sign-in that has begun is brought to its end
    assert slept == [WAITING_SECONDS - 1, SHORT_SECONDS]


# --- storage -----------------------------------------------------------------------


def settings(folder: Path, **store: Any) -> Settings:
    office = {"url": "https://127.0.0.1:1", "web": {"username": "backup"}}
    places = {"data_dir": str(folder / "data"), "catalog": {"url": f"sqlite:///{folder}/data/catalog.db"}}
    where = {"url": str(folder / "data" / "recordings"), "min_free_mb": 1, **store}
    return Settings.model_validate({**places, "store": where, "ucms": {"office": office}})


def examine(config: Settings) -> Any:
    opened = open_catalog(config)
    try:
        return storage(config, "office", opened)
    finally:
        if isinstance(opened, Catalog):
            opened.close()


def test_storage_before_the_first_job_is_ok_and_makes_no_store(tmp_path: Path) -> None:
    config = settings(tmp_path, url=str(tmp_path / "mount" / "recordings"))
    assert examine(config).result is Result.OK
    assert not (tmp_path / "mount").exists()


def test_known_store_is_ok_and_a_vanished_one_fails(tmp_path: Path) -> None:
    config = settings(tmp_path)
    opened = open_catalog(config)
    assert isinstance(opened, Catalog)
    with opened:
        root = open_store(config.store, opened).root
    assert examine(config).result is Result.OK
    assert "marker" in examine(config).cause
    (root / ".ucm-store").unlink()
    step = examine(config)
    assert (step.result, step.exit_code, step.menu) == (Result.FAILED, 8, "")


def test_too_little_space_fails(tmp_path: Path) -> None:
    step = examine(settings(tmp_path, min_free_mb=1 << 30))
    assert (step.result, step.exit_code) == (Result.FAILED, 8)


def test_store_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert examine(settings(tmp_path, url=str(tmp_path / "taken"))).exit_code == 8


def test_catalog_that_cannot_be_opened_fails(tmp_path: Path) -> None:
    config = settings(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.db").write_bytes(b"nonsense" * 1000)
    assert isinstance(open_catalog(config), ScraperError)
    assert examine(config).exit_code == 8


def test_data_dir_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert examine(settings(tmp_path)).exit_code == 8
