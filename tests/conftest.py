"""Shared by all tests: a browser where one is needed, installed where it is missing (as the README's test command promises)."""

from __future__ import annotations

import pytest

from scraper.webui.browser import ensure_browser


@pytest.fixture(scope="session")
def installed_browser() -> None:
    """Playwright's own browser or the system's; Debian's Chromium is installed as root where there is none."""
    ensure_browser()


@pytest.fixture(autouse=True)
def _browser_where_needed(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("browser"):
        request.getfixturevalue("installed_browser")
