"""The seam to httpx: whom it trusts, and what its errors become."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest

from scraper.api.transport import Outgoing, Patience, Transport, ours
from scraper.errors import (
    AnswerCut,
    CertificateUntrusted,
    ConnectionClosed,
    NetworkError,
    PinMismatch,
    ScraperError,
    TlsHandshakeFailed,
    UnreachableError,
    WebUiError,
)
from scraper.simulator import Simulator

QUICK = Patience(connect=2.0, read=2.0)
HELLO = Outgoing("POST", "/api", 5.0, json={"request": {"action": "challenge", "user": "cdrapi"}})


def rules(**changes):
    return SimpleNamespace(**({"verify": True, "ca_file": None, "pin": None, "legacy": False} | changes))


@pytest.fixture(scope="module")
def ucm():
    with Simulator(api_new=True, recordings=2) as running:
        yield running


def test_pin_alone_is_enough(ucm):
    with Transport(ucm.url, rules(pin=ucm.pin), QUICK) as transport, transport.send(HELLO) as reply:
        assert reply.json()["status"] == 0
        assert abs(transport.clock_ahead) < 5


def test_ca_file_is_enough_although_the_name_is_another_once_it_was_proved(tmp_path):
    with Simulator(api_new=True, recordings=2, certificate_names=("127.0.0.1",)) as running:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_text(running.certificate_pem)
        with Transport(running.url, rules(ca_file=ca_file), QUICK) as transport, transport.send(HELLO) as reply:
            assert reply.json()["status"] == 0


@pytest.mark.fault("tls", "the API's certificate is not proved", "neither password nor name is sent", promise="tls")
@pytest.mark.parametrize(("changes", "error"), [({}, CertificateUntrusted), ({"pin": "sha256//" + "A" * 43 + "="}, PinMismatch)])
def test_unproved_pbx_is_told_nothing(ucm, changes, error):
    before = len(ucm.state.actions)
    with pytest.raises(error):
        Transport(ucm.url, rules(**changes), QUICK)
    assert len(ucm.state.actions) == before


@pytest.mark.fault("tls", "the certificate changes in the middle of a job", "the next request fails", promise="tls")
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("verify", [False, True])
def test_certificate_that_changes_after_it_was_proved_fails_the_next_request(legacy, verify):
    with Simulator(api_new=True, recordings=2, tls_legacy=legacy) as running:
        transport = Transport(running.url, rules(pin=running.pin if verify else None, verify=verify, legacy=legacy), QUICK)
        config = replace(running.config, port=running.port)
    with Simulator(config) as impostor, pytest.raises(CertificateUntrusted, match="another certificate"), transport.send(HELLO):
        pass
    assert impostor.state.actions == []
    transport.close()


def test_weak_keys_need_legacy():
    with Simulator(api_new=True, recordings=2, tls_legacy=True) as running:
        with pytest.raises(TlsHandshakeFailed):
            Transport(running.url, rules(pin=running.pin), QUICK)
        with Transport(running.url, rules(pin=running.pin, legacy=True), QUICK) as transport, transport.send(HELLO) as reply:
            assert reply.json()["status"] == 0


def subclasses(kind):
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.parametrize("kind", [*sorted({*subclasses(httpx.RequestError)}, key=str), httpx.InvalidURL], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("began", [False, True])
def test_each_error_of_httpx_is_one_of_ours(kind, began):
    error = ours(kind("auto-1770000000-1000-5555550100.wav"), "pbx.example.com:8089", began=began)
    assert isinstance(error, UnreachableError | WebUiError)
    assert type(error) is not ScraperError
    assert "5555550100" not in error.message


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionClosed),
        (b"SSH-2.0-dropbear\r\n", (WebUiError, ConnectionClosed)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}", AnswerCut),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", AnswerCut),
    ],
)
def test_what_is_no_answer(answer, error):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()  # the look whether anybody is there
            connection.close()
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Transport(url, rules(), QUICK) as transport, pytest.raises(error), transport.send(HELLO) as reply:
            reply.json()
        thread.join(5)


@pytest.mark.fault("tls", "an answer comes a byte at a time", "it is left after its deadline", promise="hang")
def test_answer_that_drips_is_left_after_its_deadline():
    seconds = iter(range(0, 10_000, 30))
    with (
        Simulator(api_new=True, recordings=2, tls=False) as running,
        Transport(running.url, rules(), QUICK, clock=lambda: next(seconds)) as transport,
        pytest.raises(NetworkError, match="longer than"),
        transport.send(HELLO) as reply,
    ):
        reply.json()


def test_plain_http_trusts_no_certificate():
    with Simulator(api_new=True, recordings=2, tls=False) as running, Transport(running.url, rules(), QUICK) as transport:
        pool = transport._http._transport._pool
        assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
        assert pool._ssl_context.cert_store_stats()["x509"] == 0
