"""A configuration that changes while the service serves."""

from __future__ import annotations

import pytest
import yaml
from loguru import logger

from scraper.service.changes import Changes
from scraper.settings import load

WHOLE = {"ucms": {"office": {"url": "https://192.0.2.1:8089", "timezone": "UTC", "web": {"username": "u", "password": "not-this"}}}}


@pytest.fixture
def log():
    lines = []
    handler = logger.add(lambda message: lines.append(message.record["message"]), level="WARNING")
    yield lines
    logger.remove(handler)


def test_each_change_is_told_once(tmp_path, log):
    path = tmp_path / "config.yaml"

    def configured():
        return load(path, {})

    path.write_text(yaml.safe_dump(WHOLE))
    changes = Changes(configured(), configured)
    changed = yaml.safe_dump({**WHOLE, "schedule": {"every": "2h"}})
    told = []
    for text in (yaml.safe_dump(WHOLE) + "# a comment", changed, changed, "schedule: {every: not-this}", yaml.safe_dump(WHOLE), changed):
        path.write_text(text)
        before = len(log)
        for _ in range(2):
            changes.look()
        told.append(len(log) - before)
    assert told == [0, 1, 0, 1, 0, 1]
    assert "restart" in log[0]
    assert "can't be read" in log[1]
    assert "not-this" not in "".join(log)
