"""When the PBX does not let us in, or is not who it should be: the documented exit code, and no attempt wasted."""

from __future__ import annotations

import socket

import pytest

from scraper.budget import LIMIT
from scraper.job import web_way
from scraper.simulator import Simulator

pytestmark = pytest.mark.browser


@pytest.mark.fault("tls", "the PBX's key is not the pinned one", "nothing is asked of it", exit_code=6, promise="tls")
def test_wrong_pin_ends_in_6_before_any_page_is_opened(office):
    place = office()
    place.configure(tls={"pin": "sha256//" + "A" * 43 + "="})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (6, "PinMismatch")
    assert place.ucm.state.actions == []


@pytest.mark.fault(
    "tls", "a self-signed certificate and no pin", "nothing is asked of it; the message names the pin", exit_code=6, promise="tls"
)
def test_self_signed_certificate_without_pin_ends_in_6_and_names_the_pin(office):
    place = office()
    place.configure(tls={"pin": None})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (6, "CertificateUntrusted")
    assert place.ucm.pin in report.error["remedy"]
    assert place.ucm.state.actions == []


def test_ca_file_lets_the_browser_in_as_well(office, tmp_path):
    place = office(certificate_names=("127.0.0.1", "localhost"))
    (tmp_path / "ca.pem").write_text(place.ucm.certificate_pem)
    place.configure(tls={"pin": None, "ca_file": str(tmp_path / "ca.pem")})
    report = place.run()
    assert (report.exit_code, report.error) == (0, None)


@pytest.mark.fault(
    "tls", "another server answers between the handshake and the first page", "the browser refuses it", exit_code=6, promise="tls"
)
def test_browser_does_not_trust_another_key_than_the_proved_one(office, monkeypatch):
    """Whoever takes the PBX's place between the handshake and the first page."""
    place = office()
    with Simulator(recordings=1) as impostor:
        from scraper.job import web_access

        proved = web_access.prove
        monkeypatch.setattr(web_access, "prove", lambda url, rules, timeout: proved(place.ucm.url, rules, timeout))
        place.configure(url=impostor.url)
        report = place.run()
        assert report.exit_code == 6
        assert "CERT" in report.error["message"]
        assert impostor.state.actions == []


@pytest.mark.fault(
    "sign-in", "a CAPTCHA at the sign-in page", "no attempt is made; a person is asked for", exit_code=5, promise="ban", simulated="captcha"
)
def test_captcha_ends_in_5_without_a_sign_in_attempt(office):
    place = office(faults={"captcha": ""})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (5, "CaptchaRequired")
    assert place.ucm.state.sign_ins == []
    assert (place.folder / "data" / "failures").exists()


@pytest.mark.fault(
    "sign-in",
    "a CAPTCHA comes after the sign-in was sent, and the right password is refused without it",
    "a person is asked for; the password is not held for wrong",
    exit_code=5,
    promise="ban",
    simulated="captcha_late",
)
def test_captcha_that_comes_late_is_seen_before_the_password_is_blamed(office):
    place = office(faults={"captcha_late": "1.8"})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (5, "CaptchaRequired")
    assert len(place.ucm.state.sign_ins) == 1
    place.ucm.state.faults.clear()
    assert place.run().exit_code == 0


@pytest.mark.fault("sign-in", "a CAPTCHA appears while a session is kept", "the session serves on", exit_code=0, simulated="captcha")
def test_captcha_that_appears_later_does_not_matter_to_a_kept_session(office):
    place = office()
    place.run()
    place.ucm.state.faults.set("captcha")
    assert place.run().exit_code == 0


@pytest.mark.fault(
    "sign-in",
    "the web password is refused",
    "ten runs send it once, and nine start no browser; a corrected one works at once",
    exit_code=4,
    promise="ban",
)
def test_wrong_password_ends_in_4_and_ten_runs_send_it_once(office, monkeypatch):
    place = office()
    place.configure(web={"password": "wrong"})
    first = place.run()
    assert (first.exit_code, first.error["kind"]) == (4, "PasswordRefused")
    with monkeypatch.context() as without_browser:
        without_browser.delattr(web_way, "web_ui")
        assert [place.run().exit_code for _ in range(9)] == [4] * 9
    assert len(place.ucm.state.sign_ins) == 1
    place.configure(web={"password": "simulated-web-password"})
    assert place.run().exit_code == 0


