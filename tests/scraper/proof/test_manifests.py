"""Manifests: written once a day is over, chained, and every later change or loss that nobody meant shows by day and number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from converters.interface import BytesSource
from scraper.calibration.calibration import Calibration
from scraper.calibration.reconvert import Reconversion
from scraper.catalog import Catalog, schema
from scraper.ingest.quarantine import Quarantine
from scraper.models import Gap, GapReason
from scraper.proof.chain import Chain, check
from scraper.proof.manifests import write_due
from scraper.proof.verify import note_lost, verify
from scraper.settings.model import Store
from scraper.store import open_store

DAY = timedelta(days=1)


class Office:
    """An archive that takes a few recordings a day; ``pass_day`` lets one end."""

    def __init__(self, shop: Any, make: Any) -> None:
        self.shop, self.make = shop, make
        self.today = datetime(2026, 2, 6, 12, tzinfo=UTC)
        self.count = 0

    def take(self, count: int = 2) -> None:
        members = [
            self.make.member(f"{self.make.MONTH}/{self.make.name(n)}", self.make.gsff(n)) for n in range(self.count, self.count + count)
        ]
        self.count += count
        self.take_these(members)

    def take_these(self, members: Any, **changes: Any) -> None:
        before = self.last()
        self.shop.ingest(self.make.tgz(members), **changes)
        self.date(before)

    def last(self) -> int:
        with self.shop.catalog.reading() as connection:
            return max([0, *connection.scalars(schema.manifest_lines.select().with_only_columns(schema.manifest_lines.c.id))])

    def date(self, after: int) -> None:
        """What was noted since then was noted today."""
        lines = schema.manifest_lines
        with self.shop.catalog.transaction() as connection:
            connection.execute(update(lines).where(lines.c.id > after).values(at=self.today.strftime("%Y-%m-%dT%H:%M:%SZ")))

    def pass_day(self) -> list[Any]:
        self.today += DAY
        return self.write()

    def write(self) -> list[Any]:
        return write_due(self.shop.catalog, self.shop.store, self.make.UCM, self.today)

    def check(self) -> Chain:
        return check(self.shop.catalog, self.shop.store, self.make.UCM)

    def flaws(self) -> list[tuple[str, int | None, str]]:
        return [(flaw.day, flaw.recording, flaw.what) for flaw in self.check().flaws]

    def file(self, day: str) -> Path:
        return self.shop.store.root / ".manifests" / self.make.UCM / f"{day}.jsonl"

    def lines(self, day: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file(day).read_text().splitlines()]

    def do(self, statement: Any) -> None:
        with self.shop.catalog.transaction() as connection:
            connection.execute(statement)


@pytest.fixture
def office(shop: Any, make: Any) -> Office:
    return Office(shop, make)


@pytest.fixture(params=["folder", "bucket"])
def elsewhere(request: pytest.FixtureRequest, catalog: Catalog, tmp_path: Path, make: Any) -> Office:
    """The same with each kind of catalog and store."""
    settings = Store(**(request.getfixturevalue("bucket") if request.param == "bucket" else {"url": str(tmp_path / "recordings")}))
    shop = request.getfixturevalue("shop")
    with catalog.transaction() as connection:
        connection.execute(delete(schema.meta).where(schema.meta.c.key == "store.id"))  # the shop's own, where it is the same catalog
    return Office(replace(shop, catalog=catalog, store=open_store(settings, catalog)), make)


@pytest.fixture
def three_days(office: Office) -> Office:
    """Two recordings each on the 6th, the 7th and the 9th, and two today, the 10th."""
    for pause in (1, 2, 1):
        office.take()
        for _ in range(pause):
            office.pass_day()
    office.take()
    return office


def test_a_day_is_told_once_it_is_over_in_utc(office: Office) -> None:
    office.take()
    assert office.write() == [] and office.check().holds
    office.today = datetime(2026, 2, 6, 23, 59, 59, tzinfo=UTC)
    assert office.write() == []
    office.today = datetime(2026, 2, 6, 18, 0, tzinfo=UTC) + timedelta(hours=6)
    (written,) = office.write()
    assert (written.number, written.day, written.lines) == (1, "2026-02-06", 2)
    assert office.write() == [] and office.check().holds


def test_a_manifest_holds_numbers_and_hashes_and_neither_names_nor_phone_numbers(office: Office, make: Any) -> None:
    office.take()
    office.pass_day()
    head, *lines = office.lines("2026-02-06")
    assert head == {"schema": 1, "ucm": make.UCM, "day": "2026-02-06", "number": 1, "previous": None, "lines": 2}
    rows = {row.id: row for row in office.shop.catalog.recordings()}
    assert [line["id"] for line in lines] == sorted(rows)
    for line in lines:
        row = rows[line["id"]]
        assert line == {"id": row.id, "at": "2026-02-06T12:00:00Z", "sha256": row.sha256, "size": row.size, "seconds": 0.5}
    text = office.file("2026-02-06").read_text()
    assert "5555550100" not in text and "auto-" not in text and "1000-" not in text


def test_manifests_are_chained_by_their_hashes(three_days: Office) -> None:
    days = ["2026-02-06", "2026-02-07", "2026-02-09"]
    previous = None
    for number, day in enumerate(days, 1):
        head = three_days.lines(day)[0]
        assert (head["number"], head["previous"]) == (number, previous)
        previous = hashlib.sha256(three_days.file(day).read_bytes()).hexdigest()
    chain = three_days.check()
    assert chain.holds and (len(chain.manifests), chain.lines) == (3, 6)
    assert chain.head is not None and (chain.head.day, chain.head.sha256) == (days[-1], previous)


def test_flac_is_told_with_the_hash_of_its_sound_too(office: Office, make: Any) -> None:
    office.take_these([make.member(f"{make.MONTH}/{make.name(0)}", make.wav(0))], format="flac")
    office.pass_day()
    assert office.lines("2026-02-06")[1]["wav_sha256"] == hashlib.sha256(make.wav(0)).hexdigest()


def test_what_is_still_to_be_told_while_the_service_was_off_is_told_day_by_day(office: Office) -> None:
    for _ in range(3):
        office.take(1)
        office.today += DAY
    assert [written.day for written in office.write()] == ["2026-02-06", "2026-02-07", "2026-02-08"]
    assert office.check().holds


def test_what_a_slow_clock_tells_of_a_day_that_is_told_already_gets_a_manifest_of_its_own(office: Office) -> None:
    office.take()
    office.pass_day()
    office.today -= DAY
    office.take(1)
    (written,) = office.pass_day()
    assert (written.number, written.day) == (2, "2026-02-06") and written.path.endswith("/2026-02-06-2.jsonl")
    assert office.check().holds


@pytest.mark.parametrize("step", ["place", "enter_manifest"])
def test_a_crash_while_a_manifest_is_written_is_put_right_by_the_next_look(office: Office, monkeypatch: Any, step: str) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    office.take()
    office.today += DAY
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(office.shop.store if step == "place" else office.shop.catalog, step, die)
        office.write()
    assert office.check().holds
    (written,) = office.write()
    assert written.path.endswith("/2026-02-06.jsonl") and office.check().holds
    assert office.shop.leftovers() == []


def test_a_file_that_is_none_of_ours_is_not_written_over(office: Office) -> None:
    office.file("2026-02-06").parent.mkdir(parents=True)
    office.file("2026-02-06").write_text("mine")
    office.take()
    (written,) = office.pass_day()
    assert written.path.endswith("/2026-02-06-2.jsonl") and office.file("2026-02-06").read_text() == "mine"


def test_on_each_kind_of_catalog_and_store_manifests_are_written_and_compared(elsewhere: Office, make: Any) -> None:
    for _ in range(2):
        elsewhere.take(1)
        compressed = make.member(f"{make.MONTH}/{make.name(50 + elsewhere.count)}", make.gsff(50 + elsewhere.count))
        elsewhere.take_these([compressed], format="flac")
        elsewhere.pass_day()
    assert verify(elsewhere.shop.catalog, elsewhere.shop.store).ok == 4
    chain = elsewhere.check()
    assert (chain.holds, len(chain.manifests), chain.lines) == (True, 2, 4)
    row = next(iter(elsewhere.shop.catalog.recordings()))
    elsewhere.do(delete(schema.recordings).where(schema.recordings.c.id == row.id))
    elsewhere.shop.store.remove(chain.manifests[1].path)
    assert elsewhere.flaws() == [
        ("2026-02-07", None, "the manifest's file is gone from the store"),
        ("2026-02-06", row.id, "it is gone from the catalog"),
    ]


# --- what somebody meant ---


def test_a_conversion_done_again_is_told_with_the_hash_that_it_replaces(office: Office, make: Any) -> None:
    header = b"GSFF\x02\x00\x40\x1f" + bytes(range(0xA0, 0xA8))
    office.take_these([make.member(f"{make.MONTH}/{make.name(0)}", header + make.samples(0, 1.0))])
    office.pass_day()
    (before,) = office.shop.catalog.recordings()
    quarantine = Quarantine(office.shop.folder / "quarantine")
    calibration = Calibration(office.shop.catalog, office.shop.store, quarantine, make.UCM)
    calibration.learn(office.shop.identity(make.name(0)), BytesSource(make.wav(0, 1.0)))
    last = office.last()
    assert len(Reconversion(office.shop.catalog, office.shop.store, quarantine, make.UCM).run().redone) == 1
    office.date(last)
    (after,) = office.shop.catalog.recordings()
    assert before.sha256 != after.sha256
    assert office.check().holds  # told by no manifest yet, but noted
    office.pass_day()
    line = office.lines("2026-02-07")[1]
    assert (line["id"], line["sha256"], line["replaces"]) == (after.id, after.sha256, before.sha256)
    assert office.check().holds


def test_a_loss_that_the_archive_noticed_is_told_and_counted(three_days: Office, make: Any) -> None:
    office = three_days
    (office.shop.store.root / make.UCM / make.MONTH / make.name(0)).unlink()
    assert office.check().holds  # that is for the comparison of the files with the catalog
    note_lost(office.shop.catalog, office.shop.store, make.UCM, verify(office.shop.catalog, office.shop.store))
    for hours in (1, 9):
        lost = Gap(office.shop.identity(make.name(0)), GapReason.GONE, "the PBX has it no more", "")
        office.shop.catalog.record_gap(lost, at=datetime.now(UTC) + timedelta(hours=hours))
    last = office.last()
    note_lost(office.shop.catalog, office.shop.store, make.UCM, verify(office.shop.catalog, office.shop.store))
    office.date(last)
    assert office.check().holds
    office.pass_day()
    chain = office.check()
    assert (chain.holds, chain.lost) == (True, 1)


def test_the_better_copy_of_a_doubted_recording_leaves_the_chain_whole(office: Office, make: Any) -> None:
    office.take_these([make.member(f"{make.MONTH}/{make.name(0)}", make.wav(0, 0.5))])
    office.pass_day()
    office.shop.catalog.record_gap(Gap(office.shop.identity(make.name(0)), GapReason.CORRUPT, "it came in a damaged archive", ""))
    office.take_these([make.member(f"{make.MONTH}/{make.name(0)}", make.wav(0, 2.0))])
    office.pass_day()
    assert len(list(office.shop.catalog.recordings())) == 2
    assert office.check().holds


def test_what_was_let_go_of_on_purpose_has_its_tombstone(three_days: Office, make: Any) -> None:
    row = next(iter(three_days.shop.catalog.recordings()))
    stone = {"ucm": make.UCM, "kind": "recording", "identity_hash": "0", "recording_id": row.id, "sha256": row.sha256}
    three_days.do(schema.tombstones.insert().values(**stone, why="erased", at="2026-02-10T00:00:00Z", by_whom="test"))
    three_days.do(delete(schema.recordings).where(schema.recordings.c.id == row.id))
    assert three_days.check().holds


def test_a_tombstone_of_other_bytes_explains_nothing(three_days: Office, make: Any) -> None:
    row = next(iter(three_days.shop.catalog.recordings()))
    stone = {"ucm": make.UCM, "kind": "recording", "identity_hash": "0", "recording_id": row.id, "sha256": "0" * 64}
    three_days.do(schema.tombstones.insert().values(**stone, why="erased", at="2026-02-10T00:00:00Z", by_whom="test"))
    three_days.do(delete(schema.recordings).where(schema.recordings.c.id == row.id))
    assert three_days.flaws() == [("2026-02-06", row.id, "it is gone from the catalog")]


# --- what nobody meant ---

SECOND = "2026-02-07"
CHANGED = "the manifest's file is not what was written"


def edit(change: Callable[[list[str]], list[str]]) -> Callable[[Office], None]:
    def tamper(office: Office) -> None:
        lines = office.file(SECOND).read_text().splitlines(keepends=True)
        office.file(SECOND).write_text("".join(change(lines)))

    return tamper


def swap(office: Office) -> None:
    office.file(SECOND).write_bytes(office.file("2026-02-06").read_bytes())


@pytest.mark.fault("storage", "a manifest was changed", "`verify --manifests` names it", promise="loss")
@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(edit(lambda lines: [lines[0], lines[1].replace('"seconds":0.5', '"seconds":0.6'), lines[2]]), id="line changed"),
        pytest.param(edit(lambda lines: lines[:-1]), id="line dropped"),
        pytest.param(edit(lambda lines: [*lines, lines[-1]]), id="line added"),
        pytest.param(edit(lambda lines: [lines[0], lines[2], lines[1]]), id="lines swapped"),
        pytest.param(edit(lambda lines: [lines[0].replace('"lines":2', '"lines":3'), *lines[1:]]), id="head changed"),
        pytest.param(edit(lambda lines: [lines[0], lines[1][:40]]), id="cut"),
        pytest.param(edit(lambda lines: []), id="emptied"),
        pytest.param(edit(lambda lines: ["[1]\n", '"x"\n', "null"]), id="other JSON"),
        pytest.param(edit(lambda lines: ["\x00" * 200_000]), id="zeros"),
        pytest.param(swap, id="file swapped"),
    ],
)
def test_a_manifest_that_was_changed_is_named(three_days: Office, tamper: Callable[[Office], None]) -> None:
    tamper(three_days)
    assert (SECOND, None, CHANGED) in three_days.flaws()


def test_a_manifest_that_is_gone_is_named_and_nothing_else(three_days: Office) -> None:
    three_days.file(SECOND).unlink()
    assert three_days.flaws() == [(SECOND, None, "the manifest's file is gone from the store")]


def test_a_manifest_written_anew_with_a_fitting_row_breaks_the_chain(three_days: Office) -> None:
    edit(lambda lines: [lines[0].replace('"lines":2', '"lines":1'), lines[1]])(three_days)
    changed = hashlib.sha256(three_days.file(SECOND).read_bytes()).hexdigest()
    rows = schema.manifests
    three_days.do(update(rows).where(rows.c.day == SECOND).values(sha256=changed, lines=1))
    flaws = three_days.flaws()
    assert ("2026-02-09", None, "the manifest doesn't follow the one before") in flaws
    assert [what for _, number, what in flaws if number] == ["it is in the catalog, and no manifest tells of it"]


def test_a_row_taken_out_of_the_chain_is_named(three_days: Office) -> None:
    three_days.do(delete(schema.manifests).where(schema.manifests.c.day == SECOND))
    whats = [what for _, _, what in three_days.flaws()]
    assert whats == ["manifest 2 is gone from the catalog", "the manifest doesn't follow the one before"]


def test_a_chain_cut_short_leaves_recordings_that_no_manifest_tells_of(three_days: Office) -> None:
    three_days.do(delete(schema.manifests).where(schema.manifests.c.day == "2026-02-09"))
    three_days.file("2026-02-09").unlink()
    assert [what for _, _, what in three_days.flaws()] == ["it is in the catalog, and no manifest tells of it"] * 2


def test_a_whole_chain_made_anew_is_told_by_the_head_kept_elsewhere(three_days: Office) -> None:
    chain = three_days.check()
    assert chain.head is not None
    assert all(chain.proves(one.sha256) for one in chain.manifests)
    three_days.do(delete(schema.manifests).where(schema.manifests.c.day == "2026-02-09"))
    assert not three_days.check().proves(chain.head.sha256)


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_recordings_row_that_was_changed_is_named(three_days: Office, number: int) -> None:
    row = list(three_days.shop.catalog.recordings())[number]
    three_days.do(update(schema.recordings).where(schema.recordings.c.id == row.id).values(sha256="0" * 64))
    ((_, recording, what), *more) = three_days.flaws()
    assert recording == row.id and what == "it has another hash in the catalog"
    assert [what for _, _, what in more] == ["it is in the catalog, and no manifest tells of it"]


@pytest.mark.fault("storage", "a recording's row was taken out of the catalog", "`verify --manifests` names it", promise="loss")
@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_recordings_row_that_was_deleted_is_named(three_days: Office, number: int) -> None:
    row = list(three_days.shop.catalog.recordings())[number]
    three_days.do(delete(schema.recordings).where(schema.recordings.c.id == row.id))
    assert [(recording, what) for _, recording, what in three_days.flaws()] == [(row.id, "it is gone from the catalog")]


def test_a_recordings_row_that_was_slipped_in_is_named(three_days: Office) -> None:
    with three_days.shop.catalog.transaction() as connection:
        row = dict(connection.execute(schema.recordings.select().limit(1)).mappings().one())
        connection.execute(schema.recordings.insert().values(**row | {"id": 4711, "name": "auto-1-1000-5550199.wav"}))
    assert three_days.flaws() == [("", 4711, "it is in the catalog, and no manifest tells of it")]


def test_what_comes_again_after_an_erasure_is_told_apart_by_its_number(office: Office, make: Any) -> None:
    """SQLite alone would give the last row's number again once it is gone."""
    office.take(1)
    office.pass_day()
    (row,) = office.shop.catalog.recordings()
    stone = {"ucm": make.UCM, "kind": "recording", "identity_hash": "0", "recording_id": row.id, "sha256": row.sha256}
    office.do(schema.tombstones.insert().values(**stone, why="erased", at="2026-02-10T00:00:00Z", by_whom="test"))
    office.do(delete(schema.recordings).where(schema.recordings.c.id == row.id))
    office.take(1)
    assert [one.id for one in office.shop.catalog.recordings()] == [row.id + 1]
    office.pass_day()
    assert office.check().holds


