"""The live view beside a page: it shows nothing of the app behind the sign-in, and obeys nobody there."""

from __future__ import annotations

import asyncio

import pytest

from scraper.simulator import WEB_USER
from scraper.webui.live_view import Closed, Inbox, LiveView, Outcome
from scraper.webui.session import Credentials

pytestmark = pytest.mark.browser


def test_signed_in_page_is_neither_shown_nor_acted_on(visit):
    async def story(place):
        await place.ui.recordings()
        page = place.ui._page
        before = page.url
        link = await page.locator(".ant-menu-item", has_text="CDR").first.bounding_box()
        inbox, pictures, camera = Inbox(), [], asyncio.Event()
        view = LiveView(inbox, pictures.append, Credentials(WEB_USER, None), 5)
        take = view._take
        view._take = lambda *frame: (take(*frame), camera.set())
        inbox.put({"command": "view", "width": 1440, "height": 900})
        watching = asyncio.ensure_future(view.accompany(page))
        await asyncio.wait_for(camera.wait(), 10)
        inbox.put({"command": "click", "x": link["x"] + 10, "y": link["y"] + 10})
        inbox.put({"command": "stop"})
        with pytest.raises(Closed) as closed:
            await asyncio.wait_for(watching, 10)
        assert closed.value.outcome is Outcome.CLOSED
        assert pictures == []
        assert page.url == before

    visit(story)
