"""The command as a process: signals, kills, two at once, and what a person does by hand."""

from __future__ import annotations

import signal
import time

import psutil
import pytest
from waiting import wait_until

from scraper.settings import load
from scraper.simulator import WEB_PASSWORD, WEB_USER
from scraper.webui.login import with_person

pytestmark = pytest.mark.browser


def browsers_of(place):
    """Chromium processes that work for this office."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(place.folder) in word or place.ucm.pin.removeprefix("sha256//") in word for word in process.info["cmdline"] or []):
            found.append(process)
    return [process for process in found if "chrom" in process.name()]


@pytest.mark.fault(
    "process",
    "SIGTERM while the archive downloads",
    "whole recordings are kept, and the report says stopped",
    exit_code=3,
    promise="loss",
    simulated="archive_slow=200000",
)
def test_sigterm_while_downloading_ends_in_3_with_everything_consistent(office):
    place = office(recordings=60, seconds=(2.0, 4.0), faults={"archive_slow": "200000"})
    process = place.command("run", "--json")
    wait_until(lambda: any(place.store.rglob("*.wav")))
    process.send_signal(signal.SIGTERM)
    code, report, _ = place.finish(process)
    assert (code, report["status"]) == (3, "stopped")
    assert 0 < report["recordings"]["archived"] == len(place.archived()) < 60
    assert report["recordings"]["expected"] is None
    place.ucm.state.faults.clear()
    assert place.run().exit_code == 0
    assert place.all_is_exact()


@pytest.mark.fault("process", "SIGTERM while the PBX packs", "it ends at once", exit_code=3, promise="hang")
def test_sigterm_while_packing_ends_at_once(office):
    place = office(pack_seconds=60.0)
    process = place.command("run", "--json")
    wait_until(lambda: place.ucm.state.count("packFile"))
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    code, report, _ = place.finish(process)
    assert (code, report["status"]) == (3, "stopped")
    assert time.monotonic() - began < 10


@pytest.mark.fault("process", "the browser is killed", "the job ends at once", exit_code=7, promise="hang")
def test_browser_killed_while_packing_ends_the_job_at_once_in_7(office):
    place = office(pack_seconds=60.0)
    process = place.command("run", "--json")
    wait_until(lambda: place.ucm.state.count("packFile"))
    began = time.monotonic()
    for browser in browsers_of(place):
        browser.kill()
    code, report, _ = place.finish(process)
    assert (code, report["error"]["kind"]) == (7, "BrowserFailed")
    assert time.monotonic() - began < 15


@pytest.mark.fault("config", "a configuration that no job can work with", "it ends before anything is asked", exit_code=2)
def test_configuration_that_a_job_refuses_ends_in_2(office):
    place = office()
    place.config.write_text(place.config.read_text().replace("timeout_seconds: 8", "executable: /nowhere/chromium"))
    code, report, _ = place.finish(place.command("run", "--json"))
    assert (code, report["exit_code"]) == (2, 2)


@pytest.mark.fault("process", "a second job on the same UCM", "it ends and names the first", exit_code=9, promise="apart")
def test_second_job_on_the_same_ucm_ends_in_9(office):
    place = office(pack_seconds=5.0)
    first = place.command("run", "--json")
    wait_until(lambda: place.ucm.state.count("packFile"))
    code, report, _ = place.finish(place.command("run", "--json"))
    assert (code, report["error"]["kind"]) == (9, "Busy")
    assert place.finish(first)[0] == 0


def test_archive_downloaded_by_hand_is_taken_in_and_verified(office):
    place = office()
    place.run()
    pack = place.folder / "by-hand.tgz"
    pack.write_bytes(_pack(place))
    other = office()
    other.configure(url=place.ucm.url)
    code, report, _ = other.finish(other.command("ingest", str(pack), "--ucm", "office", "--json"))
    assert (code, report["trigger"], report["sources"]["ingest"]) == (0, "ingest", 12)
    assert other.archived() == place.archived()
    assert other.finish(other.command("verify", "--json"))[0] == 0
    next(other.store.rglob("*.wav")).write_bytes(b"changed")
    assert other.finish(other.command("verify", "--json"))[0] == 3


def _pack(place):
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for recording in place.ucm.state.all_recordings:
            member = tarfile.TarInfo(recording.path)
            member.size = len(recording.stored())
            archive.addfile(member, io.BytesIO(recording.stored()))
    return buffer.getvalue()


def test_person_who_solves_the_captcha_lets_the_next_runs_in(office):
    place = office(faults={"captcha": ""})
    assert place.run().exit_code == 5

    async def person(page):
        await page.fill("input#username", WEB_USER)
        await page.fill("input#password", WEB_PASSWORD)
        await page.frame_locator("iframe[title=reCAPTCHA]").locator("#recaptcha-anchor").click()
        await page.wait_for_function("document.querySelector('#g-recaptcha-response').value !== ''")
        await page.click("button[type=submit]")

    with_person(load(place.config, {}), "office", person)
    report = place.run()
    assert (report.exit_code, report.recordings.archived) == (0, 12)
    assert [attempt.ok for attempt in place.ucm.state.sign_ins] == [True]
