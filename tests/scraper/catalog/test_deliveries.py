"""The outbox in the catalog: what is queued with a recording, who may take it, in which order; on each kind of database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from scraper.catalog import Catalog, Delivery, KnownSink, Recording, Transcript, migrations
from scraper.catalog.keeping import Doomed
from scraper.catalog.outbox import HELD, PARKED, PATIENCE, WAITING, Owed, may_go
from scraper.catalog.tombstones import key_of
from scraper.catalog.transcripts import Allowance
from scraper.models import Identity, RecordingClass, Source

CRM, TEXT = KnownSink("crm", "webhook"), KnownSink("text", "transcription")
ALL = ("held", "waiting", "parked", "delivered")


def recording(name: str = "a.wav", ucm: str = "office", **changes: Any) -> Recording:
    values = {
        "identity": Identity(ucm, RecordingClass.MONITOR, "2026-02", name), "path": f"{ucm}/2026-02/{name}", "size": 100,
        "sha256": "a" * 64, "source": Source.BULK, "source_format": "gsff", "source_size": 64, "source_sha256": "b" * 64, "run_id": "r",
    }  # fmt: skip
    return Recording(**(values | changes))


def archive(catalog: Catalog, *names: str, ucm: str = "office") -> None:
    catalog.announce([recording(name, ucm) for name in names])
    catalog.promote(ucm)


def told(catalog: Catalog) -> list[tuple[int, str, str, str]]:
    """(recording, sink, event, state) of all, in their order."""
    found = catalog.deliveries(ALL, limit=1000)
    return [(one.recording_id, one.sink, one.event, one.state) for one in reversed(found)]


def take(catalog: Catalog, sink: str = "crm", lease: float = 60) -> Delivery:
    [found] = catalog.claim(sink, 1, lease)
    return found


# --- queueing ---


def test_nothing_is_queued_without_sinks(catalog):
    archive(catalog, "a.wav")
    assert told(catalog) == []


def test_each_sink_is_queued_in_the_order_of_the_configuration(catalog):
    catalog.sync_sinks([TEXT, CRM])
    archive(catalog, "a.wav", "b.wav")
    assert told(catalog) == [
        (1, "text", "archived", "waiting"),
        (1, "crm", "archived", "held"),
        (2, "text", "archived", "waiting"),
        (2, "crm", "archived", "held"),
    ]


def test_a_sink_gets_only_what_is_of_its_ucms_and_comes_after_it(catalog):
    archive(catalog, "before.wav")
    catalog.sync_sinks([KnownSink("crm", "webhook", ("branch",))])
    archive(catalog, "a.wav")
    archive(catalog, "a.wav", ucm="branch")
    assert [one[0] for one in told(catalog)] == [3]


def test_nothing_is_queued_where_the_transaction_fails(catalog, monkeypatch):
    catalog.sync_sinks([CRM])
    catalog.announce([recording()])
    monkeypatch.setattr("scraper.catalog.recordings._PROMOTE", "nonsense")
    with pytest.raises(Exception):  # noqa: B017 -- whichever; what counts is what stays
        catalog.promote("office")
    assert told(catalog) == [] and not catalog.is_archived(recording().identity)


def test_another_version_is_not_told_until_it_is_the_first(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    catalog.announce([recording(suffix="c" * 8, sha256="c" * 64, path="office/2026-02/a~cccccccc.wav")])
    catalog.promote("office")
    assert told(catalog) == [(1, "crm", "archived", "waiting")]
    worse, better = catalog.find_recordings(recording().identity)
    catalog.enter_transcripts([Transcript(worse.id, "text", "office/2026-02/a.wav.transcript.txt", "d" * 64, 5)])
    catalog.exchange(replace(better, path=worse.path), replace(worse, path="office/2026-02/a~aaaaaaaa.wav", suffix="a" * 8))
    catalog.promote("office")
    assert told(catalog) == [(2, "crm", "archived", "waiting"), (2, "crm", "replaced", "held")]
    assert catalog.transcripts_of(worse.id) == [] and len(catalog.transcripts_of(better.id)) == 1


def test_a_new_conversion_is_told_as_replaced(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    catalog.delivered(take(catalog))
    [stored] = catalog.find_recordings(recording().identity)
    catalog.announce_replacement(replace(stored, sha256="e" * 64))
    catalog.finish_replacement(stored.id)
    assert told(catalog)[1:] == [(1, "crm", "replaced", "waiting")]


def test_an_erased_recording_takes_its_deliveries_along(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    taken = take(catalog)
    catalog.forget(catalog.find_recordings(recording().identity)[0])
    catalog.delivered(taken)
    assert told(catalog) == []
    archive(catalog, "b.wav")
    assert [one[3] for one in told(catalog)] == ["waiting"]


# --- order ---


def owed(*rows: tuple[str, str, int]) -> list[Owed]:
    return [Owed(number, 1, sink, state, attempts) for number, (sink, state, attempts) in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("rows", "free"),
    [
        ([("a", HELD, 0)], [1]),
        ([("a", WAITING, 0), ("b", HELD, 0)], []),
        ([("a", WAITING, PATIENCE - 1), ("b", HELD, 0)], []),
        ([("a", WAITING, PATIENCE), ("b", HELD, 0)], [2]),
        ([("a", PARKED, 1), ("b", HELD, 0)], [2]),
        ([("a", PARKED, 20), ("a", HELD, 0)], []),
        ([("a", WAITING, PATIENCE), ("b", HELD, 0), ("a", HELD, 0), ("b", HELD, 0)], [2]),
        ([("a", HELD, 0), ("b", HELD, 0)], [1]),
    ],
)
def test_what_may_go_of_a_recordings_deliveries(rows, free):
    assert may_go(owed(*rows)) == free


def test_the_next_sink_is_due_once_the_one_before_has_it(catalog):
    catalog.sync_sinks([TEXT, CRM])
    archive(catalog, "a.wav")
    assert catalog.claim("crm", 5, 60) == []
    catalog.delivered(take(catalog, "text"))
    assert take(catalog).recording_id == 1


def test_a_sink_that_keeps_failing_holds_nobody_up(catalog):
    catalog.sync_sinks([TEXT, CRM])
    archive(catalog, "a.wav")
    for _ in range(PATIENCE):
        assert catalog.claim("crm", 5, 60) == []
        catalog.failed(take(catalog, "text"), "It answered 500.", 0)
    assert take(catalog).recording_id == 1


# --- taking ---


def test_what_is_taken_nobody_else_gets_before_its_lease_ends(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    taken = take(catalog, lease=30)
    assert catalog.claim("crm", 1, 30) == []
    assert 25 < catalog.seconds_to_next("crm") <= 32
    assert taken.lease


def test_whose_lease_was_lost_changes_nothing(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    late = take(catalog, lease=-10)
    other = take(catalog)
    catalog.delivered(late)
    catalog.failed(late, "It answered 500.", None)
    assert told(catalog) == [(1, "crm", "archived", "waiting")]
    catalog.delivered(other)
    assert told(catalog) == [(1, "crm", "archived", "delivered")]
    assert catalog.sink_counts()[0].delivered == 1


def test_several_takers_share_and_never_get_the_same(catalog_url):
    with Catalog.open(catalog_url) as catalog:
        catalog.sync_sinks([TEXT, CRM])
        archive(catalog, *(f"{number}.wav" for number in range(40)))
    delivered: list[tuple[str, int]] = []

    def work(sink: str) -> None:
        with Catalog.open(catalog_url, busy_seconds=30) as own:
            while own.seconds_to_next(None) is not None:
                for one in own.claim(sink, 3, 60):
                    delivered.append((sink, one.recording_id))
                    own.delivered(one)

    threads = [threading.Thread(target=work, args=(sink,)) for sink in ("text", "crm", "crm")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(delivered) == sorted((sink, number) for sink in ("text", "crm") for number in range(1, 41))
    assert all(delivered.index(("text", number)) < delivered.index(("crm", number)) for number in range(1, 41))


def test_failed_is_due_again_later_and_the_reason_is_kept(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    catalog.failed(take(catalog), "It answered 500.", 120)
    assert 100 < catalog.seconds_to_next("crm") <= 121
    [one] = catalog.deliveries()
    assert (one.attempts, one.detail, one.lease) == (1, "It answered 500.", None)


def test_given_back_it_is_due_and_nothing_is_counted(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    catalog.give_back(take(catalog), "")
    assert take(catalog).attempts == 0


# --- sinks ---


def test_a_sink_that_is_configured_no_more_keeps_its_deliveries_parked(catalog):
    catalog.sync_sinks([TEXT, CRM])
    archive(catalog, "a.wav")
    catalog.sync_sinks([CRM])
    assert told(catalog) == [(1, "text", "archived", "parked"), (1, "crm", "archived", "waiting")]
    assert catalog.retry_deliveries(sink="text") == 0
    archive(catalog, "b.wav")
    assert [one[1] for one in told(catalog)[2:]] == ["crm"]
    counts = {one.name: (one.configured, one.parked) for one in catalog.sink_counts()}
    assert counts == {"crm": (True, 0), "text": (False, 1)}
    catalog.sync_sinks([TEXT, CRM])
    assert catalog.retry_deliveries(sink="text") == 1
    assert take(catalog, "text").recording_id == 1


def test_the_same_sinks_again_change_nothing(catalog, monkeypatch):
    catalog.sync_sinks([TEXT, KnownSink("crm", "webhook", ("branch", "office"))])
    monkeypatch.setattr(Catalog, "transaction", None)
    catalog.sync_sinks([TEXT, KnownSink("crm", "webhook", ("branch", "office"))])


def test_uid_is_the_same_for_a_delivery_and_another_for_each(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav", "b.wav")
    first, second = catalog.claim("crm", 2, 60)
    assert catalog.delivery_uid(first) == catalog.delivery_uid(first) != catalog.delivery_uid(second)


def test_numbers_are_never_given_twice(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav")
    number = take(catalog).id
    catalog.forget(catalog.find_recordings(recording().identity)[0])
    archive(catalog, "b.wav")
    assert take(catalog).id > number


# --- the past ---


def test_replay_queues_what_was_archived_once(catalog):
    archive(catalog, "a.wav", "b.wav")
    catalog.sync_sinks([CRM])
    today = date.fromisoformat(catalog.find_recordings(recording().identity)[0].stored_at[:10])
    assert catalog.replay("crm", today + timedelta(days=1)) == 0
    assert catalog.replay("crm", today - timedelta(days=9), today) == 0
    assert catalog.replay("crm", today) == 2
    assert catalog.replay("crm", today) == 0
    assert told(catalog) == [(1, "crm", "archived", "waiting"), (2, "crm", "archived", "waiting")]


def test_what_was_delivered_long_ago_is_forgotten(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, "a.wav", "b.wav")
    catalog.delivered(take(catalog))
    assert catalog.prune_deliveries("crm", 1) == 0
    assert catalog.prune_deliveries("crm", -1) == 1
    assert told(catalog) == [(2, "crm", "archived", "waiting")]


# --- what was erased ---


def test_what_was_erased_is_told_once_it_is_gone_and_what_is_in_hand_has_arrived(catalog):
    catalog.sync_sinks([replace(CRM, erased=True), TEXT, KnownSink("new", "webhook", erased=True)])
    archive(catalog, "a.wav", "b.wav")
    in_hand = take(catalog, lease=3600)
    doomed = Doomed(frozenset({key_of("2026-02", "a.wav")}))
    catalog.begin_erasure("office", doomed, "erased", "somebody")
    assert [one[1:] for one in told(catalog) if one[2] == "erased"] == [("crm", "erased", "held"), ("new", "erased", "held")]
    catalog.delivered(take(catalog))  # of the other one: nothing of this one is let go by that
    catalog.remove_rows("office", doomed)
    assert [one for one in told(catalog) if one[0] in (1, None)] == [(None, "crm", "erased", "waiting"), (None, "new", "erased", "waiting")]
    assert catalog.claim("crm", 1, 60) == []
    farewell = take(catalog, "new")
    found = catalog.tombstone(farewell.tombstone_id)
    assert (found.recording_id, found.ucm, found.sha256, found.why) == (1, "office", "a" * 64, "erased")
    catalog.delivered(farewell)
    catalog.delivered(in_hand)
    assert [one for one in told(catalog) if one[0] is None] == [(None, "crm", "erased", "waiting"), (None, "new", "erased", "delivered")]


def test_no_number_of_a_recording_is_given_twice(catalog):
    archive(catalog, "a.wav", "b.wav")
    doomed = Doomed(frozenset({key_of("2026-02", "a.wav"), key_of("2026-02", "b.wav")}))
    catalog.begin_erasure("office", doomed, "erased", "somebody")
    catalog.remove_rows("office", doomed)
    archive(catalog, "c.wav", "d.wav")
    assert [one.id for one in catalog.recordings("office")] == [3, 4]


def test_deliveries_of_an_older_catalog_go_on_with_their_numbers(tmp_path):
    engine = create_engine(url := f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        migrations.upgrade(connection, "0011")
        run = connection.exec_driver_sql
        columns = "ucm, class, month, name, suffix, state, path, size, sha256, source, source_format, source_size, source_sha256, run_id"
        values = "'office', 'monitor', '2026-02', 'a.wav', '', 'archived', 'a.wav', 1, 'h', 's', 'f', 1, 'h', 'r'"
        run(f"INSERT INTO recordings ({columns}, stored_at) VALUES ({values}, '')")
        for number in (7, 41):
            values = f"{number}, 'crm', 1, 'archived', 'parked', '', 2, '', NULL, 'why'"
            run(f"INSERT INTO deliveries (id, sink, recording_id, event, state, at, attempts, queued_at, lease, detail) VALUES ({values})")
        run("DELETE FROM deliveries WHERE id = 41")
    engine.dispose()
    with Catalog.open(url) as catalog:
        [kept] = catalog.deliveries(ALL)
        assert (kept.id, kept.recording_id, kept.attempts, kept.detail) == (7, 1, 2, "why")
        catalog.sync_sinks([CRM])
        archive(catalog, "b.wav")
        assert [one.id for one in catalog.deliveries(ALL)] == [42, 7]


# --- allowances ---


def test_an_allowance_is_taken_until_it_is_used_up(catalog):
    day, most = date(2026, 2, 6), Allowance(count=3, seconds=100)
    assert catalog.take_allowance("text", day, 60, most)
    assert not catalog.take_allowance("text", day, 60, most)
    assert catalog.take_allowance("text", day, 40, most)
    catalog.return_allowance("text", day, 60)
    assert catalog.take_allowance("text", day, 10, most) and catalog.take_allowance("text", day, 10, most)
    assert not catalog.take_allowance("text", day, 1, most)
    assert catalog.usage_of("text", day) == (3, 60)
    assert catalog.take_allowance("text", day + timedelta(days=1), 60, most)


def test_what_pages_and_lanes_ask_is_answered_by_an_index(catalog):
    """However much was delivered: of the plans of all that is asked, none walks the table."""
    catalog.sync_sinks([CRM])
    archive(catalog, *(f"{number}.wav" for number in range(300)))
    for one in catalog.claim("crm", 290, 60):
        catalog.delivered(one)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(catalog._engine, "before_cursor_execute", note)
    catalog.claim("crm", 5, 60)
    catalog.seconds_to_next("crm")
    catalog.sink_counts()
    catalog.deliveries(("parked",), "crm", limit=5)
    catalog.deliveries(("delivered",), before=100, limit=5)
    catalog.deliveries_of(7)
    event.remove(catalog._engine, "before_cursor_execute", note)
    wanted = [one for one in asked if "deliveries" in one[0]]
    assert len(wanted) >= 8
    explain = "EXPLAIN" if catalog._engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with catalog.transaction() as connection:
        if explain == "EXPLAIN":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # three hundred rows are too few to show it otherwise
        for statement, parameters in wanted:
            plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
            assert "Seq Scan on deliveries" not in plan and "SCAN deliveries'" not in plan, (statement, plan)


def test_what_a_sink_is_owed_is_counted_and_the_oldest_told(catalog):
    catalog.sync_sinks([CRM])
    archive(catalog, *(f"{number}.wav" for number in range(5)))
    [counts] = catalog.sink_counts()
    assert (counts.waiting, counts.parked, counts.oldest) == (5, 0, catalog.delivery(1).queued_at)
