"""Manifests of UCMs whose jobs don't write them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from scraper.lock import job_lock
from scraper.service import manifests
from scraper.service.manifests import keep_manifests


def note_line(ward: Any, ucm: str = "office") -> None:
    from scraper.catalog.schema import manifest_lines

    values = {"ucm": ucm, "at": "2026-02-27T12:00:00Z", "recording_id": 1, "sha256": "0" * 64, "size": 1, "gone": 1}
    with ward.catalog.transaction() as connection:
        connection.execute(manifest_lines.insert().values(**values))


async def keep_until(ward: Any, done: Any) -> None:
    keeping = asyncio.ensure_future(keep_manifests(ward))
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 (what it waits for is in a database)
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def test_what_is_due_is_written_and_looked_for_again(ward: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(manifests, "EVERY_SECONDS", 0.01)
    note_line(ward)
    asyncio.run(keep_until(ward, lambda: len(ward.catalog.manifests("office")) == 1))
    note_line(ward)
    ward.now += timedelta(days=1)
    asyncio.run(keep_until(ward, lambda: len(ward.catalog.manifests("office")) == 2))


def test_while_a_job_works_nothing_is_written_until_it_has_ended(ward: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(manifests, "EVERY_SECONDS", 0.01)
    note_line(ward)
    asked: list[str] = []
    due_days = ward.catalog.due_days
    monkeypatch.setattr(ward.catalog, "due_days", lambda *arguments: asked.append("") or due_days(*arguments))
    with job_lock(ward.settings.data_dir, "office"):
        asyncio.run(keep_until(ward, lambda: len(asked) > 3))
    assert ward.catalog.manifests("office") == []
    asyncio.run(keep_until(ward, lambda: ward.catalog.manifests("office")))


def test_nothing_due_leaves_the_store_alone(ward: Any) -> None:
    manifests._write(ward, "office")
    assert not (ward.settings.data_dir / "recordings").exists()


def test_a_store_that_is_gone_is_no_end_of_the_duty(ward: Any, tmp_path: Any) -> None:
    note_line(ward)
    ward.catalog.set_meta("store.id", "another")
    manifests._write(ward, "office")
    assert ward.catalog.manifests("office") == []