@pytest.mark.fault(
    "sign-in",
    "the app is loaded anew upon the PBX's answer, which is lost by that",
    "what shows then says how it went: one sign-in",
    exit_code=0,
)
def test_sign_in_whose_answer_went_with_its_page_is_judged_by_what_shows(office):
    place = office(recordings=3, queue_recordings=2, reloads=True)
    assert place.run().exit_code == 0
    assert len(place.ucm.state.sign_ins) == 1
    place.ucm.state.faults.set("captcha")
    assert place.run().exit_code == 0  # the session was kept


@pytest.mark.fault(
    "sign-in",
    "the web password is refused, and the page loaded anew before that is read",
    "attempts end before the PBX's limit",
    exit_code=6,
    promise="ban",
)
def test_refusal_that_went_with_its_page_is_an_error_and_ends_before_a_ban(office):
    place = office(reloads=True, page_seconds=4)
    place.configure(web={"password": "wrong"})
    first = place.run()
    assert (first.exit_code, first.error["kind"]) == (6, "ServerError")
    assert [place.run().error["kind"] for _ in range(4)][-1] == "BudgetExhausted"
    assert len(place.ucm.state.sign_ins) <= LIMIT


@pytest.mark.fault(
    "sign-in", "this address is banned", "no attempt until the ban is over", exit_code=4, promise="ban", simulated="lockout=ban"
)
def test_lockout_ends_in_4_and_is_waited_for(office):
    place = office(faults={"lockout": "ban"})
    assert place.run().error["kind"] == "LockedOut"
    attempts = len(place.ucm.state.sign_ins)
    assert (place.run().exit_code, len(place.ucm.state.sign_ins)) == (4, attempts)


@pytest.mark.fault(
    "sign-in",
    "after the password comes another step ({step})",
    "a person is asked for, and no second code is sent out",
    exit_code=5,
    promise="ban",
    simulated="login_extra={step}",
)
@pytest.mark.parametrize("step", ["otp", "change_password"])
def test_second_step_after_the_password_ends_in_5(office, step):
    place = office(faults={"login_extra": step})
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (5, "SecondFactorRequired")
    assert (place.run().exit_code, len(place.ucm.state.sign_ins)) == (5, 1)  # nobody is sent another code


@pytest.mark.fault("tls", "every request answers 503", "the job ends; the next tries again", exit_code=6, simulated="unavailable")
def test_503_ends_in_6(office):
    report = office(faults={"unavailable": ""}).run()
    assert (report.exit_code, report.error["kind"]) == (6, "ServerError")


@pytest.mark.fault("tls", "nobody listens at the address", "the job ends; the next tries again", exit_code=6)
def test_pbx_that_is_switched_off_ends_in_6(office):
    place = office()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    place.configure(url=f"https://127.0.0.1:{port}")
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (6, "NetworkError")


@pytest.mark.fault(
    "tls", "connections are accepted and never answered", "the job ends by its deadline", exit_code=6, promise="hang", simulated="hang=all"
)
def test_pbx_that_accepts_and_never_answers_ends_in_6_by_the_deadline(office):
    place = office()
    place.ucm.state.faults.set("hang", "all")
    report = place.run()
    assert (report.exit_code, report.error["kind"]) == (6, "NetworkError")
    assert report.seconds["total"] < 60


@pytest.mark.fault(
    "web",
    "the page comes, its answers never do",
    "the job ends with a masked screenshot",
    exit_code=7,
    promise="hang",
    simulated="hang=cgi",
)
def test_page_that_serves_no_sign_in_form_ends_in_7_with_a_masked_screenshot(office):
    place = office(faults={"hang": "cgi"})
    report = place.run()
    assert report.exit_code == 7
    (folder,) = (place.folder / "data" / "failures").iterdir()
    assert {path.name for path in folder.iterdir()} == {"screenshot.png", "actions.json"}
    assert str(folder) in report.error["remedy"]


def test_failure_says_what_now(office):
    report = office(faults={"captcha": ""}).run()
    assert "ucm-scraper login" in report.error["remedy"]
