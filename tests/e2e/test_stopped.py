"""A job that is to stop does so, whatever the PBX does meanwhile."""

from __future__ import annotations

import time

import pytest

from scraper.job import job
from scraper.models import Status
from scraper.simulator import app


@pytest.mark.fault(
    "process",
    "the job is stopped while the API ({id}) takes requests and never answers",
    "it ends at once; the next run completes",
    exit_code=3,
    promise="hang",
    simulated="hang=api",
)
@pytest.mark.parametrize(
    "pbx", [{"api_new": True}, {"api_new": True, "tls": False}, {"api_old": True}], ids=["newer", "newer, without TLS", "older"]
)
def test_job_stops_at_once_though_the_api_hangs(branch, monkeypatch, pbx):
    place = branch(recordings=3, unanswered_calls=1, **pbx)
    place.with_api(kind="https" if "api_new" in pbx else "legacy").configure(
        web=None, tls={"verify": False} if pbx.get("tls") is False else {}
    )
    order, hang, hung_at = place.order(), app.hang, []

    async def hang_and_stop(receive):
        hung_at.append(time.monotonic())
        order.stop.set()
        await hang(receive)

    monkeypatch.setattr(app, "hang", hang_and_stop)
    place.ucm.state.faults.set("hang", "api")
    report = job.run(order)
    assert (report.status, report.exit_code) == (Status.STOPPED, 3)
    assert time.monotonic() - hung_at[0] < 20  # an answer is waited for three times as long
    place.ucm.state.faults.clear()
    assert place.run().exit_code == 0
