"""A person signs in by hand: what is kept, and what it says about the configured password."""

from __future__ import annotations

import pytest

from scraper.catalog import Catalog
from scraper.errors import ConfigError, PasswordRefused, PersonNeeded
from scraper.job.web_access import prove_access
from scraper.settings import load
from scraper.simulator import WEB_PASSWORD, WEB_USER
from scraper.webui import login


async def person(page):
    await page.fill("input#username", WEB_USER)
    await page.fill("input#password", WEB_PASSWORD)
    await page.click("button[type=submit]")


async def nobody(page):
    await page.wait_for_selector("input#username")


def sign_in(place, who=person):
    login.with_person(load(place.config, {}), "office", who)


def attempt(place):
    """Whether the budget would let a job knock with the configured password."""
    settings = load(place.config, {})
    with Catalog.open(settings.catalog.url) as catalog:
        access = prove_access(settings, "office", catalog)
        with access.budget.attempt("web", access.credentials.username, access.credentials.password):
            pass


def test_machine_without_a_screen_says_where_to_sign_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError) as caught:
        login.login(load(None, {"UCM_IP": "192.0.2.1", "UCM_USERNAME": "x", "UCM_PASSWORD": "y"}), "default")
    assert caught.value.exit_code == 2
    assert "sessions/" in caught.value.remedy
    assert "ssh -X" in caught.value.remedy


@pytest.mark.browser
def test_session_that_still_lives_is_no_sign_in_by_hand(office):
    place = office()
    sign_in(place)
    sign_in(place)
    assert [each.ok for each in place.ucm.state.sign_ins] == [True, True]


@pytest.mark.fault(
    "sign-in", "nobody comes to sign in by hand", "`login` ends by its deadline and frees no budget", exit_code=5, promise="ban"
)
@pytest.mark.browser
def test_nobody_at_the_page_ends_in_5_and_frees_no_budget(office, monkeypatch):
    monkeypatch.setattr(login, "PERSON_SECONDS", 4.0)
    place = office()
    place.configure(web={"password": "wrong"})
    assert place.run().exit_code == 4
    with pytest.raises(PersonNeeded):
        sign_in(place, nobody)
    with pytest.raises(PasswordRefused):
        attempt(place)


@pytest.mark.browser
def test_another_password_than_the_configured_leaves_that_refused(office):
    place = office()
    place.configure(web={"password": "wrong"})
    assert place.run().exit_code == 4
    sign_in(place)
    with pytest.raises(PasswordRefused):
        attempt(place)
    assert place.run().exit_code == 0


@pytest.mark.browser
def test_configured_password_that_was_refused_is_trusted_again_once_it_let_a_person_in(office):
    place = office()
    with Catalog.open(load(place.config, {}).catalog.url) as catalog:
        access = prove_access(load(place.config, {}), "office", catalog)
        with access.budget.attempt("web", WEB_USER, WEB_PASSWORD) as knock:
            knock.refused(None)
    sign_in(place)
    attempt(place)
