"""The examination of a whole office: what each trouble looks like, and that none of it costs more than it must."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mounts import mounted

from scraper.doctor import Layer, examine
from scraper.lock import job_lock
from scraper.progress import NullProgress
from scraper.settings import load
from scraper.simulator import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER

pytestmark = pytest.mark.browser

API = {"username": API_USER, "password": API_PASSWORD}


@pytest.fixture
def prepared(office: Callable[..., Any]) -> Callable[..., Any]:
    """``prepared(ucm=…, **section)``: an office with such a PBX and such a configuration."""

    def make(ucm: dict[str, Any] | None = None, **section: Any) -> Any:
        place = office(**{"api_new": True, **(ucm or {})})
        place.configure(**{"api": API, **section})
        return place

    return make


@pytest.fixture
def examined(prepared: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """The same, and its checkup."""

    def make(ucm: dict[str, Any] | None = None, **section: Any) -> tuple[Any, Any]:
        place = prepared(ucm, **section)
        return place, checkup(place)

    return make


def rewrite(place: Any, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the whole configuration."""
    whole = yaml.safe_load(place.config.read_text())
    change(whole)
    place.config.write_text(yaml.safe_dump(whole))


def checkup(place: Any) -> Any:
    return examine(load(place.config, {}), "office", NullProgress())


def results(found: Any) -> dict[str, str]:
    return {step.layer.value: step.result.value for step in found.steps}


def failed(found: Any) -> list[Layer]:
    return [step.layer for step in found.steps if step.result == "failed"]


def step_of(found: Any, layer: Layer) -> Any:
    return next(step for step in found.steps if step.layer is layer)


def test_all_well_is_0_and_a_second_look_needs_no_second_web_sign_in(examined):
    place, found = examined()
    assert set(results(found).values()) == {"ok"}
    assert found.exit_code == 0
    assert "12 recordings" in step_of(found, Layer.WEB_UI).cause
    again = checkup(place)
    assert "kept session" in step_of(again, Layer.WEB_SIGN_IN).cause
    assert [sign_in.way for sign_in in place.ucm.state.sign_ins] == ["web", "api", "api"]
    assert place.ucm.state.downloads == []
    assert not (place.folder / "data" / "recordings").exists()


@pytest.mark.fault("api", "a cause of a blocked API: {id}", "the doctor names layer, menu path and remedy", exit_code="code", promise="gap")
@pytest.mark.parametrize(
    ("ucm", "api", "layer", "words", "code"),
    [
        ({"api_new": False}, {}, Layer.API_ON, "HTTPS API Settings (New)", 6),
        ({"faults": {"api_denied": ""}}, {}, Layer.API_ADDRESS, "Permitted IP(s)", 6),
        ({}, {"username": WEB_USER, "password": WEB_PASSWORD}, Layer.API_USER, "API Configuration", 4),
        ({}, {"password": "wrong"}, Layer.API_USER, "API Configuration", 4),
        ({"faults": {"cdrapi_forbidden": ""}}, {}, Layer.API_CALLS, "cdrapi", 4),
        ({"faults": {"recapi_forbidden": ""}}, {}, Layer.API_RECORDINGS, "Recordings → recapi", 4),
        ({}, {"url": "https://127.0.0.1:1"}, Layer.API_NETWORK, "HTTP Server", 6),
        ({"faults": {"api_busy": "-57"}}, {}, Layer.API_CALLS, "API Configuration", 6),
    ],
    ids=["off", "address", "web-user", "password", "cdrapi", "recapi", "no-route", "busy"],
)
def test_each_cause_of_a_blocked_api_has_layer_menu_remedy_and_code(prepared, ucm, api, layer, words, code):
    place = prepared(ucm, api={**API, **api})
    rewrite(place, lambda whole: whole["ucms"]["office"].pop("web"))
    found = checkup(place)
    assert (found.exit_code, failed(found)[0]) == (code, layer)
    assert words in step_of(found, layer).menu
    assert step_of(found, layer).remedy
    assert (found.state("web"), found.state("api")) == ("not-configured", "fails")


@pytest.mark.parametrize("ucm", [{"api_new": False}, {"faults": {"recapi_forbidden": ""}}], ids=["off", "recapi"])
def test_blocked_api_is_3_while_the_web_ui_works(examined, ucm):
    _, found = examined(ucm)
    assert (found.exit_code, found.state("web"), found.state("api")) == (3, "works", "fails")


@pytest.mark.fault("sign-in", "the doctor is given a wrong password, twice", "it is sent once", promise="ban")
def test_wrong_web_password_is_sent_once_in_two_examinations(examined):
    place, found = examined(web={"password": "wrong"})
    assert (found.exit_code, failed(found)) == (3, [Layer.WEB_SIGN_IN])
    assert "User Management" in step_of(found, Layer.WEB_SIGN_IN).menu
    again = checkup(place)
    assert failed(again) == [Layer.WEB_SIGN_IN]
    assert results(again)["web UI"] == "skipped"
    assert [sign_in.ok for sign_in in place.ucm.state.sign_ins if sign_in.way == "web"] == [False]


