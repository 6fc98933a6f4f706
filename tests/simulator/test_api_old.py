"""The older API: digest or basic on a listener of its own (field guide 2b)."""

from __future__ import annotations

import io
import tarfile

import httpx
import pytest

from scraper.simulator import API_PASSWORD, API_USER


@pytest.fixture
def old(start):
    """Starts a simulation with the older API; gives it and a client that signs in by digest."""
    clients = []

    def begin(password=API_PASSWORD, **changes):
        pbx = start(api_old=True, **changes)
        basic = changes.get("api_old_auth") == "basic"
        auth = (httpx.BasicAuth if basic else httpx.DigestAuth)(API_USER, password)
        clients.append(httpx.Client(base_url=pbx.simulator.api_old_url, auth=auth))
        return pbx, clients[-1]

    yield begin
    for client in clients:
        client.close()


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_signing_in_by_digest_or_basic(old, scheme):
    pbx, client = old(api_old_auth=scheme)
    for _ in range(2):
        assert len(client.get("/cdrapi", params={"format": "json"}).json()["cdr_root"]) > 5
    assert [(entry.way, entry.ok) for entry in pbx.state.sign_ins] == [("old-api", True)]


def test_it_has_a_listener_of_its_own(old):
    pbx, _ = old()
    assert pbx.simulator.api_old_url != pbx.simulator.url
    assert pbx.http.get("/cdrapi").headers["content-type"].startswith("text/html")
    assert httpx.get(f"{pbx.simulator.api_old_url}/cgi").status_code == 404


def test_a_wrong_password_is_401_and_counts_towards_the_ban(old):
    pbx, client = old(password="wrong")
    assert client.get("/cdrapi").status_code == 401
    assert pbx.sign_in(password="wrong")["response"]["remain_num"] == 3
    assert [(entry.way, entry.ok) for entry in pbx.state.sign_ins] == [("old-api", False), ("web", False)]


def test_an_empty_list_of_permitted_addresses_denies_everybody(old):
    _, client = old(api_allowed=())
    assert client.get("/cdrapi").status_code == 403


@pytest.mark.parametrize("params", [{"startTime": "soon"}, {"numRecords": "x"}, {"startTime": ""}])
def test_nonsense_looks_like_success(old, params):
    _, client = old()
    reply = client.get("/cdrapi", params={"format": "json", **params})
    assert (reply.status_code, set(reply.json())) == (200, {"cdr_root"})


def test_a_recording_comes_as_riff_and_a_missing_one_is_404(old):
    pbx, client = old(recapi_month="path")
    wanted = pbx.state.all_recordings[0]
    assert client.get("/recapi", params={"filedir": "monitor", "filename": wanted.path}).content == wanted.riff()
    assert client.get("/recapi", params={"filedir": "monitor", "filename": "2026-02/none.wav"}).status_code == 404


def test_a_hash_in_a_name_must_be_encoded(old):
    pbx, client = old()
    wanted = next(each for each in pbx.state.all_recordings if "#" in each.name)
    assert client.get("/recapi", params={"filedir": "monitor", "filename": wanted.path}).content[:4] == b"RIFF"
    assert client.get(f"/recapi?filedir=monitor&filename={wanted.path}").status_code == 404


def test_lists_of_directories_and_files(old):
    pbx, client = old()
    assert "monitor" in client.get("/recapi").text.splitlines()
    lines = client.get("/recapi", params={"filedir": "monitor"}).text.splitlines()
    assert {line.split(",")[0] for line in lines} == {each.path for each in pbx.state.all_recordings}
    assert client.get("/recapi", params={"filedir": "nowhere"}).status_code == 404


def test_several_names_come_as_a_tar(old):
    pbx, client = old()
    names = "@".join(each.path for each in pbx.state.all_recordings[:3])
    with tarfile.open(fileobj=io.BytesIO(client.get("/recapi", params={"filedir": "monitor", "filename": names}).content)) as tar:
        assert len(tar.getnames()) == 3


@pytest.mark.parametrize(("fault", "status"), [("recapi_forbidden", 403), ("api_busy", 503), ("api_html", 200), ("api_denied", 403)])
def test_what_else_may_be_answered(old, fault, status):
    pbx, client = old()
    pbx.state.faults.set(fault, -45 if fault == "api_busy" else "")
    reply = client.get("/recapi")
    assert reply.status_code == status
    assert "monitor" not in reply.text


def test_switched_off_while_it_runs(old):
    pbx, client = old()
    pbx.state.faults.set("api_off", "404")
    assert client.get("/cdrapi").status_code == 404
