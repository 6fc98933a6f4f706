"""``deliver`` and ``deliveries`` as commands, and what the configuration of sinks refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from scraper.catalog import Catalog, Recording
from scraper.errors import ConfigError
from scraper.handover.known import known_sinks
from scraper.models import Identity, RecordingClass, Source
from scraper.settings import load

from .conftest import Call

SECRET = "a-secret-for-tests-0123"
HOOK = {"webhook": {"url": "http://127.0.0.1:9/hook?key=hidden-key", "secret": SECRET}}


def config(tmp_path: Path, sinks: Any) -> Path:
    ucm = {"url": "https://192.0.2.1:8089", "web": {"username": "backup", "password": "not-this-one"}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"data_dir": "./data", "ucms": {"office": ucm}, "sinks": sinks}))
    return path


@pytest.fixture(autouse=True)
def _config(tmp_path: Path) -> None:
    config(tmp_path, {"crm": HOOK})


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """One with a recording, whose delivery is queued."""
    settings = load(tmp_path / "config.yaml", {})
    with Catalog.open(settings.catalog.url) as opened:
        opened.sync_sinks(known_sinks(settings))
        archive(opened)
        yield opened


def archive(catalog: Catalog, name: str = "auto-1770400000-1000-5555550100.wav") -> None:
    catalog.announce([
        Recording(
            identity=Identity("office", RecordingClass.MONITOR, "2026-02", name), path=f"office/2026-02/{name}", size=4, sha256="a" * 64,
            source=Source.BULK, source_format="gsff", source_size=4, source_sha256="b" * 64, run_id="r",
        )
    ])  # fmt: skip
    catalog.promote("office")


def test_deliver_tells_what_is_left_and_ends_in_3(call: Call, catalog: Catalog) -> None:
    done = call("deliver")
    assert done.exit_code == 3 and "crm (webhook): 1 waiting, 0 parked, 0 delivered" in done.stdout
    assert catalog.deliveries()[0].detail == "It can't be reached." and "hidden-key" not in done.output


def test_deliver_without_sinks_says_where_they_belong(call: Call, tmp_path: Path) -> None:
    config(tmp_path, {})
    done = call("deliver")
    assert done.exit_code == 2 and "no sinks" in done.stderr


def test_deliveries_show_each_with_its_reason_and_no_file_name(call: Call, catalog: Catalog) -> None:
    catalog.failed(catalog.claim("crm", 1, 60)[0], "It answered 500.", None)
    shown = call("deliveries", "--parked")
    assert "It answered 500." in shown.stdout and "5555550100" not in shown.stdout
    first, second = (json.loads(line) for line in call("deliveries", "--json").stdout.splitlines())
    assert (first["sink"]["parked"], second["delivery"]["state"]) == (1, "parked")


def test_retry_lets_one_or_all_begin_anew(call: Call, catalog: Catalog) -> None:
    catalog.failed(catalog.claim("crm", 1, 60)[0], "It answered 500.", None)
    number = str(catalog.deliveries()[0].id)
    assert call("deliveries", "--retry", number).exit_code == 0 and catalog.deliveries()[0].state == "waiting"
    again = call("deliveries", "--retry", number)
    assert again.exit_code == 2 and "no delivery" in again.stderr
    assert "0 deliveries" in call("deliveries", "--retry-all").stdout


def test_replay_queues_the_past(call: Call, catalog: Catalog) -> None:
    catalog.delivered(catalog.claim("crm", 1, 60)[0])
    today = datetime.now(UTC).date().isoformat()
    assert call("deliveries", "--replay", "crm", "--since", today).stdout.startswith("1 queued for crm")
    assert call("deliveries", "--replay", "other", "--since", today).exit_code == 2
    assert call("deliveries", "--replay", "crm").exit_code == call("deliveries", "--since", today).exit_code == 2
    assert len(catalog.deliveries()) == 1


@pytest.mark.parametrize(
    ("sink", "why"),
    [
        ({}, "needs exactly one of webhook, sql, transcription, command"),
        (HOOK | {"command": {"argv": ["true"]}}, "needs exactly one of"),
        ({"webhook": {"url": "https://x.example.com", "secret": "short"}}, "too short"),
        ({"webhook": {"url": "https://x.example.com"}}, "needs secret, or secret_file"),
        ({"webhook": {"url": "http://x.example.com", "secret": SECRET}}, "plain http"),
        ({"sql": {"url": "mysql://u:hunter2@x/y", "statement": "SELECT 1"}}, "must be a PostgreSQL address"),
        ({"sql": {"url": "postgresql://u:hunter2@x/y", "statement": "SELECT :nmae"}}, "has the parameter :nmae"),
        ({"command": {"argv": []}}, "names no program"),
        ({"transcription": {"url": "http://x.example.com/v1"}}, "plain http"),
        (HOOK | {"ucms": ["offcie"]}, "none of the UCMs"),
        (HOOK | {"parralel": 2}, "did you mean parallel?"),
    ],
)
def test_sink_that_is_not_right_is_refused_with_the_reason(tmp_path: Path, sink: Any, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(config(tmp_path, {"crm": sink}), {})
    assert why in refused.value.message and "hunter2" not in refused.value.message


def test_secrets_of_sinks_are_known_and_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    sinks = {
        "crm": {"webhook": {"url": "https://x.example.com/hook", "secret_file": "key"}},
        "db": {"sql": {"url": "postgresql://u:hunter2@x/y", "statement": "SELECT 1"}},
        "text": {"transcription": {"api_key": "speech-key"}},
    }
    found = set(load(config(tmp_path, sinks), {}).secrets())
    assert {SECRET, "hunter2", "speech-key", "https://x.example.com/hook"} <= found
