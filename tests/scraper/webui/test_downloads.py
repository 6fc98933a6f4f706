"""Downloads of one page, one after another."""

from __future__ import annotations

import pytest

from scraper.simulator.delivery import Delivery

pytestmark = pytest.mark.browser


def test_second_archive_comes_from_the_pbx_though_it_lets_the_first_be_cached(visit, monkeypatch):
    """All archives of a kind have one address (field guide 1)."""
    answer = Delivery.__call__

    async def cacheable(self, *call):
        self.headers["cache-control"] = "max-age=3600"
        await answer(self, *call)

    monkeypatch.setattr(Delivery, "__call__", cacheable)

    async def story(at):
        page = (await at.ui.recordings()).page
        await page.evaluate(
            "fetch('/cgi', {method: 'POST', body: new URLSearchParams({action: 'packFile', type: 'cdr_pack',"
            "data: 'allCdrRecordFiles.tgz'})}).then(answer => answer.json())"
        )
        for _ in range(2):
            async with page.expect_download() as download:
                await page.evaluate("() => { location = '/cgi?action=downloadFile&type=cdr_pack&data=allCdrRecordFiles.tgz' }")
            await (await download.value).path()
        return at.ucm.state.count("downloadFile")

    assert visit(story) == 2
