"""What the simulation counts as a change of the PBX: whatever it is disguised as."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from scraper.simulator.writes import writes_in


@pytest.mark.parametrize(
    "text",
    [
        "/cgi?action=removeFile&data=*",
        "/CGI?ACTION=removeFile",
        "/other/path?action=listFile&action=removeFile",
        "/cgi?%2561ction=%72emoveFile",
        "action[]=removeFile",
        '{"request": {"action": "removeFile"}}',
        "request=" + quote(json.dumps({"action": "removeFile"})),
        '--x\r\nContent-Disposition: form-data; name="action"\r\n\r\nremoveFile\r\n--x--',
    ],
)
def test_disguised_deletion_counts(text):
    assert writes_in(text) == ["removeFile"]


@pytest.mark.parametrize(
    "text",
    ["/cgi?action=downloadFile&data=removed.wav", "/static/app.js", "action=listFile&filter={}", "transaction=removeFile", "action=&set=1"],
)
def test_what_only_reads_does_not_count(text):
    assert writes_in(text) == []


def test_deletion_counts_at_a_path_that_answers_nothing(pbx):
    pbx.http.post("/nowhere", content=b'{"action":"deleteCDRDB"}')
    pbx.http.get("/static/app.js?action=removeFile")
    assert pbx.state.deletes == ["deleteCDRDB", "removeFile"]
