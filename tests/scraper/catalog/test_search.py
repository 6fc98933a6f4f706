"""Finding recordings in the catalog."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from scraper.catalog import Catalog, Recording, search
from scraper.catalog.findable import forget_words
from scraper.catalog.schema import search_words
from scraper.catalog.search import Wish
from scraper.catalog.words import wanted, words_of
from scraper.cdr import Call, CallFile
from scraper.cdr.clock import Moment
from scraper.models import Identity, RecordingClass, Source, class_of

ZONES = {"office": ZoneInfo("America/Chicago"), "branch": ZoneInfo("UTC")}
#: 2026-02-06 16:21:36 in Chicago.
EPOCH = 1770416496


def add(catalog: Catalog, *names: str, ucm: str = "office", month: str = "2026-02", **changes: Any) -> None:
    values = {
        "size": 100, "sha256": "a" * 64, "source": Source.BULK, "source_format": "riff", "source_size": 64, "source_sha256": "b" * 64,
        "run_id": "r", "frames": 80_000, "sample_rate": 8000, "channels": 1,
    } | changes  # fmt: skip
    catalog.announce([Recording(identity=Identity(ucm, class_of(name), month, name), path=f"{ucm}/{name}", **values) for name in names])
    catalog.promote(ucm)


def told(*names: str, month: str | None = "2026-02", **changes: Any) -> Call:
    start = datetime(2026, 2, 7, 12, 0, 0)
    files = tuple(CallFile(name, month, class_of(name)) for name in names)
    return Call(session="s", acct_id="1", start=Moment(start, start.replace(tzinfo=UTC)), files=files, **changes)


def found(catalog: Catalog, typed: str = "", **wish: Any) -> list[str]:
    while catalog.index_some(ZONES):
        pass
    return [hit.recording.identity.name for hit in catalog.search(Wish(text=typed, **wish)).hits]


def said(typed: str, name: str) -> bool:
    return all(any(text in words_of(name) for text in texts) for texts in wanted(typed))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auto-1770416496-1000-+15555550100.wav", " 1000 15555550100 "),
        ("auto-1770416496#6400-5555550101-6200.wav", " 6400 5555550101 6200 "),
        ("auto-1770416496RG2-1001-5555550100.wav", " rg2 1001 5555550100 "),
        ("q6500-5555550102-20260206-162136-1770416496.12-1003.wav", " q6500 5555550102 1003 "),
        ("meetme-conf-rec-6300-1770416496.7.wav", " 6300 "),
        ("Ärger.wav", " ärger "),
        (".wav", " .wav "),
    ],
)
def test_a_name_s_words_are_the_people_in_it_and_not_its_stamps(name: str, words: str) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    "typed", ["5555550100", "0100", "55555", "555-0100", " (555) 555-0100 ", "+1 555 555 0100", "0015555550100", "5555.550100"]
)
def test_a_number_is_found_by_how_it_begins_or_ends_however_it_is_grouped(typed: str) -> None:
    assert said(typed, "auto-1-1000-5555550100.wav")


@pytest.mark.parametrize("typed", ["1770416496", "55501", "5555550199", "+1 555 555 0199", "10005", "15555550100"])
def test_a_number_that_is_not_there_is_not_found(typed: str) -> None:
    assert not said(typed, "auto-1770416496-1000-5555550100.wav")


def test_the_newest_come_first_by_the_time_in_their_names(catalog: Catalog) -> None:
    names = [f"auto-{EPOCH + step}-1000-5555550100.wav" for step in (0, 60, 30)]
    add(catalog, *names)
    assert found(catalog) == [names[1], names[2], names[0]]
    assert catalog.search(Wish()).hits[2].at == "2026-02-06 16:21:36"


def test_pages_follow_each_other_without_overlap_or_loss_where_times_are_equal(catalog: Catalog) -> None:
    add(catalog, *(f"auto-{EPOCH}-{1000 + number}-5555550100.wav" for number in range(7)), "plain.wav")
    everything, seen, after = found(catalog), [], None
    while True:
        page = catalog.search(Wish(), after=after, limit=3)
        seen += [hit.recording.identity.name for hit in page.hits]
        if (after := page.more) is None:
            break
    assert seen == everything
    assert len(seen) == 8


@pytest.mark.parametrize("after", ["", "x", "2026_", "'; DROP TABLE recordings_1", "2026-02-06T16:21:36_99999999999999999999", "\x00_1"])
def test_a_place_that_no_page_named_is_the_beginning(catalog: Catalog, after: str) -> None:
    add(catalog, "a.wav")
    assert found(catalog) == [hit.recording.identity.name for hit in catalog.search(Wish(), after=after).hits] == ["a.wav"]


def test_a_person_is_found_by_the_call_s_legs_too_also_when_they_are_told_later(catalog: Catalog) -> None:
    ring, room = f"auto-{EPOCH}#6400-5555550101-6200.wav", f"meetme-conf-rec-6300-{EPOCH}.7.wav"
    catalog.upsert_calls("office", [told(ring, src="5555550101", dst="6200", answered_by="1007")], "api")
    add(catalog, ring, room)
    assert found(catalog, "1007") == [ring]
    assert found(catalog, "Doe") == []
    catalog.upsert_calls("office", [told(room, month=None, src="5555550166", dst="6300", caller_name="Jane Doe")], "api")
    assert found(catalog, "555-0166") == found(catalog, "jane  doe") == found(catalog, "Doe Ja 555 0166") == [room]


def test_a_call_of_another_ucm_or_month_says_nothing(catalog: Catalog) -> None:
    name = "auto-conf.wav"
    add(catalog, name)
    catalog.upsert_calls("branch", [told(name, src="5555550133")], "api")
    catalog.upsert_calls("office", [told(name, month="2026-01", src="5555550134")], "api")
    assert found(catalog, "5555550133") == found(catalog, "5555550134") == []


def test_each_wish_narrows_what_is_found(catalog: Catalog) -> None:
    early, late = f"auto-{EPOCH - 86400}-1000-5555550100.wav", f"auto-{EPOCH}-1000-5555550100.wav"
    queue = "q6500-5555550102-20260208-090000-1770416496.12-1003.wav"
    add(catalog, early, late)
    add(catalog, queue, frames=8000)
    add(catalog, "raw.mp3", frames=None, sample_rate=None)
    add(catalog, late, ucm="branch", frames=8_000_000)
    assert found(catalog, ucm="office", since=date(2026, 2, 6), until=date(2026, 2, 7)) == [late]
    assert found(catalog, klass=RecordingClass.QUEUE) == [queue]
    assert found(catalog, longest=1.0) == [queue]
    assert found(catalog, shortest=100) == [late]
    assert found(catalog, ucm="branch") == [late]
    assert found(catalog, until=date(2026, 2, 6)) == [early]
    assert found(catalog, since=date(2026, 2, 1), until=date(2026, 2, 6)) == [early]
    assert "raw.mp3" in found(catalog, since=date(2026, 2, 1), until=date(2026, 3, 1))
    assert found(catalog, "%") == found(catalog, "_") == []


def test_a_name_without_a_time_is_dated_by_the_list_the_call_or_its_month(catalog: Catalog) -> None:
    add(catalog, "listed.wav", "called.wav", "neither.wav")
    add(catalog, "undated.wav", month="undated")
    with catalog.transaction() as connection:
        values = "'office', 'monitor', '2026-02', 'listed.wav', '2026-02-09 10:00:00', 'x', 'x', 'r'"
        connection.execute(
            text(f"INSERT INTO inventory (ucm, class, month, name, call_time, first_listed, last_listed, run_id) VALUES ({values})")
        )
    catalog.upsert_calls("office", [told("called.wav", dst="1")], "api")
    assert found(catalog) == ["listed.wav", "called.wav", "neither.wav", "undated.wav"]
    assert [hit.at for hit in catalog.search(Wish()).hits] == ["2026-02-09 10:00:00", "2026-02-07 12:00:00", "2026-02", "undated"]


def test_what_was_withdrawn_is_not_found_and_its_number_can_be_given_again(catalog: Catalog) -> None:
    add(catalog, "a.wav", "b.wav")
    assert found(catalog) == ["b.wav", "a.wav"]
    catalog.forget(catalog.search(Wish()).hits[0].recording)
    add(catalog, "c.wav")
    assert found(catalog) == ["c.wav", "a.wav"]


def test_a_recording_is_found_by_its_number_with_its_calls(catalog: Catalog) -> None:
    add(catalog, "a.wav")
    catalog.upsert_calls("office", [told("a.wav", src="1"), told("other.wav", src="2")], "api")
    hit = catalog.recording(1)
    assert hit is not None
    assert (hit.recording.identity.name, hit.at, hit.seconds) == ("a.wav", "2026-02", 10.0)
    assert [leg.src for leg in catalog.calls_of(hit.recording)] == ["1"]
    assert catalog.recording(2) is None


# --- many recordings ---


def many(catalog: Catalog, count: int, number: str = "5555550100", **changes: Any) -> list[str]:
    """Recordings a second apart; their names, the newest first."""
    names = [f"auto-{EPOCH + step}-{1000 + step % 10}-{number}.wav" for step in range(count)]
    add(catalog, *names, **changes)
    return names[::-1]


def turned(catalog: Catalog, **wish: Any) -> list[str]:
    """All that is found, page by page."""
    while catalog.index_some(ZONES):
        pass
    seen, after, pages = list[str](), None, 0
    while pages < 100:
        page = catalog.search(Wish(**wish), after=after, limit=7)
        seen += [hit.recording.identity.name for hit in page.hits]
        pages, after = pages + 1, page.more
        if after is None:
            break
    return seen


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that looks at few: so each of its ways is taken by few recordings."""
    for name, value in (("_FEW", 4), ("_IN_INDEX", (8, 10)), ("_LOOKED_UP", (10,)), ("_WORDS", 5), ("_MERGED", 3)):
        monkeypatch.setattr(search, name, value)


