"""How fast the admin service answers: 20 requests a second on its JSON API, idle and beside a running job."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import yaml

from scraper.simulator import WEB_PASSWORD, WEB_USER, Simulator

pytestmark = [pytest.mark.bench, pytest.mark.browser]

TOKEN = "a-token-for-tests-0123456789"
RATE, SECONDS = 20, 15
PATHS = ("/overview", "/overview/coverage", "/runs", "/tasks", "/gaps", "/recordings", "/health", "/audit")


@pytest.fixture
def address(tmp_path):
    """A service whose UCM gives its archive slowly, so that a job takes as long as the load does."""
    with Simulator(recordings=300, seconds=(3.0, 4.0), faults={"archive_slow": 600_000}) as ucm:
        section = {"url": ucm.url, "tls": {"pin": ucm.pin}, "web": {"username": WEB_USER, "password": WEB_PASSWORD}}
        whole = {"data_dir": "./data", "store": {"min_free_mb": 1}, "schedule": {"cron": "0 0 1 1 *"}, "ucms": {"office": section}}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({**whole, "admin": {"listen": "127.0.0.1:0", "token": TOKEN}}))
        log = tmp_path / "serve.log"
        with log.open("w") as lines:
            call = [sys.executable, "-m", "scraper", "--config", str(tmp_path / "config.yaml"), "serve"]
            service = subprocess.Popen(call, stderr=lines, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (found := re.search(r"listening on (http://[^\s/]+)", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1]
        service.terminate()
        service.wait(30)


def load(client: httpx.Client) -> list[float]:
    """Seconds that each answer took; a failed one fails the test."""
    began, took, lock = time.monotonic(), list[float](), threading.Lock()

    def ask(number: int) -> None:
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        start = time.monotonic()
        answer = client.get(f"/api/v1{PATHS[number % len(PATHS)]}")
        with lock:
            took.append(time.monotonic() - start)
        assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(RATE) as pool:
        list(pool.map(ask, range(RATE * SECONDS)))
    return took


def p95(took: list[float]) -> float:
    """In milliseconds."""
    return statistics.quantiles(took, n=20)[-1] * 1000


def test_twenty_requests_a_second_beside_a_running_job(address, capsys):
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        client.get("/api/v1/overview/coverage")
        idle = load(client)
        task = client.post("/api/v1/tasks", json={"ucm": "office"}).json()["id"]
        busy = load(client)
        state = client.get(f"/api/v1/tasks/{task}").json()
    with capsys.disabled():
        sys.stdout.write(
            f"\n20 requests a second: p95 {p95(idle):.0f} ms idle, {p95(busy):.0f} ms beside a job ({state['stage']}, {state['phase']})\n"
        )
    assert p95(busy) < 1000