def test_many_recordings_take_a_few_lines_of_memory_each(office: Office, make: Any) -> None:
    """More than are compared at once, and read in several blocks."""
    row = {"ucm": make.UCM, "at": "2026-02-06T00:00:00Z", "size": 1, "gone": 1}
    lines = [row | {"recording_id": number, "sha256": f"{number:064}"} for number in range(1, 12_001)]
    office.do(schema.manifest_lines.insert().values(lines[:1]))
    with office.shop.catalog.transaction() as connection:
        connection.execute(schema.manifest_lines.insert(), lines[1:])
    (written,) = office.pass_day()
    chain = office.check()
    assert (written.lines, chain.lines, chain.lost, chain.holds) == (12_000, 12_000, 12_000, True)


def test_an_archive_from_before_manifests_is_told_by_the_first_one(tmp_path: Path, shop: Any, make: Any) -> None:
    """Its catalog is brought up to date by the migration alone."""
    from sqlalchemy import create_engine

    from scraper.catalog import migrations

    old = f"sqlite:///{tmp_path}/old.db"
    engine = create_engine(old)
    columns = (
        "(ucm, class, month, name, suffix, state, path, size, sha256, source, source_format, source_size, source_sha256, run_id, stored_at)"
    )
    values = (
        "('head-office', 'monitor', '2025-01', 'a.wav', '', 'archived', 'p', 5, 'aa', 'bulk', 'riff', 5, 'bb', 'r', '2025-01-01T00:00:00Z')"
    )
    with engine.begin() as connection:
        migrations.upgrade(connection, "0006")
        connection.exec_driver_sql(f"INSERT INTO recordings {columns} VALUES {values}")
    engine.dispose()
    with Catalog.open(old) as catalog:
        (written,) = write_due(catalog, shop.store, make.UCM, datetime.now(UTC) + DAY)
        assert written.lines == 1 and check(catalog, shop.store, make.UCM).holds
