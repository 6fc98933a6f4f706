"""Paging against model devices of every habit: each call comes once, none is lost, and it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scraper.api.cdr import CallRecords

FIRST = datetime(2026, 2, 1)


@dataclass
class Device:
    """A PBX with calls so many minutes after :data:`FIRST`; ``cap`` groups a page, ``obeys`` the offset or not, newest or oldest first."""

    minutes: list[int]
    cap: int
    obeys: bool
    newest_first: bool
    shape: str
    asked: int = 0

    def groups(self):
        ordered = sorted(enumerate(self.minutes), key=lambda pair: (pair[1], pair[0]), reverse=self.newest_first)
        return [(FIRST + timedelta(minutes=minute), self.group(number, minute)) for number, minute in ordered]

    def group(self, number, minute):
        leg = {"AcctId": str(number), "start": f"{FIRST + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}"}
        return leg if self.shape == "flat" else {"main_cdr": {"AcctId": str(number)}, "sub_cdr_1": [leg] if self.shape == "array" else leg}

    def ask(self, action, params):
        assert action == "cdrapi"
        self.asked += 1
        assert self.asked < 500
        since, until = (datetime.fromisoformat(params[key]) if key in params else None for key in ("startTime", "endTime"))
        found = [group for when, group in self.groups() if (since is None or when >= since) and (until is None or when <= until)]
        offset = int(params["offset"]) if self.obeys else 0
        return {"cdr_root": found[offset : offset + min(self.cap, int(params["numRecords"]))]}


@given(
    minutes=st.lists(st.integers(0, 5000), max_size=40, unique=True),
    cap=st.integers(2, 50),
    obeys=st.booleans(),
    newest_first=st.booleans(),
    shape=st.sampled_from(["flat", "array", "deep"]),
    since=st.none() | st.integers(0, 5000),
    length=st.none() | st.integers(0, 5000),
)
def test_each_call_of_the_window_comes_once_from_any_device(minutes, cap, obeys, newest_first, shape, since, length):
    device = Device(minutes, cap, obeys, newest_first, shape)
    start = FIRST + timedelta(minutes=since) if since is not None else None
    end = (start or FIRST) + timedelta(minutes=length) if length is not None else None
    reader = CallRecords(device)
    got = [group for page in reader.pages(start, end) for group in page]
    wanted = [group for when, group in device.groups() if (start is None or when >= start) and (end is None or when < end)]
    assert all(group in got for group in wanted)
    assert len({str(group) for group in got}) == len(got)
    assert reader.suspicious_zero is (not got and not minutes)
    assert device.asked <= len(minutes) // (cap - 1) * 2 + 6