@pytest.mark.parametrize("patience", ["as it is", "hasty"])
def test_whichever_way_is_taken_the_pages_hold_what_was_asked_for_in_order(
    catalog: Catalog, request: pytest.FixtureRequest, patience: str
) -> None:
    if patience == "hasty":
        request.getfixturevalue("hasty")
    names = many(catalog, 40)
    others = many(catalog, 12, "5555550177", ucm="branch", frames=800_000)
    queue = [f"q6500-55555502{number:02}-20250208-0900{number:02}-1770416496.12-1003.wav" for number in range(6)]
    add(catalog, *queue)
    assert turned(catalog, ucm="branch") == others
    assert turned(catalog, text="5555550100") == names
    assert turned(catalog, text="0177", ucm="branch") == others
    assert turned(catalog, text="0177", ucm="office") == []
    assert turned(catalog, text="1003") == [*(name for name in others + names if "-1003-" in name), *queue[::-1]]  # in UTC it is later
    assert turned(catalog, text="1003", ucm="office") == [*(name for name in names if "-1003-" in name), *queue[::-1]]
    assert turned(catalog, text="1003 +15555550100") == [name for name in names if "-1003-" in name]
    assert turned(catalog, text="1003", klass=RecordingClass.QUEUE) == turned(catalog, klass=RecordingClass.QUEUE) == queue[::-1]
    assert turned(catalog, text="55555502") == queue[::-1]
    assert turned(catalog, text="555", shortest=50) == turned(catalog, shortest=50) == others
    assert turned(catalog, text="5", until=date(2025, 12, 1)) == queue[::-1]
    assert turned(catalog, klass=RecordingClass.MEETME) == turned(catalog, text="5555550188") == []


