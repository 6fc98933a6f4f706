"""What is kept of failures."""

from __future__ import annotations

import json

import pytest

from scraper.errors import DiskFull
from scraper.webui import evidence

pytestmark = pytest.mark.browser


def test_a_page_and_what_it_was_answered_are_kept_and_no_error_leaves(visit):
    kept = {}

    def keep(files):
        kept.update(files)
        return "a place"

    def full(files):
        raise DiskFull

    async def story(at):
        page = await at.ui.recordings()
        return [await evidence.save(page.page, at.ui.wire, one) for one in (keep, full)]

    assert visit(story) == ["a place", None]
    assert kept["screenshot.png"].startswith(b"\x89PNG")
    assert "listFile" in {action["action"] for action in json.loads(kept["actions.json"])["actions"]}