def test_wrong_passwords_alone_are_4(examined):
    place, found = examined(web={"password": "wrong"}, api={**API, "password": "wrong"})
    assert (found.exit_code, failed(found)) == (4, [Layer.WEB_SIGN_IN, Layer.API_USER])
    checkup(place)
    assert len(place.ucm.state.sign_ins) == 2


@pytest.mark.fault("sign-in", "the doctor meets a CAPTCHA", "no attempt is made", exit_code=5, promise="ban", simulated="captcha")
def test_captcha_is_5_without_an_attempt(examined):
    place, found = examined({"faults": {"captcha": ""}}, api={**API, "kind": "off"})
    assert (found.exit_code, failed(found)) == (5, [Layer.WEB_SIGN_IN])
    assert "ucm-scraper login" in step_of(found, Layer.WEB_SIGN_IN).remedy
    assert place.ucm.state.sign_ins == []


@pytest.mark.fault("tls", "the doctor meets a certificate that is not proved", "it sends nothing", exit_code=6, promise="tls")
@pytest.mark.parametrize("tls", [{"pin": "sha256//" + "A" * 43 + "="}, {"pin": None}], ids=["wrong-pin", "untrusted"])
def test_certificate_that_is_not_proved_is_6_before_anything_is_sent(examined, tls):
    place, found = examined(tls=tls)
    assert (found.exit_code, failed(found)) == (6, [Layer.TLS, Layer.API_TLS])
    assert place.ucm.pin in step_of(found, Layer.TLS).remedy
    assert place.ucm.state.actions == []


def test_web_ui_in_another_language_is_7_and_names_its_buttons(examined):
    place, found = examined({"language": "de"}, api={**API, "kind": "off"})
    assert (found.exit_code, failed(found)) == (7, [Layer.WEB_UI])
    step = step_of(found, Layer.WEB_UI)
    assert "'Alle herunterladen'" in step.cause and "web.labels.download_all" in step.remedy
    place.configure(web={"labels": {"download_all": ["Alle herunterladen"]}})
    assert "web.labels.download`" in step_of(checkup(place), Layer.WEB_UI).remedy


@pytest.mark.fault(
    "web", "the list of recordings never answers", "the doctor ends by its deadline", exit_code=7, promise="hang", simulated="hang=list"
)
def test_list_that_does_not_answer_is_7(examined):
    _, found = examined({"faults": {"web_busy": "-45"}}, api={**API, "kind": "off"})
    assert (found.exit_code, failed(found)) == (7, [Layer.WEB_UI])
    assert "-45" in step_of(found, Layer.WEB_UI).cause


def test_no_route_is_6_for_both_ways(examined):
    _, found = examined(url="https://127.0.0.1:1")
    assert (found.exit_code, failed(found)) == (6, [Layer.NETWORK, Layer.API_NETWORK])
    assert results(found)["clock"] == "skipped"
    assert results(found)["storage"] == "ok"


def test_api_alone_is_enough(prepared):
    place = prepared({"recordings": 1})
    rewrite(place, lambda whole: whole["ucms"]["office"].pop("web"))
    found = checkup(place)
    assert (found.exit_code, found.state("web"), found.state("api")) == (0, "not-configured", "works")


@pytest.mark.fault("config", "the configured time zone is not the PBX's", "the doctor says which it seems to be", exit_code=3)
def test_zone_that_disagrees_with_the_list_is_3(examined):
    _, found = examined(timezone="Asia/Tokyo")
    assert (found.exit_code, failed(found)) == (3, [Layer.CLOCK])
    assert "UTC-06:00" in step_of(found, Layer.CLOCK).cause


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that can't be written."""
    with mounted(tmp_path / "read-only", "ro,size=2m") as folder:
        yield folder


@pytest.mark.fault("storage", "the store can't be written", "the doctor says so", exit_code=8, promise="loss")
def test_read_only_store_is_8_whatever_else_works(prepared, read_only):
    place = prepared()
    rewrite(place, lambda whole: whole.update(store={"url": str(read_only / "recordings"), "min_free_mb": 0}))
    found = checkup(place)
    assert (found.exit_code, failed(found)) == (8, [Layer.STORAGE])


@pytest.mark.fault("storage", "the data folder can't be written", "no sign-in is made that could not be noted", exit_code=8, promise="ban")
def test_read_only_data_dir_is_8_and_no_sign_in_is_made_without_its_budget(prepared, read_only):
    place = prepared()
    rewrite(place, lambda whole: whole.update(data_dir=str(read_only)))
    found = checkup(place)
    assert (found.exit_code, failed(found)) == (8, [Layer.STORAGE])
    assert results(found)["web sign-in"] == results(found)["API user"] == "skipped"
    assert place.ucm.state.sign_ins == []


def test_job_at_work_is_noted_and_keeps_its_lock(prepared):
    place = prepared({"recordings": 1})
    with job_lock(place.folder / "data", "office"):
        found = checkup(place)
    assert found.exit_code == 0
    assert "job (pid" in found.notes[0]


def test_command_says_each_step_on_stderr_and_the_result_on_stdout(prepared):
    process = prepared({"recordings": 1}).command("doctor", "--ucm", "office", "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["ways"] == {"web": "works", "api": "works"}
    order = [err.index(f"testing {layer}") for layer in ("network", "TLS", "web", "API", "clock", "storage")]
    assert order == sorted(order)
