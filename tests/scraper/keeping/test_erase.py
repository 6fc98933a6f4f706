"""Erasing: what was chosen is gone from everywhere, nothing else is, and nothing brings it back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from converters.interface import BytesSource
from scraper.catalog import CalibrationTry, Recording, Transcript
from scraper.catalog.schema import calls, metadata, tombstones
from scraper.cdr import parse_groups
from scraper.errors import StoreUnwritable
from scraper.ingest.quarantine import QuarantineInStore, Suspicion
from scraper.keeping.choosing import choose
from scraper.keeping.criteria import criteria
from scraper.models import Identity, Source, Window, class_of

from .conftest import ANN, BOB, EVE, UCM, ZONE, Archive, file_name


def everything(archive: Archive) -> str:
    """All rows of all tables, as text."""
    with archive.catalog.reading() as connection:
        return "\n".join(str(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(select(table)))


def furnish(archive: Archive) -> None:
    """Ann's and Bob's calls, known in every way."""
    for number, person in enumerate((ANN, BOB, ANN)):
        identity = archive.keep(file_name(number, person))
        archive.quarantine(identity)
        archive.log(f"Something about {identity.path}")
        archive.catalog.note_audit("somebody", "recording-played", UCM, f"#{number} {identity.path}")
        archive.catalog.enter_calibration(CalibrationTry(identity, "confirmed", "", "gsff/8", "equal"))
    for number, person in ((3, ANN), (4, BOB)):
        missing = archive.miss(file_name(number, person))
        archive.catalog.upsert_listing(UCM, [(missing.klass, "2026-02", missing.name, 9, "2026-02-01 20:43:00")], "reading")
    archive.call(src=ANN, dst="1000", start=1770001000, caller_name="Ann")  # without a recording
    archive.call(src=BOB, dst="1000", start=1770002000)
    archive.catalog.index_some({UCM: ZONE})
    archive.report(f"2026-02/{file_name(0, ANN)}: stored as {UCM}/2026-02/{file_name(0, ANN)}, because.", "All is well.")
    picture = archive.folder / "failures" / f"2026-02-02T02-40-00Z-{UCM}"
    picture.mkdir(parents=True)
    (picture / "screenshot.png").write_bytes(b"a table of calls")


def test_a_number_is_gone_from_every_table_and_every_file_and_nobody_elses_is(archive: Archive) -> None:
    furnish(archive)
    archive.erase(f"+1{ANN}")
    assert ANN not in everything(archive)
    assert archive.with_text(ANN) == []
    assert archive.with_text("screenshot") == []
    assert archive.paths() == [f"2026-02/{file_name(1, BOB)}"]
    assert {leg.src for leg in archive.catalog.calls(UCM)} == {BOB, "1000"}
    (run,) = archive.catalog.last_runs(UCM)
    assert run.report is not None
    assert [gap["path"] for gap in run.report["gaps"]] == [f"2026-02/{file_name(1, BOB)}", f"2026-02/{file_name(4, BOB)}"]
    assert (run.report["gaps_in_all"], run.report["notes"]) == (5, ["All is well."])
    assert len([line for line in archive.with_text(BOB) if "quarantine" in line]) == 2
    assert len(archive.catalog.known_layouts(UCM)) == 3  # what was learnt stays


def test_the_audit_log_says_how_many_and_by_whom_and_the_tombstones_no_more_than_hashes(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    (held,) = archive.catalog.recordings(UCM)
    archive.erase(ANN)
    (entry,) = archive.catalog.audit_entries()
    assert (entry.who, entry.action, entry.ucm, entry.detail) == ("somebody", "erased", UCM, "1 recordings, 1 call records")
    with archive.catalog.reading() as connection:
        rows = connection.execute(select(tombstones).where(tombstones.c.kind == "recording")).mappings().all()
    assert [row["recording_id"] for row in rows if row["recording_id"]] == [held.id]
    assert held.sha256 in [row["sha256"] for row in rows]
    assert all(len(row["identity_hash"]) == 64 and row["why"] == "erased" for row in rows)


def test_what_a_list_a_call_record_or_a_push_says_of_it_is_not_kept_any_more(archive: Archive) -> None:
    name = file_name(0, ANN)
    archive.keep(name)
    archive.erase(ANN)
    archive.call(src="1000", dst=ANN, start=1770000000, recordfiles=f"{name}@")  # bare, and by the same call
    archive.call(src="1000", dst=ANN, start=1770000000, session="other", AcctId="", uniqueid="")  # as the CDR page's table tells it
    archive.call(src="2000", dst="3000", start=1770000003, session="s1770000000")  # another leg of it
    assert list(archive.catalog.calls(UCM)) == []
    assert name not in everything(archive)
    archive.call(src="1000", dst=ANN, start=1770009000)  # she calls again
    assert len(list(archive.catalog.calls(UCM))) == 1


def test_of_a_call_with_two_recordings_one_may_go_and_the_call_stays(archive: Archive) -> None:
    one, two = file_name(0, ANN), file_name(1, ANN)
    archive.keep(one, call=False)
    archive.keep(two, call=False)
    archive.call(src="1000", dst=ANN, start=1770000000, recordfiles=f"2026-02/{one}@2026-02/{two}@")
    archive.erase(None, one)
    archive.call(src="1000", dst=ANN, start=1770000000, recordfiles=f"2026-02/{one}@2026-02/{two}@")
    (leg,) = archive.catalog.calls(UCM)
    assert [file.name for file in leg.files] == [two]
    assert archive.paths() == [f"2026-02/{two}"]


def test_all_versions_and_originals_go(archive: Archive) -> None:
    name = file_name(0, ANN)
    path = f"{UCM}/2026-02/{name}"
    archive.keep(name, original_path=f"{path}.original")
    archive.put(f"{path}.original", b"as it came")
    marked = path.replace(".wav", "~1a2b3c4d.wav")
    archive.put(marked, b"another")
    (first,) = archive.catalog.recordings(UCM)
    fields: dict[str, Any] = {"size": 7, "sha256": "12" * 32, "source_size": 7, "source_sha256": "34" * 32}
    archive.catalog.announce(
        [Recording(identity=first.identity, suffix="1a2b3c4d", path=marked, source=Source.ROW, source_format="riff", run_id="r", **fields)]
    )
    archive.catalog.promote(UCM)
    for stray in ("~ffffffff.wav", "~ffffffff-2.wav", ".wav.transcript.txt", "~1a2b3c4d.wav.original"):  # what the catalog does not know
        archive.put(path.replace(".wav", stray), b"set aside")
    archive.keep(file_name(1, ANN))
    archive.erase(None, name)
    assert archive.with_text(name.removesuffix(".wav")) == []
    assert archive.paths() == [f"2026-02/{file_name(1, ANN)}"]
    assert list(archive.store.paths(UCM)) == [f"{UCM}/2026-02/{file_name(1, ANN)}"]


@pytest.mark.parametrize("marks", [("", "~1a2b3c4d", "~5e6f7a8b"), ("~1a2b3c4d", "", "~5e6f7a8b")], ids=["first", "second"])
def test_where_ucms_share_a_folder_nothing_goes_that_belongs_to_another_s_recording_of_the_same_name(
    archive: Archive, marks: tuple[str, str, str]
) -> None:
    name = file_name(0, ANN)
    own, branch, depot = (f"2026-02/{name.replace('.wav', f'{mark}.wav')}" for mark in marks)
    archive.keep(name, path=own, original_path=f"{own}.original")
    theirs = archive.keep(name, ucm="branch", path=branch, original_path=f"{branch}.original", call=False)
    archive.keep(name, ucm="depot", path=depot, call=False)
    (kept,) = archive.catalog.find_recordings(theirs)
    assert archive.catalog.enter_transcripts([Transcript(kept.id, "text", f"{branch}.transcript.txt", "ab" * 32, 4)])
    (converted,) = archive.catalog.recordings("depot")
    archive.catalog.announce_replacement(replace(converted, original_path=f"{depot}.original"))  # killed before it was finished
    beside = [f"{path}.original" for path in (own, branch, depot)] + [f"{path}.transcript.txt" for path in (own, branch)]
    for path in (*beside, f"2026-02/{name.replace('.wav', '~ffffffff.wav')}"):
        archive.put(path, b"beside it")
    archive.erase(None, name)
    stay = {branch, f"{branch}.original", f"{branch}.transcript.txt", depot, f"{depot}.original"}
    assert set(archive.store.paths("2026-02")) == stay


def test_where_recordings_lie_in_the_store_s_own_folder_what_lies_below_is_left_alone(archive: Archive) -> None:
    name = file_name(0, ANN)
    archive.keep(name, path=name)
    theirs = QuarantineInStore(archive.store, "branch")
    kept = theirs.keep(Identity("branch", class_of(name), "2026-02", name), BytesSource(b"noise"), "ef" * 32, Suspicion("corrupt", "noise"))
    archive.erase(None, name)
    assert not archive.store.exists(name)
    with theirs.opened(kept.path) as source:
        assert source.read(0, 5) == b"noise"


def test_a_copy_that_the_catalog_does_not_know_goes_also_after_a_crash(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    name = file_name(0, ANN)
    archive.keep(name)
    archive.put(f"{UCM}/2026-02/{name}".replace(".wav", "~ffffffff.wav"), b"set aside")
    works = archive.store.remove

    def remove(path: str) -> None:
        if "~ffffffff" in path:
            raise StoreUnwritable("The store is gone.")
        works(path)

    with monkeypatch.context() as broken:
        broken.setattr(archive.store, "remove", remove)
        with pytest.raises(StoreUnwritable):
            archive.erase(ANN)
    archive.erasing.finish()
    assert archive.with_text(ANN) == []


def test_a_file_that_nobody_knows_never_comes(archive: Archive) -> None:
    name = file_name(0, ANN)
    archive.erase(None, name)
    assert archive.identity(name) in archive.catalog.forgotten(UCM)
    assert archive.identity(name, "2026-03") in archive.catalog.forgotten(UCM)  # whatever month somebody gives it
    assert archive.identity(file_name(1, ANN)) not in archive.catalog.forgotten(UCM)


def test_a_name_without_a_time_is_erased_in_its_month_only(archive: Archive) -> None:
    for month in ("2026-02", "2026-03"):
        archive.keep("conference-room.wav", month, call=False)
    archive.erase(None, "2026-02/conference-room.wav")
    assert archive.paths() == ["2026-03/conference-room.wav"]
    forgotten = archive.catalog.forgotten(UCM)
    assert archive.identity("conference-room.wav") in forgotten
    assert archive.identity("conference-room.wav", "2026-03") not in forgotten


def test_erasing_twice_is_harmless_and_leaves_one_tombstone(archive: Archive) -> None:
    archive.keep(file_name(0, ANN))
    archive.erase(None, file_name(0, ANN))
    with archive.catalog.reading() as connection:
        before = connection.execute(select(tombstones.c.identity_hash)).all()
    archive.erase(None, file_name(0, ANN))
    with archive.catalog.reading() as connection:
        assert connection.execute(select(tombstones.c.identity_hash)).all() == before


@pytest.mark.fault(
    "keeping",
    "the store fails in the middle of an erasure",
    "what is left stands in no list, and the next erasure or job ends it",
    promise="kept",
)
@pytest.mark.parametrize("step", ["remove", "sync"])
def test_a_store_that_fails_midway_leaves_it_in_no_list_and_the_next_goes_on(
    archive: Archive, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        archive.keep(file_name(number, ANN))
    archive.keep(file_name(3, BOB))
    works, left = getattr(archive.store, step), iter([True])

    def fail(wanted: Any) -> None:
        if next(left, False):
            works(wanted)
            return
        raise StoreUnwritable("The store is gone.")

    with monkeypatch.context() as broken:
        broken.setattr(archive.store, step, fail)
        if step == "sync":
            next(left)
        with pytest.raises(StoreUnwritable):
            archive.erase(ANN)
    assert archive.paths() == [f"2026-02/{file_name(3, BOB)}"]
    assert archive.catalog.totals(UCM).archived == 1
    assert archive.identity(file_name(0, ANN)) in archive.catalog.forgotten(UCM)
    assert archive.erasing.finish() == 3
    assert archive.erasing.finish() == 0
    assert ANN not in everything(archive)
    assert archive.with_text(ANN) == []


def test_the_whole_of_a_window_goes_and_nothing_that_may_lie_outside(archive: Archive) -> None:
    inside, outside = file_name(0, ANN), file_name(3 * 1440, BOB)
    archive.keep(inside)
    archive.keep(outside)
    archive.keep("undated.wav", "undated", call=False)
    archive.keep("some-day.wav", "2026-02", call=False)
    from datetime import date

    chosen = choose(archive.place, criteria(None, Window(date(2026, 2, 1), date(2026, 2, 3)), ()))
    assert {key.name for key in chosen.spans} == {inside}
    assert len(chosen.calls) == 1


def test_calls_of_others_in_the_same_session_go_along_only_where_nothing_of_it_stays(archive: Archive) -> None:
    kept = file_name(5, EVE)
    archive.keep(kept, call=False)
    archive.call(src=ANN, dst="1000", start=1770000000, session="one")
    archive.call(src="1000", dst="2000", start=1770000010, session="one")
    archive.call(src=ANN, dst="1000", start=1770000100, session="two")
    archive.call(src=EVE, dst="1000", start=1770000110, session="two", recordfiles=f"2026-02/{kept}@")
    archive.erase(ANN)
    assert [(leg.src, leg.session) for leg in archive.catalog.calls(UCM)] == [(EVE, "two")]
    assert archive.paths() == [f"2026-02/{kept}"]


def test_what_is_told_of_a_call_later_does_not_bring_its_recording_back(archive: Archive) -> None:
    name = file_name(0, ANN)
    archive.erase(None, name)
    archive.call(src="1000", dst=ANN, start=1770000000)  # its files are told only when asked for
    (leg,) = archive.catalog.calls(UCM)
    archive.catalog.add_call_files(leg.id, parse_groups([{"start": leg.start, "recordfiles": f"{name}@"}], ZONE).calls[0].files)
    with archive.catalog.reading() as connection:
        assert connection.execute(select(calls.c.id)).all() == []
    archive.call(src="1000", dst=ANN, start=1770000000)
    assert list(archive.catalog.calls(UCM)) == []
