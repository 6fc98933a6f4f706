"""The server itself: TLS with a key of its own, starting and stopping quickly, two listeners, running alone."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scraper.simulator import Simulator, SimulatorConfig
from scraper.simulator.town import Town


def handshake(simulator, context):
    with (
        socket.create_connection(("127.0.0.1", simulator.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.getpeercert(binary_form=True), secure.version()


def test_the_pin_is_that_of_the_served_key():
    context = ssl._create_unverified_context()
    with Simulator(recordings=1) as simulator:
        served, _ = handshake(simulator, context)
    public = x509.load_der_x509_certificate(served).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert simulator.pin == "sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode()


def test_the_certificate_verifies_as_its_own_authority_for_the_names_it_has():
    with Simulator(recordings=1, certificate_names=("localhost", "127.0.0.1")) as simulator:
        context = ssl.create_default_context(cadata=simulator.certificate_pem)
        assert httpx.get(f"{simulator.url}/login", verify=context).status_code == 200


def test_by_default_the_name_is_not_the_hosts_and_nobody_vouches_for_it():
    with Simulator(recordings=1) as simulator:
        with pytest.raises(httpx.ConnectError, match="self-signed"):
            httpx.get(simulator.url)
        with pytest.raises(httpx.ConnectError, match="mismatch"):
            httpx.get(simulator.url, verify=ssl.create_default_context(cadata=simulator.certificate_pem))


def test_legacy_tls_needs_a_lowered_security_level():
    with Simulator(recordings=1, tls_legacy=True) as simulator:
        context = ssl._create_unverified_context()
        context.set_ciphers("DEFAULT:@SECLEVEL=2")
        with pytest.raises(ssl.SSLError):
            handshake(simulator, context)
        lowered = ssl._create_unverified_context()
        lowered.set_ciphers("ALL:@SECLEVEL=0")
        assert handshake(simulator, lowered)[1] == "TLSv1.2"


def test_answers_do_not_wait_for_acknowledgements():
    with Simulator(recordings=1, tls=False) as simulator, httpx.Client(base_url=simulator.url) as client:
        client.post("/cgi", data={"action": "getUserInfo"})
        began = time.monotonic()
        for _ in range(50):
            client.post("/cgi", data={"action": "getUserInfo"})
        assert time.monotonic() - began < 1


def test_two_simulations_have_two_keys():
    with Simulator(recordings=1) as one, Simulator(recordings=1) as other:
        assert one.pin != other.pin


def test_it_starts_within_half_a_second_and_stops_though_somebody_is_connected():
    began = time.monotonic()
    with Simulator(recordings=120) as simulator, httpx.Client(verify=False) as client:
        assert client.get(f"{simulator.url}/login").status_code == 200
        assert time.monotonic() - began < 0.5
        began = time.monotonic()
        simulator.stop()
        assert time.monotonic() - began < 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{simulator.url}/login", verify=False)


def test_a_port_that_is_taken_is_an_error():
    with Simulator(recordings=1) as simulator, pytest.raises(OSError, match="in use"), Simulator(recordings=1, port=simulator.port):
        pass


def test_the_configuration_shows_no_password():
    assert "simulated-web-password" not in repr(SimulatorConfig())


def test_run_forever_serves_until_a_signal():
    program = (
        "from scraper.simulator import SimulatorConfig, run_forever\n"
        "run_forever(SimulatorConfig(recordings=1, tls=False), lambda simulator: print(simulator.url, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/login").status_code == 200
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(5) == 0


def test_many_answer_from_one_thread_each_at_its_own_port():
    threads = threading.active_count()
    with Town(20, recordings=2, api_new=True, latency_seconds=0.05) as town:
        assert threading.active_count() == threads + 1
        for number, ucm in enumerate(town.ucms[:3]):
            for _ in range(number):
                began = time.monotonic()
                assert httpx.post(f"{ucm.url}/api", json={"request": {"action": "challenge", "user": "cdrapi"}}).status_code == 200
                assert time.monotonic() - began >= 0.05
        assert [len(ucm.state.actions) for ucm in town.ucms[:4]] == [0, 1, 2, 0]
        recordings = [[one.path for one in ucm.state.all_recordings] for ucm in town.ucms]
        assert len({tuple(paths) for paths in recordings}) == 20
        url = town.ucms[0].url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
