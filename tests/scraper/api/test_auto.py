"""``kind: auto``: which family a PBX has, found out, remembered, and found out again."""

from __future__ import annotations

import socket

import pytest

from scraper.api import client as module
from scraper.api import open_api
from scraper.api.client import address
from scraper.errors import ApiBlocked, ApiOff, NetworkError, PasswordRefused, TlsHandshakeFailed

from .conftest import ucm_for


@pytest.fixture
def both(start, monkeypatch):
    """A PBX with both listeners, the older one's port known."""

    def begin(**changes):
        bench = start("auto", user={"kind": "auto", **changes.pop("user", {})}, **({"api_old": True, "api_new": False} | changes))
        if bench.simulator.api_old_url:
            monkeypatch.setattr(module, "PORT", int(bench.simulator.api_old_url.rsplit(":", 1)[1]))
        return bench

    return begin


def test_newer_api_is_preferred(both):
    bench = both(api_new=True)
    assert bench.api().kind == "https"
    assert bench.memory.get("kind") == "https"


def test_older_api_is_found_where_the_newer_is_off_and_asked_first_from_then_on(both):
    bench = both()
    assert bench.api().kind == "legacy"
    assert bench.memory.get("kind") == "legacy"
    asked = len(bench.state.actions)
    bench.state.faults.set("hang", "cgi")
    assert bench.groups(bench.api())
    assert all(action.way == "old-api" for action in bench.state.actions[asked:])


def test_family_that_was_remembered_and_is_gone_gives_way_to_the_other(both, monkeypatch):
    bench = both(api_new=True, api_old=False)
    bench.memory.set("kind", "legacy")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(module, "PORT", listener.getsockname()[1])
    assert bench.api().kind == "https"
    assert bench.memory.get("kind") == "https"


def test_both_switched_off_is_api_off(both):
    bench = both(api_old=True)
    bench.state.faults.set("api_off", "404")
    with pytest.raises(ApiOff, match="404"):
        bench.api()


def test_older_listener_that_denies_tells_more_than_a_newer_that_is_off(both):
    bench = both(api_allowed=())
    with pytest.raises(ApiBlocked):
        bench.api()


def test_refused_password_is_not_carried_to_the_other_family(both):
    bench = both(api_new=True, user={"password": "wrong"})
    with pytest.raises(PasswordRefused, match="web user") as caught:
        bench.api()
    assert "api.kind" in caught.value.remedy
    assert len(bench.state.sign_ins) == 1


@pytest.mark.parametrize("kind", ["https", "legacy", "auto"])
def test_port_where_nobody_listens_is_no_route(start, kind):
    bench = start("https")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(NetworkError):
        open_api(ucm_for(url, kind=kind, url=url), bench.surroundings)


def test_port_that_speaks_no_tls_is_a_wrong_port(start):
    bench = start("https")
    url = bench.simulator.url.replace("http://", "https://")
    with pytest.raises(TlsHandshakeFailed):
        open_api(ucm_for(url, "sha256//" + "A" * 43 + "=", kind="https"), bench.surroundings)


def test_web_page_where_the_older_api_should_be_is_a_wrong_port(start):
    bench = start("https")
    with pytest.raises(ApiOff, match="web page"):
        open_api(ucm_for(bench.simulator.url, kind="legacy", url=bench.simulator.url), bench.surroundings)


@pytest.mark.parametrize("kind", ["off", None])
def test_nothing_configured_is_api_off_and_asks_nothing(start, kind):
    bench = start("https")
    ucm = bench.ucm.model_copy(update={"api": bench.ucm.api.model_copy(update={"kind": kind}) if kind else None})
    with pytest.raises(ApiOff, match="configured"):
        open_api(ucm, bench.surroundings)
    assert bench.state.actions == []


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("https://pbx.example.com:8089", "https", "https://pbx.example.com:8089"),
        ("https://pbx.example.com:8089", "legacy", "https://pbx.example.com:8443"),
        ("https://[2001:db8::1]:8089", "legacy", "https://[2001:db8::1]:8443"),
    ],
)
def test_address_of_each_family(url, kind, expected):
    assert address(ucm_for(url, kind=kind), kind) == expected
    assert address(ucm_for(url, kind=kind, url="https://api.example.com:1"), kind) == "https://api.example.com:1"
