"""The dead-man's switch: what it is told, and that nothing it does disturbs anything."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime

import pytest
from loguru import logger
from web_servers import NotingServer

from scraper.models import Gap, GapReason, Identity, RecordingClass, Report, Status, Trigger
from scraper.service.health import Verdict
from scraper.service.ping import Pinger, pinged
from scraper.settings.serving import Ping


def settings(server: NotingServer, query: str = "") -> Ping:
    return Ping.model_validate({"url": f"http://{server.place}/secret{query}", "timeout_seconds": 20})


def report(status: Status, *reasons: GapReason) -> Report:
    found = Report("run", "office", Trigger.MANUAL, datetime.now(UTC), status=status)
    found.recordings.expected = len(reasons)
    found.gaps = [Gap(Identity("office", RecordingClass.MONITOR, "2026-02", f"{reason}.wav"), reason, "", "") for reason in reasons]
    return found


@pytest.mark.parametrize(
    ("reports", "last"),
    [
        ([report(Status.COMPLETE)], "/secret"),
        ([report(Status.GAPS, GapReason.UNDECODABLE)], "/secret"),
        ([report(Status.COMPLETE), report(Status.FAILED)], "/secret/fail"),
        ([report(Status.GAPS, GapReason.PERSON_NEEDED)], None),
        ([report(Status.STOPPED)], None),
    ],
    ids=["complete", "explained-gaps", "one-failed", "way-to-blame", "stopped"],
)
def test_what_the_switch_is_told_of_a_command(server: NotingServer, reports: list[Report], last: str | None) -> None:
    with pinged(settings(server), len(reports)) as watched:
        for one in reports:
            watched.note(one.as_json())
    assert server.asked == ["/secret/start", *([last] if last else [])]


def test_a_command_whose_jobs_did_not_all_have_their_turn_is_not_good(server: NotingServer) -> None:
    with pinged(settings(server), 2) as watched:
        watched.note(report(Status.COMPLETE).as_json())
    assert server.asked == ["/secret/start"]


@pytest.mark.fault("service", "the job fails", "the dead-man's switch is told, and the error goes on", promise="silence")
def test_the_real_error_goes_on_and_is_told_as_failed(server: NotingServer) -> None:
    server.status = 404
    with pytest.raises(ZeroDivisionError), pinged(settings(server), 1):
        raise ZeroDivisionError
    assert server.asked == ["/secret/start", "/secret/fail"]


def test_no_ping_overtakes_the_one_before(server: NotingServer) -> None:
    server.wait = lambda path: time.sleep(0.3 if "/start" in path else 0)
    pinger = Pinger(settings(server, "?token=1"))
    pinger.started()
    pinger.ended(Verdict.GOOD)
    pinger.wait()
    assert server.asked == ["/secret/start?token=1", "/secret?token=1"]


@pytest.mark.parametrize("hangs", [True, False])
def test_a_switch_that_hangs_or_is_off_delays_the_end_by_its_deadline_only(hangs: bool) -> None:
    lines: list[str] = []
    handler = logger.add(lambda message: lines.append(str(message)), level=0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if not hangs:
            listening.close()
        short = Ping.model_validate({"url": f"http://127.0.0.1:{port}/secret", "timeout_seconds": 2})
        began = time.monotonic()
        with pinged(short, 1) as watched:
            assert time.monotonic() - began < 1.5
            watched.note(report(Status.COMPLETE).as_json())
        assert time.monotonic() - began < 20
    logger.remove(handler)
    assert "can't be reached" in "".join(lines)
    assert "secret" not in "".join(lines)


def test_without_a_url_nothing_is_done() -> None:
    with pinged(Ping(), 1) as watched:
        watched.note(report(Status.COMPLETE).as_json())
    assert watched.verdict is Verdict.GOOD
