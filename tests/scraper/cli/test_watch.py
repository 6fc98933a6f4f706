"""healthcheck and notify, as the container and an admin call them."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from web_servers import NotingServer

from scraper.catalog import Catalog
from scraper.cli.app import cli
from scraper.job import job
from scraper.models import Report, Status, Trigger, Window


def call(folder: Path, *words: str, **sections: Any) -> Result:
    ucm = {"url": "https://192.0.2.1:8089", "web": {"username": "u", "password": "hunter2"}}
    (folder / "config.yaml").write_text(yaml.safe_dump({"ucms": {"office": ucm}, **sections}))
    return CliRunner().invoke(cli, ["--config", str(folder / "config.yaml"), *words])


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_healthcheck_asks_the_running_service(tmp_path: Path, server: NotingServer, status: int, code: int) -> None:
    server.status = status
    assert call(tmp_path, "healthcheck", admin={"listen": server.place}).exit_code == code
    assert server.asked == ["/healthz"]


def test_healthcheck_is_unhealthy_where_nobody_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert call(tmp_path, "healthcheck", admin={"listen": f"127.0.0.1:{port}"}).exit_code == 1


def test_healthcheck_without_an_admin_service_looks_at_the_catalog(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as catalog:
        assert call(tmp_path, "healthcheck", admin={"listen": None}).exit_code == 0
        catalog.start_run("1", "office", Trigger.SCHEDULE, Window(), datetime.now(UTC) - timedelta(days=3))
    done = call(tmp_path, "healthcheck", admin={"listen": None})
    assert (done.exit_code, "stale: office" in done.output) == (1, True)


def test_notify_tells_whom_it_reached(tmp_path: Path, server: NotingServer) -> None:
    good, bad = f"json://{server.place}/good", "json://127.0.0.1:9/bad"
    assert call(tmp_path, "notify", notify={"urls": [good]}).exit_code == 0
    done = call(tmp_path, "notify", notify={"urls": [good, bad]})
    assert (done.exit_code, "sent to 1 of 2 targets" in done.output) == (1, True)
    assert call(tmp_path, "notify").exit_code == 2


def test_run_pings_and_a_dry_run_does_not(tmp_path: Path, server: NotingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report("1", "office", Trigger.MANUAL, datetime.now(UTC), status=Status.COMPLETE, exit_code=0)
    for name in ("run", "plan"):
        monkeypatch.setattr(job, name, lambda order: report)
    ping = {"url": f"http://{server.place}/secret"}
    assert json.loads(call(tmp_path, "run", "--json", ping=ping).output.splitlines()[-1])["status"] == "complete"
    assert server.asked == ["/secret/start", "/secret"]
    assert call(tmp_path, "run", "--dry-run", ping=ping).exit_code == 0
    assert server.asked == ["/secret/start", "/secret"]
