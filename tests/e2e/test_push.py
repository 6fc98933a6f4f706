"""A PBX pushes its calls to a real service: their recordings are archived over the API moments later, without a browser."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
import yaml
from waiting import wait_until

from scraper.catalog import Catalog
from scraper.cdr import parse_groups
from scraper.hooks import create_hooks_app
from scraper.job.job import fetch
from scraper.models import GapReason, RecordingClass, Trigger
from scraper.service.listening import Door
from scraper.service.push import Pace, Pushes
from scraper.service.service import Service
from scraper.settings import load
from scraper.simulator.cdrs import calls, group
from scraper.simulator.push import Pusher

from .conftest import Office

USER = ("pbx", "a-password-for-pushes")
FAST = Pace(tries=(0.5, 1, 1, 1, 2, 4, 8), between=0.5)
TASK = (sys.executable, "-m", "scraper", "--config")


def listen(office: Office, **more: Any) -> None:
    """Add the listener to the office's configuration; its schedule does nothing before New Year."""
    whole = yaml.safe_load(office.config.read_text())
    hooks = {"listen": "127.0.0.1:0", "username": USER[0], "password": USER[1]}
    office.config.write_text(yaml.safe_dump(whole | {"hooks": hooks, "admin": {"listen": None}, "schedule": {"cron": "0 0 1 1 *"}} | more))


def gaps_of(office: Office) -> list[Any]:
    with Catalog.open(f"sqlite:///{office.folder}/data/catalog.db") as catalog:
        return catalog.open_gaps("office")


def serve_while(office: Office, work: Callable[[str, Service], None]) -> None:
    """Do ``work`` in a thread, with the listener's address, while the service serves in this one, at a test's pace."""
    settings = load(office.config, {})

    async def run(catalog: Catalog, door: Door) -> None:
        service = Service(settings, catalog, (*TASK, str(office.config), "_task"))
        service.pushes = Pushes(service, FAST)
        async with door.open(create_hooks_app(service)):
            serving = asyncio.ensure_future(service.serve())
            await asyncio.to_thread(work, f"{door.url}/hooks/cdr/office", service)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    (office.folder / "data").mkdir(exist_ok=True)
    with Catalog.open(settings.catalog.url) as catalog, Door("hooks", settings.hooks, office.folder) as door:
        asyncio.run(run(catalog, door))


@pytest.mark.fault(
    "push",
    "the PBX writes a recording some seconds after it pushed its call",
    "it is asked for again until it is whole",
    promise="success",
    simulated="written_late=2",
)
def test_a_pushed_recording_is_archived_whole_without_a_browser_though_the_pbx_writes_it_late(branch: Callable[..., Office]) -> None:
    office = branch(recordings=0, unanswered_calls=0, gsff="none", faults={"written_late": "2"})
    listen(office)

    def work(url: str, service: Service) -> None:
        with Pusher(office.ucm.state, url, USER) as json_pusher, Pusher(office.ucm.state, url, USER, "xml") as xml_pusher:
            json_pusher.probe()
            made = [*json_pusher.hang_up(3), *xml_pusher.hang_up(1, RecordingClass.QUEUE)]
            assert json_pusher.post(json_pusher.body([])) and json_pusher.statuses == [200] * 6 and xml_pusher.statuses == [200]
            wait_until(lambda: set(office.archived()) == {recording.path for recording in made}, 40)
            wait_until(lambda: service.pushes.counts.fetched == 4, 5)

    serve_while(office, work)
    assert office.all_is_exact()
    assert gaps_of(office) == []
    assert office.sign_ins("web") == 0 and not office.ucm.state.count("packFile")
    office.configure(web=None)  # a run over the API finds nothing left to do, and each call once
    report = office.run()
    assert (report.exit_code, report.recordings.archived, report.recordings.new) == (0, 4, 0) and office.adds_up(report)
    with Catalog.open(f"sqlite:///{office.folder}/data/catalog.db") as catalog:
        assert {call.source for call in catalog.calls("office")} == {"api"}
        assert len(list(catalog.calls("office"))) == sum(len(call.legs) for call in calls(office.ucm.state))


@pytest.mark.fault(
    "push", "a pushed recording stays away", "no gap before a run has looked for it", promise="gap", simulated="gone_but_listed=1"
)
def test_a_pushed_recording_that_stays_away_is_no_gap_before_a_run_looked_for_it(branch: Callable[..., Office]) -> None:
    office = branch(recordings=1, unanswered_calls=0)
    office.ucm.state.faults.set("gone_but_listed", 1.0)
    (path,) = office.held_by_pbx()
    order = replace(office.order(), trigger=Trigger.PUSH)
    with Catalog.open(order.settings.catalog.url) as catalog:
        told = [group(call, office.ucm.config) for call in calls(office.ucm.state)]
        catalog.upsert_calls("office", parse_groups(told, order.settings.ucms["office"].zone).calls, "push")
    for _ in range(3):
        report = fetch(replace(order, run_id=f"{time.monotonic_ns()}"), [path])
        # This recapi has not brought any yet: what it lacks may not be gone.
        assert (report.exit_code, [gap.reason for gap in report.gaps]) == (3, [GapReason.NOT_LISTED])
    assert gaps_of(office) == [] and office.sign_ins("web") == 0


@contextmanager
def service_of(office: Office) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``ucm-scraper serve`` in a process of its own, with its listener's address; killed in the end."""
    process = office.command("serve")
    assert process.stderr is not None
    listening = next((found[1] for line in process.stderr if (found := re.search(r"hooks: listening on (\S+)", line))), None)
    drain = threading.Thread(target=process.stderr.read, daemon=True)
    drain.start()
    try:
        assert listening, process.wait(10)
        yield process, f"{listening}/hooks/cdr/office"
    finally:
        process.kill()
        process.wait(10)
        drain.join(10)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _is_taken(http: httpx.Client, url: str, body: bytes) -> bool:
    """Whether a push was answered 200. Where a connection ends that httpx had just chosen for it, nobody promised anything."""
    try:
        return http.post(url, content=body).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.fault("push", "a flood of pushes, and a kill", "no push that was answered 200 is lost", promise="loss")
def test_a_flood_and_a_kill_lose_no_push_that_was_answered_200(branch: Callable[..., Office]) -> None:
    office = branch(recordings=0, unanswered_calls=0, gsff="none")
    listen(office)
    call = {"start": "2026-02-06 16:21:36", "src": "5555550100", "dst": "1000", "billsec": "0", "disposition": "NO ANSWER"}
    bodies = [json.dumps(call | {"AcctId": str(number % 1500), "session": f"s{number % 1500}"}).encode() for number in range(2000)]
    with service_of(office) as (process, url), httpx.Client(auth=USER, limits=httpx.Limits(max_connections=20)) as http:
        with ThreadPoolExecutor(20) as threads:
            taken = list(threads.map(partial(_is_taken, http, url), bodies))
        with Pusher(office.ucm.state, url, USER) as pusher:
            made = pusher.hang_up(2)
            assert pusher.statuses == [200, 200]
        process.kill()
    with Catalog.open(f"sqlite:///{office.folder}/data/catalog.db") as catalog:
        known = {stored.acct_id for stored in catalog.calls("office")}
    assert known >= {str(number % 1500) for number in range(2000) if taken[number]} and sum(taken) > 1000
    with service_of(office):
        wait_until(lambda: set(office.archived()) == {recording.path for recording in made}, 60)
    assert office.sign_ins("web") == 0
