"""Proving who answers: against real TLS servers on loopback."""

import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from scraper.errors import CertificateUntrusted, NetworkError, PinMismatch, TlsHandshakeFailed
from scraper.tls import PIN_PREFIX, prove, read_certificate


def rules(verify=True, ca_file=None, pin=None):
    return SimpleNamespace(verify=verify, ca_file=ca_file, pin=pin)


def make_certificate(folder: Path, names=("localhost",), days=30, issuer=None):
    """A key and certificate as one PEM file; signed by ``issuer`` (key, certificate) or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    signer, issuer_name = (issuer[0], issuer[1].subject) if issuer else (key, name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    path = folder / f"{names[0]}-{days}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM))
    return path, key, certificate


@pytest.fixture
def serve():
    """Serve TLS with a PEM file on loopback; gives the URL."""
    sockets = []

    def start(pem: Path | None, answer=None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if pem:
            context.load_cert_chain(pem)

        def loop():
            while True:
                try:
                    client, _ = listener.accept()
                    if answer is not None:
                        client.recv(100)
                        client.sendall(answer)
                        client.close()
                    else:
                        context.wrap_socket(client, server_side=True).close()
                except (ssl.SSLError, ConnectionError):
                    continue
                except OSError:
                    return

        threading.Thread(target=loop, daemon=True).start()
        return f"https://localhost:{listener.getsockname()[1]}"

    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def pin_of(certificate) -> str:
    return read_certificate(certificate.public_bytes(Encoding.DER)).pin


def test_self_signed_certificate_is_refused_and_its_pin_named(tmp_path, serve):
    pem, _, certificate = make_certificate(tmp_path)
    with pytest.raises(CertificateUntrusted) as caught:
        prove(serve(pem), rules())
    assert f'tls: {{pin: "{pin_of(certificate)}"}}' in caught.value.remedy


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_the_command_that_a_remedy_names_shows_the_pin(tmp_path, serve):
    pem, _, certificate = make_certificate(tmp_path)
    with pytest.raises(PinMismatch) as caught:
        prove(serve(pem), rules(pin=PIN_PREFIX + "A" * 43 + "="))
    line, command = caught.value.remedy.split("`")[1::2]
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    assert PIN_PREFIX + shown == pin_of(certificate)
    assert line == f'tls: {{pin: "{PIN_PREFIX}{shown}"}}'


def test_pin_alone_is_enough_whatever_the_name_and_date(tmp_path, serve):
    pem, _, certificate = make_certificate(tmp_path, names=("ucm6300.local",), days=-1)
    assert prove(serve(pem), rules(pin=pin_of(certificate))).pin == pin_of(certificate)


def test_pin_is_curls_own_form(tmp_path):
    _, _, certificate = make_certificate(tmp_path)
    assert pin_of(certificate).startswith(PIN_PREFIX)
    assert len(pin_of(certificate)) == len(PIN_PREFIX) + 44


def test_wrong_pin_is_refused_even_with_verify_off(tmp_path, serve):
    pem, _, _ = make_certificate(tmp_path)
    url = serve(pem)
    for verify in (True, False):
        with pytest.raises(PinMismatch):
            prove(url, rules(verify=verify, pin=PIN_PREFIX + "A" * 43 + "="))


def test_ca_file_proves_what_it_signed(tmp_path, serve):
    ca_pem, ca_key, ca = make_certificate(tmp_path, names=("ca",))
    pem, _, certificate = make_certificate(tmp_path, issuer=(ca_key, ca))
    assert prove(serve(pem), rules(ca_file=ca_pem)).pin == pin_of(certificate)


@pytest.mark.fault("tls", "the CA is right, the name or date is not", "refused", exit_code=6, promise="tls")
@pytest.mark.parametrize(("names", "days"), [(("ucm6300.local",), 30), (("localhost",), -1)])
def test_ca_file_does_not_excuse_another_name_or_an_expired_date(tmp_path, serve, names, days):
    ca_pem, ca_key, ca = make_certificate(tmp_path, names=("ca",))
    pem, _, _ = make_certificate(tmp_path, names=names, days=days, issuer=(ca_key, ca))
    with pytest.raises(CertificateUntrusted):
        prove(serve(pem), rules(ca_file=ca_pem))


def test_unreadable_ca_file_is_named(tmp_path, serve):
    pem, _, _ = make_certificate(tmp_path)
    (tmp_path / "ca.pem").write_text("nonsense")
    for ca_file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(CertificateUntrusted, match="ca_file"):
            prove(serve(pem), rules(ca_file=ca_file))


def test_verify_off_trusts_the_key_that_answers_now(tmp_path, serve):
    pem, _, certificate = make_certificate(tmp_path)
    assert prove(serve(pem), rules(verify=False)).pin == pin_of(certificate)


def test_plain_http_behind_https_url_is_a_failed_handshake(serve):
    with pytest.raises(TlsHandshakeFailed):
        prove(serve(None, b"HTTP/1.1 400 Bad Request\r\n\r\n"), rules(verify=False))


@pytest.mark.fault("tls", "a port accepts and never shakes hands", "given up by the deadline", exit_code=6, promise="hang")
def test_port_that_accepts_and_never_answers_times_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(NetworkError, match="handshake within"):
        prove(f"https://127.0.0.1:{listener.getsockname()[1]}", rules(), timeout=0.3)


def test_refused_connection_and_unknown_name_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NetworkError, match="refused"):
        prove(f"https://127.0.0.1:{port}", rules())
    with pytest.raises(NetworkError, match="resolved"):
        prove("https://pbx.invalid:8089", rules())


def test_plain_http_is_only_connected_to():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert prove(f"http://127.0.0.1:{listener.getsockname()[1]}", rules()) is None
