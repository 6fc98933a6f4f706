"""What is kept of failures."""

from __future__ import annotations

import pytest

from scraper.webui import evidence

pytestmark = pytest.mark.browser


def test_only_the_newest_failures_are_kept_and_nothing_else_is_removed(visit, tmp_path):
    failures = tmp_path / "failures"
    for number in range(evidence.KEPT + 5):
        (failures / f"2026-01-01T00-00-{number:02}Z-office").mkdir(parents=True)
        (failures / f"2026-01-01T00-00-{number:02}Z-office" / "actions.json").touch()
    (failures / "0-notes").mkdir()

    async def story(at):
        page = await at.ui.recordings()
        await evidence.save(page.page, at.ui.wire, failures / "2026-01-02T00-00-00Z-office")

    visit(story)
    kept = sorted(path.name for path in failures.iterdir())
    assert kept[0] == "0-notes"
    assert kept[1:] == [*(f"2026-01-01T00-00-{number:02}Z-office" for number in range(6, 25)), "2026-01-02T00-00-00Z-office"]
    assert (failures / kept[-1] / "screenshot.png").stat().st_size > 0
