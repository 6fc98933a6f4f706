"""Which recordings may belong to a call that names none."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scraper.cdr import Call, belongs, candidates, parse_groups
from scraper.simulator.cdrs import calls, group
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.state import State

ZONE = ZoneInfo("America/Chicago")
EPOCH = 1770000000  # 2026-02-01 20:40:00 in Chicago


def call(**changes: Any) -> Call:
    fields = {
        "src": "5555550100", "dst": "6500", "dstanswer": "1001", "start": "2026-02-01 20:40:00", "end": "2026-02-01 20:41:00",
        "billsec": "50", "duration": "60", "disposition": "ANSWERED",
    }  # fmt: skip
    (found,) = parse_groups([fields | changes], ZONE).calls
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"auto-{EPOCH + 4}-5555550100-6500.wav", True),
        (f"auto-{EPOCH + 4}-5555550100-1001.wav", True),
        (f"auto-{EPOCH + 4}-+5555550100-1001.wav", True),
        (f"auto-{EPOCH + 4}-1001-5555550100.wav", True),
        (f"2026-02/auto-{EPOCH + 4}-5555550100-6500.wav", True),
        (f"auto-{EPOCH + 4}-5555550100-1002.wav", False),
        (f"auto-{EPOCH + 4}-5555550101-6500.wav", False),
        (f"auto-{EPOCH + 181}-5555550100-6500.wav", False),
        (f"auto-{EPOCH + 179}-5555550100-6500.wav", True),
        (f"auto-{EPOCH - 119}-5555550100-6500.wav", True),
        (f"auto-{EPOCH - 121}-5555550100-6500.wav", False),
        (f"auto-{EPOCH + 4}#1005-5555550100-6400.wav", True),
        (f"auto-{EPOCH + 4}RG1-5555550100-6400.wav", True),
        (f"auto-{EPOCH + 4}#1005-5555550101-6400.wav", False),
        (f"q6500-5555550100-20260201-204004-{EPOCH}.1-1009.wav", True),
        (f"q6500-5555550101-20260201-214004-{EPOCH}.1-1009.wav", False),
        (f"meetme-conf-rec-6500-{EPOCH + 4}.1.wav", True),
        (f"meetme-conf-rec-6300-{EPOCH + 4}.1.wav", False),
        ("voice.wav", False),
        ("", False),
    ],
)
def test_a_recording_belongs_by_its_name_s_numbers_and_time(name: str, expected: bool) -> None:
    assert belongs(call(), name, "", ZONE) is expected


def test_the_listed_time_counts_where_the_name_has_none() -> None:
    assert belongs(call(), "5555550100-1001.wav", "2026-02-01 20:40:30", ZONE)
    assert not belongs(call(), "5555550100-1001.wav", "2026-02-01 20:50:30", ZONE)
    assert not belongs(call(), "5555550100-1001.wav", "no time", ZONE)


@pytest.mark.parametrize("changes", [{"billsec": "0", "disposition": "NO ANSWER"}, {"start": ""}, {"src": "", "dst": "", "dstanswer": ""}])
def test_a_call_that_can_have_no_recording_or_none_that_could_be_told_gives_no_hints(changes: Any) -> None:
    assert candidates(call(**changes)) is None
    assert not belongs(call(**changes), f"auto-{EPOCH + 4}-5555550100-6500.wav", "", ZONE)


def test_in_the_simulation_each_leg_finds_its_recording_and_no_other_caller_s(tmp_path: Any) -> None:
    config = SimulatorConfig(recordings=60, queue_recordings=6, cdr_shape="hollow")
    state = State(config, tmp_path)
    legs = [leg for leg in parse_groups([group(each, config) for each in calls(state)], config.zone).calls if leg.files]
    assert all(belongs(leg, leg.files[0].name, "", config.zone) for leg in legs)  # the second, if any, is of the people put through
    false = sum(belongs(a, file.name, "", config.zone) for a in legs for b in legs if a.src != b.src for file in b.files)
    assert false == 0
