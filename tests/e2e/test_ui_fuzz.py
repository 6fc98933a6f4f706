"""Web UIs that play tricks: nothing that they make a job click changes anything on the PBX. The long version is under tests/bench."""

from __future__ import annotations

import mischief
import pytest

from scraper.webui.guard import Guard

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

SESSIONS = 5


@pytest.mark.fault(
    "web",
    "a page plays tricks: buttons renamed, swapped, covered, doubled, moved; modals in the way; clicks and timers that delete in disguise",
    "nothing is deleted; the job ends by its deadline in a documented code, 0 only if all is archived exactly",
    promise="reading",
    simulated="ui_mischief",
)
def test_no_trick_of_a_page_changes_the_pbx(tmp_path):
    with mischief.mischievous() as ucms:
        tally = mischief.play(ucms, iter(range(SESSIONS)), tmp_path)
    assert tally.codes.total() == SESSIONS
    assert tally.refused > 0, "nothing was tried"


def test_without_the_guard_the_tricks_would(tmp_path, monkeypatch):
    async def nothing(*_):
        pass

    monkeypatch.setattr(Guard, "attach", nothing)
    with mischief.mischievous() as ucms:
        with pytest.raises(AssertionError):
            mischief.play(ucms, iter(range(SESSIONS)), tmp_path)
        assert [write for ucm in ucms for write in ucm.state.deletes]