@pytest.mark.usefixtures("hasty")
def test_a_search_among_too_many_says_how_far_back_it_looked_and_goes_on_there(catalog: Catalog) -> None:
    many(catalog, 25, frames=80_000)
    old = f"auto-{EPOCH - 60}-1000-5555550100.wav"
    add(catalog, old, *(f"auto-{EPOCH - 120 - step}-1000-5555550100.wav" for step in range(4)), frames=800)
    while catalog.index_some(ZONES):
        pass
    first = catalog.search(Wish(longest=1.0, shortest=0.0))
    assert (first.hits, first.looked_back_to) == ([], "2026-02-06 16:21:51")
    third = catalog.search(Wish(longest=1.0), after=catalog.search(Wish(longest=1.0), after=first.more).more)
    assert third.hits[0].recording.identity.name == old
    assert (third.more, third.looked_back_to) == (None, None)


def test_the_words_of_what_was_let_go_of_and_of_nothing_else_are_forgotten(catalog: Catalog) -> None:
    add(catalog, "auto-1-1000-5555550100.wav", "auto-2-1000-5555550101.wav")
    assert len(found(catalog)) == 2
    catalog.forget(catalog.search(Wish(text="5555550101")).hits[0].recording)
    assert found(catalog, "5555550101") == []
    with catalog.transaction() as connection:
        forget_words(connection, "branch")
        assert len(connection.execute(search_words.select()).all()) == 3
        forget_words(connection, "office")
        assert set(connection.scalars(select(search_words.c.word))) == {"1000", "5555550100"}
    add(catalog, "auto-3-1000-5555550101.wav")
    assert found(catalog, "0101") == ["auto-3-1000-5555550101.wav"]
