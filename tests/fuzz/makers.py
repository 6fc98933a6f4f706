"""What the simulated UCM makes, small: the seeds from which the fuzzers start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scraper.simulator.cdrs import SHAPES, CallRecord, Leg, group
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.recordings import Generator, Recording

ZONE = ZoneInfo("America/Chicago")
CONFIG = SimulatorConfig(recordings=3, queue_recordings=1, meetme_recordings=1, gsff="mixed", seconds=(0.05, 0.06))


def recordings(count: int) -> list[Recording]:
    """So many recordings, some 900 bytes each, as RIFF and as GSFF."""
    return Generator(CONFIG).all()[:count]


def call_records() -> list[CallRecord]:
    """A call in each shape: two legs, two recordings, and one that nobody answered."""
    start = datetime(2026, 2, 6, 16, 21, 36, tzinfo=ZONE)
    first = Leg(start, 9, "5555550100", "1000", files=("2026-02/auto-1770416500-5555550100-1000.wav",), desc=("duration=9,size=144044B",))
    second = replace(first, start=start + timedelta(seconds=20), files=("2026-02/q6500-5555550100-20260206-162200-1770416520.6.wav",))
    silent = Leg(start, 0, "1000", "1001", disposition="NO ANSWER")
    calls = [CallRecord(f"1770416496{index:03d}-0100", start, (first, second), shape, "month") for index, shape in enumerate(SHAPES)]
    return [*calls, CallRecord("1770416496009-0101", start, (silent,), "flat", "empty")]


def groups() -> Iterator[dict[str, Any]]:
    """The same, as cdrapi writes them."""
    for call in call_records():
        yield group(call, CONFIG)


def json_bodies() -> Iterator[bytes]:
    """The API's answers with them: singly, all together, without any, and with a status only."""
    for each in groups():
        yield json.dumps({"cdr_root": [each]}).encode()
    yield json.dumps({"response": {"cdr_root": list(groups())}, "status": 0}).encode()
    yield b'{"cdr_root":[]}'
    yield b'{"response":{"remain_time":299},"status":-68}'
