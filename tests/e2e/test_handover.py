"""A whole job, and what is handed over of it by a real service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml
from waiting import wait_until


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook's address, and what came there."""
    came: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", came
    server.shutdown()
    server.server_close()
    thread.join()


def test_service_hands_over_what_a_job_archived_with_its_calls(branch, serving, hook):
    url, came = hook
    place = branch(recordings=5)
    place.configure(web=None)
    whole = yaml.safe_load(place.config.read_text())
    whole["sinks"] = {"crm": {"webhook": {"url": url, "secret": "a-secret-for-tests-0123"}}}
    place.config.write_text(yaml.safe_dump(whole))
    report = place.run()
    assert report.recordings.archived == 5
    assert any("of what sinks are to get 5 wait" in note.lower() for note in report.notes)
    with serving(place):
        wait_until(lambda: len(came) == 5)
    assert {one["recording"]["path"] for one in came} == set(place.archived())
    assert all(one["calls"] and one["calls"][0]["start"] for one in came)
