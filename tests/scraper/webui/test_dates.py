"""What a page's own request says of the days that it lists."""

from __future__ import annotations

import json

import pytest

from scraper.webui.dates import have_beginning


@pytest.mark.parametrize(
    ("filter", "narrowed"),
    [
        ({"list_dir": 0, "file_suffix": ["mp3", "wav"]}, False),
        ({"start_time": "2026-11-01 00:00:00", "end_time": "2026-11-22 23:59:59"}, True),
        ({"start_date": "2026/11/01"}, True),
        ({"from": "20261101"}, True),
        ({"since": 1793491200}, True),
        ({"startTime": 1793491200000}, True),
        ({"start_time": "1970-01-01 00:00:00", "end_time": "2026-11-22 23:59:59"}, False),
        ({"start_time": "", "end_time": "2026-11-22"}, False),
        ({"end_time": "2026-11-22", "start": 0, "item_num": 10}, False),
    ],
)
def test_request_is_of_some_days_only_where_it_names_a_beginning(filter, narrowed):
    assert have_beginning({"action": "listFile", "filter": json.dumps(filter)}) is narrowed
    assert have_beginning({"action": "listFile", "_": "1793491200000"} | {key: str(value) for key, value in filter.items()}) is narrowed
