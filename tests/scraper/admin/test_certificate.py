"""The certificate of a listener: made, kept, renewed; or given."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from scraper.admin.certificate import server_certificate, server_options
from scraper.errors import ConfigError
from scraper.settings.serving import Listener

NOW = datetime(2026, 2, 6, tzinfo=UTC)
SELF_MADE = Listener.model_validate({"listen": "0.0.0.0:8443", "tls": {"self_made": True}})


def test_certificate_is_made_once_and_private(tmp_path):
    made = server_certificate(SELF_MADE, tmp_path / "admin", NOW)
    assert (made.key_file.stat().st_mode & 0o777, made.cert_file.stat().st_mode & 0o777) == (0o600, 0o600)
    assert made.pin.startswith("sha256//")
    assert {"localhost", "127.0.0.1"} <= set(made.shown.names)
    assert server_certificate(SELF_MADE, tmp_path / "admin", NOW + timedelta(days=30)) == made


def test_certificate_is_renewed_in_time_with_the_same_key(tmp_path):
    made = server_certificate(SELF_MADE, tmp_path, NOW)
    renewed = server_certificate(SELF_MADE, tmp_path, made.shown.not_after - timedelta(days=30))
    assert renewed.pin == made.pin
    assert renewed.fingerprint != made.fingerprint
    assert renewed.shown.not_after > made.shown.not_after


def test_certificate_from_the_future_is_made_anew(tmp_path):
    server_certificate(SELF_MADE, tmp_path, NOW + timedelta(days=400))
    assert server_certificate(SELF_MADE, tmp_path, NOW).shown.not_before <= NOW


def test_certificate_proves_itself_to_who_trusts_it(tmp_path):
    made = server_certificate(SELF_MADE, tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.cert_file, made.key_file)
    client = ssl.create_default_context(cafile=str(made.cert_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = client.wrap_bio(inward, outward, server_hostname="localhost"), server.wrap_bio(outward, inward, server_side=True)
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert sides[0].version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["certificate.pem", "key.pem"])
def test_damaged_file_is_named(tmp_path, name):
    server_certificate(SELF_MADE, tmp_path, NOW)
    (tmp_path / name).write_text("no PEM")
    with pytest.raises(ConfigError, match=name):
        server_certificate(SELF_MADE, tmp_path, NOW + timedelta(days=800))


def test_given_files_are_shown_as_they_are(tmp_path):
    made = server_certificate(SELF_MADE, tmp_path, NOW)
    given = Listener(listen="127.0.0.1:0", tls={"cert_file": made.cert_file, "key_file": made.key_file})
    assert server_certificate(given, tmp_path / "unused").pin == made.pin
    assert not (tmp_path / "unused").exists()
    assert server_options(given, made)["ssl_keyfile"] == str(made.key_file)
    missing = Listener(listen="127.0.0.1:0", tls={"cert_file": tmp_path / "none.pem", "key_file": made.key_file})
    with pytest.raises(ConfigError, match="can't be read"):
        server_certificate(missing, tmp_path)


def test_plain_listener_has_none(tmp_path):
    plain = Listener(listen="127.0.0.1:8080")
    assert server_certificate(plain, tmp_path) is None
    assert server_options(plain, None)["port"] == 8080
    assert server_options(plain, None)["proxy_headers"] is False
