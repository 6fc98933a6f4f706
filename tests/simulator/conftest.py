"""A simulated PBX for a test, and a client that speaks its wires as plainly as they are documented."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, Simulator

ALL = "allCdrRecordFiles.tgz"


@dataclass
class Pbx:
    """A running simulation and one browser-like client of it."""

    simulator: Simulator
    http: httpx.Client

    @property
    def state(self) -> Any:
        return self.simulator.state

    def cgi(self, action: str, **params: Any) -> dict[str, Any]:
        return self.http.post("/cgi", data={"action": action, **params}).json()

    def sign_in(self, user: str = WEB_USER, password: str = WEB_PASSWORD, **more: str) -> dict[str, Any]:
        challenge = self.cgi("challenge", user=user)["response"]["challenge"]
        return self.cgi("login", user=user, token=md5(challenge + password), **more)

    def page_cookies(self) -> None:
        """The two cookies that the page itself sets."""
        self.http.cookies.set("username", WEB_USER)
        self.http.cookies.set("user_id", "1")

    def get(self, action: str, **params: Any) -> httpx.Response:
        return self.http.get("/cgi", params={"action": action, **params})

    def listed(self, **params: Any) -> list[dict[str, Any]]:
        answer = self.cgi("listFile", type="voice_recording", item_num=1000, page=1, **params)
        return answer["response"]["voice_recording"]

    def archive(self) -> httpx.Response:
        assert self.cgi("packFile", type="cdr_pack", data=ALL)["status"] == 0
        return self.get("downloadFile", type="cdr_pack", data=ALL)

    def api(self, action: str, **params: Any) -> httpx.Response:
        return self.http.post("/api", json={"request": {"action": action, **params}})

    def api_cookie(self, user: str = API_USER, password: str = API_PASSWORD) -> str:
        challenge = self.api("challenge", user=user, version="1.0").json()["response"]["challenge"]
        return self.api("login", user=user, token=md5(challenge + password)).json()["response"]["cookie"]


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def start() -> Iterator[Callable[..., Pbx]]:
    """Starts a simulation: plain http, few short recordings, no waiting, unless told otherwise."""
    with ExitStack() as stack:

        def begin(**changes: Any) -> Pbx:
            settings = {"tls": False, "recordings": 12, "seconds": (0.5, 1.0), "pack_seconds": 0.0, "unanswered_calls": 2, **changes}
            simulator = stack.enter_context(Simulator(**settings))
            client = stack.enter_context(httpx.Client(base_url=simulator.url, timeout=5, verify=False))
            return Pbx(simulator, client)

        yield begin


@pytest.fixture
def pbx(start: Callable[..., Pbx]) -> Pbx:
    """A simulation with its defaults, signed in to the web UI."""
    running = start()
    assert running.sign_in()["status"] == 0
    return running
