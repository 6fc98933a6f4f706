"""Call records in each documented shape name every recording, and no shape loses a file."""

from __future__ import annotations

from collections import Counter

import pytest

from scraper.models import RecordingClass
from scraper.simulator.cdrs import SHAPES, calls, fields, group, leaves
from scraper.simulator.config import SimulatorConfig
from scraper.simulator.state import State


def state(tmp_path, **changes):
    return State(SimulatorConfig(recordings=24, queue_recordings=3, **changes), tmp_path)


def files_in(node):
    """Every file named anywhere in a group."""
    if isinstance(node, list):
        return [path for each in node for path in files_in(each)]
    if not isinstance(node, dict):
        return []
    own = [path for path in node.get("recordfiles", "").split("@") if path]
    return own + [path for key, each in node.items() if key != "recordfiles" for path in files_in(each)]


@pytest.mark.parametrize("shape", [*SHAPES, "mixed"])
def test_every_recording_stands_once_in_the_call_records(tmp_path, shape):
    pbx = state(tmp_path, cdr_shape=shape)
    named = Counter(path for call in calls(pbx) for path in files_in(group(call, pbx.config)))
    assert named == Counter(recording.path for recording in pbx.all_recordings)


def test_mixed_holds_every_shape(tmp_path):
    pbx = state(tmp_path)
    groups = [group(call, pbx.config) for call in calls(pbx)]
    assert any("main_cdr" not in each for each in groups)
    assert any(isinstance(each.get("sub_cdr_1"), list) for each in groups)
    assert any("sub_cdr_2" in each for each in groups)
    assert any(isinstance(each.get("sub_cdr_1"), dict) and "main_cdr" in each["sub_cdr_1"] for each in groups)


def test_main_cdr_is_hollow(tmp_path):
    pbx = state(tmp_path, cdr_shape="hollow")
    hollow = [group(call, pbx.config)["main_cdr"] for call in calls(pbx)]
    assert {each[key] for each in hollow for key in ("AcctId", "disposition", "uniqueid", "recordfiles")} == {""}


@pytest.mark.parametrize(("style", "month"), [("month", True), ("bare", False)])
def test_each_file_ends_with_an_at_sign(tmp_path, style, month):
    pbx = state(tmp_path, recordfiles=style)
    written = [fields(call, leg, pbx.config)["recordfiles"] for call, leg in leaves(calls(pbx)) if leg.files]
    assert all(text.endswith("@") and ("/" in text) == month for text in written)
    assert any(text.count("@") == 2 for text in written)


def test_the_description_has_one_entry_a_file(tmp_path):
    pbx = state(tmp_path)
    for call, leg in leaves(calls(pbx)):
        written = fields(call, leg, pbx.config)
        assert written["recordfiles_desc"].count("@") == written["recordfiles"].count("@")


def test_acct_id_restarts_every_month_and_with_session_and_start_it_is_a_key(tmp_path):
    pbx = state(tmp_path)
    rows = [fields(call, leg, pbx.config) for call, leg in leaves(calls(pbx))]
    assert Counter(row["AcctId"] for row in rows)["1"] == 2
    assert len({(row["session"], row["AcctId"], row["start"]) for row in rows}) == len(rows)


def test_forked_parked_unanswered_and_transferred_legs_occur(tmp_path):
    rows = [leg for _, leg in leaves(calls(state(tmp_path, calls_without_file=1)))]
    assert {"ForkCDR", "ParkedCall", "Queue", "Dial"} <= {leg.lastapp for leg in rows}
    assert {"ANSWERED", "NO ANSWER", "BUSY", "FAILED", ""} <= {leg.disposition for leg in rows}


def test_a_call_may_name_a_file_that_is_gone(tmp_path):
    pbx = state(tmp_path, calls_without_file=2)
    named = {path for _, leg in leaves(calls(pbx)) for path in leg.files}
    assert len(named - {recording.path for recording in pbx.all_recordings}) == 2


def test_a_new_recording_brings_its_call(tmp_path):
    pbx = state(tmp_path)
    before = len(calls(pbx))
    pbx.add(2, RecordingClass.QUEUE)
    assert len(calls(pbx)) == before + 2
