"""The judge before random requests whose truth is known; fifty thousand of them, and some in a browser, under tests/bench."""

from __future__ import annotations

import guard_requests
import pytest
from guard_requests import Truth

from scraper.webui.guard import Judge

ORIGIN = "https://pbx.example.com:8089"


@pytest.mark.parametrize("seed", range(5))
def test_what_reads_passes_and_what_writes_never_does(seed):
    assert guard_requests.misjudged(Judge(ORIGIN), guard_requests.requests(seed, 500, ORIGIN), ORIGIN) == []


def test_the_requests_are_of_every_truth_and_the_oracle_tells_them_apart():
    made = list(guard_requests.requests(1, 2000, ORIGIN))
    assert min([asked.truth for asked in made].count(truth) for truth in Truth) > 100
    assert all(guard_requests.only_reads(asked, ORIGIN) for asked in made if asked.truth is Truth.READS)
