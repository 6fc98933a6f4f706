"""The judge before random requests whose truth is known; fifty thousand of them, and some in a browser, under tests/bench."""

from __future__ import annotations

import asyncio

import guard_requests
import pytest
from guard_requests import Truth

from scraper.simulator import Simulator
from scraper.webui.guard import Guard, Judge

ORIGIN = "https://pbx.example.com:8089"


@pytest.mark.parametrize("seed", range(5))
def test_what_reads_passes_and_what_writes_never_does(seed):
    assert guard_requests.misjudged(Judge(ORIGIN), guard_requests.requests(seed, 500, ORIGIN), ORIGIN) == []


def test_the_requests_are_of_every_truth_and_the_oracle_tells_them_apart():
    made = list(guard_requests.requests(1, 2000, ORIGIN))
    assert min([asked.truth for asked in made].count(truth) for truth in Truth) > 100
    assert all(guard_requests.only_reads(asked, ORIGIN) for asked in made if asked.truth is Truth.READS)


@pytest.mark.browser
@pytest.mark.fault("web", "a page sends random requests, writes in disguise among them", "only what reads arrives", promise="reading")
def test_of_what_a_page_sends_only_reads_arrive(tmp_path):
    with Simulator(tls=False, recordings=1) as ucm:
        made = list(guard_requests.requests(7, 100, ucm.url))
        answered = asyncio.run(guard_requests.sent(made, ucm.url, Guard(Judge(ucm.url)), tmp_path))
        assert ucm.state.deletes == []
    assert [asked for asked, arrived in zip(made, answered, strict=True) if asked.truth is Truth.READS and not arrived] == []


@pytest.mark.browser
def test_without_the_guard_the_writes_arrive(tmp_path):
    with Simulator(tls=False, recordings=1) as ucm:
        asyncio.run(guard_requests.sent(list(guard_requests.requests(7, 100, ucm.url)), ucm.url, None, tmp_path))
        assert len(ucm.state.deletes) > 10
