"""When a call that names no recording has been asked about for the last time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine

from scraper.job.api_way import _is_over
from scraper.models import utc

NOW = datetime(2026, 2, 6, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ended", "known", "over"),
    [
        (0, 0, False),
        (3, 3, True),
        (6, 0, False),  # by a zone that is not the PBX's: it ended just now
        (6, 3, True),
        (30, 0, True),
    ],
)
def test_a_call_is_over_for_good_hours_after_its_end_in_whatever_zone(ended: int, known: int, over: bool) -> None:
    whens = {"end_utc": utc(NOW - timedelta(hours=ended)), "first_seen": utc(NOW - timedelta(hours=known))}
    call: Any = SimpleNamespace(start_utc=None, **whens)
    with time_machine.travel(NOW, tick=False):
        assert _is_over(call) is over
