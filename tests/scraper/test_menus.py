"""Every cause has a place in the PBX's web UI, and something to do."""

from __future__ import annotations

import inspect

import pytest

from scraper import errors, menus
from scraper.errors import (
    ApiBlocked,
    ApiOff,
    BrowserFailed,
    ConfigError,
    LockedOut,
    NotListed,
    PageNotAsExpected,
    PermissionMissing,
    ScraperError,
    StorageError,
)
from scraper.models import GapReason

#: Errors of the PBX or of the way to it: the others are not its matter.
OF_THE_PBX = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.SignInError | errors.PersonNeeded | errors.UnreachableError | errors.WebUiError)
    and not issubclass(each, BrowserFailed)
]


@pytest.mark.parametrize("reason", GapReason)
def test_every_reason_of_a_gap_has_a_menu_path(reason: GapReason) -> None:
    assert "→" in menus.OF_REASON[reason]


@pytest.mark.parametrize("error", OF_THE_PBX)
def test_every_error_of_the_pbx_has_a_menu_path_and_a_remedy(error: type[ScraperError]) -> None:
    assert "→" in menus.menu_for(error())
    assert error().remedy.endswith(".")


@pytest.mark.parametrize("error", [ConfigError, StorageError, BrowserFailed])
def test_what_lies_on_this_side_has_none(error: type[ScraperError]) -> None:
    assert menus.menu_for(error()) == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ApiOff, "HTTPS API Settings (New)"), (ApiBlocked, "Permitted IP(s)"), (PermissionMissing, "API interface permissions"),
        (LockedOut, "Login Settings"), (PageNotAsExpected, "CDR → Recordings"), (NotListed, "CDR → Recordings"),
    ],
)  # fmt: skip
def test_the_menu_is_the_right_one(error: type[ScraperError], words: str) -> None:
    assert words in menus.menu_for(error())


@pytest.mark.parametrize("error", [ApiOff, ApiBlocked, PermissionMissing])
def test_a_blocked_api_s_own_remedy_names_the_menu_as_well(error: type[ScraperError]) -> None:
    """Gaps carry the remedy alone."""
    assert "API Configuration" in error().remedy
