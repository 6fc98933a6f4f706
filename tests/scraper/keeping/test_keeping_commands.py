"""The commands erase, retention and hold: what they show, refuse and answer with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from scraper.catalog import Catalog
from scraper.cli.app import cli
from scraper.errors import StoreUnwritable
from scraper.lock import job_lock
from scraper.store import LocalStore, open_store

from .conftest import ANN, BOB, UCM, Archive, file_name


class Office:
    """A configured archive, and the command line."""

    def __init__(self, folder: Path, make: Any) -> None:
        self.folder = folder
        self.make = make
        self.configure()

    def configure(self, **changes: Any) -> None:
        section = {"url": "https://192.0.2.1:8089", "timezone": "America/Chicago", "web": {"username": "backup"}}
        whole = {"data_dir": str(self.folder), "store": {"min_free_mb": 1}, "ucms": {UCM: section}, **changes}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(whole))

    def archive(self, catalog: Catalog) -> Archive:
        store = open_store(self.make.store_settings(self.folder / "recordings"), catalog)
        assert isinstance(store, LocalStore)
        return Archive(self.folder, catalog, store)

    def fill(self, *names: str) -> None:
        with self.catalog() as catalog:
            archive = self.archive(catalog)
            for name in names:
                archive.keep(name)

    def catalog(self) -> Catalog:
        return Catalog.open(f"sqlite:///{self.folder}/catalog.db")

    def paths(self) -> list[str]:
        with self.catalog() as catalog:
            return self.archive(catalog).paths()

    def call(self, *words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["--config", str(self.folder / "config.yaml"), *words], input=typed)


def fail(*_: object) -> None:
    raise StoreUnwritable("The store is gone.")


@pytest.fixture
def office(tmp_path: Path, make: Any) -> Office:
    made = Office(tmp_path, make)
    made.fill(file_name(0, ANN), file_name(1, BOB), file_name(2, ANN))
    return made


def test_a_dry_run_shows_what_would_go_and_changes_nothing(office: Office) -> None:
    shown = office.call("erase", "--ucm", UCM, "--number", f"+1 {ANN}", "--dry-run", "--json")
    found = json.loads(shown.stdout)
    assert (shown.exit_code, found["erased"], found["recordings"], found["call_records"], found["bytes"]) == (0, False, 2, 2, 18)
    assert found["paths"] == [file_name(0, ANN), file_name(2, ANN)]
    assert len(office.paths()) == 3


def test_it_asks_first_and_no_means_no(office: Office) -> None:
    refused = office.call("erase", "--ucm", UCM, "--number", ANN, typed="n\n")
    assert refused.exit_code != 0
    assert file_name(0, ANN) in refused.stdout
    assert len(office.paths()) == 3
    assert office.call("erase", "--ucm", UCM, "--number", ANN, typed="y\n").exit_code == 0
    assert office.paths() == [f"2026-02/{file_name(1, BOB)}"]


def test_erasing_says_how_many_and_names_none(office: Office) -> None:
    done = office.call("erase", "--ucm", UCM, "--number", ANN, "--yes", "--json")
    assert json.loads(done.stdout) == {"schema": 1, "ucm": UCM, "erased": True, "recordings": 2, "files": 2, "bytes": 18, "call_records": 2}
    assert ANN not in done.output
    again = office.call("erase", "--ucm", UCM, "--number", ANN, "--yes")
    assert again.exit_code == 0
    assert "0 recordings" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say what to erase"),
        (["--number", "nobody"], "no number"),
        (["--since", "2026-03-01", "--until", "2026-02-01"], "--since must lie before"),
        (["--since", "yesterday"], "is no day"),
        (["--file", "a.wav", "--number", ANN], "Give either"),
        (["--file", "2026-02/"], "has no name"),
    ],
)
def test_what_can_not_be_meant_is_a_usage_error(office: Office, words: list[str], said: str) -> None:
    refused = office.call("erase", "--ucm", UCM, *words, "--yes")
    assert refused.exit_code == 2
    assert said in refused.output
    assert len(office.paths()) == 3


def test_a_ucm_that_is_not_configured_is_a_usage_error(office: Office) -> None:
    assert office.call("erase", "--ucm", "elsewhere", "--number", ANN, "--yes").exit_code == 2
    assert office.call("hold", "add", "--ucm", "elsewhere", "--reason", "case 12").exit_code == 2


@pytest.mark.fault("keeping", "erasing while a job works", "it ends; the job goes on", exit_code=9, promise="apart")
def test_while_a_job_holds_the_ucm_nothing_is_erased(office: Office) -> None:
    with job_lock(office.folder, UCM):
        assert office.call("erase", "--ucm", UCM, "--number", ANN, "--yes").exit_code == 9
        assert office.call("retention", "--apply").exit_code == 9
    assert len(office.paths()) == 3


@pytest.mark.fault("keeping", "erasing what is under a hold", "refused until the hold is lifted", promise="kept")
def test_a_hold_forbids_erasing_any_of_it_until_it_is_lifted(office: Office) -> None:
    added = office.call("hold", "add", "--ucm", UCM, "--file", file_name(2, ANN), "--reason", "case 12/26")
    assert (added.exit_code, added.stdout) == (0, f"Hold 1 on {UCM} is in force.\n")
    refused = office.call("erase", "--ucm", UCM, "--number", ANN, "--yes")
    assert refused.exit_code == 2
    assert "1 of these recordings" in refused.output and "hold remove" in refused.output
    assert len(office.paths()) == 3
    (one,) = [json.loads(line) for line in office.call("hold", "list", "--json").stdout.splitlines()]
    assert (one["id"], one["name"], one["reason"], one["lifted_at"]) == (1, file_name(2, ANN), "case 12/26", None)
    assert office.call("hold", "remove", "1").exit_code == 0
    assert office.call("hold", "remove", "1").exit_code == 2
    assert office.call("hold", "list").stdout == "There is no hold.\n"
    assert "case 12/26" in office.call("hold", "list", "--all").stdout
    assert office.call("erase", "--ucm", UCM, "--number", ANN, "--yes").exit_code == 0
    with office.catalog() as catalog:
        assert [entry.action for entry in catalog.audit_entries()] == ["erased", "hold-lifted", "hold-added"]


def test_a_store_that_is_gone_is_exit_8_and_the_same_call_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "sync", fail)
        assert office.call("erase", "--ucm", UCM, "--number", ANN, "--yes").exit_code == 8
    assert office.paths() == [f"2026-02/{file_name(1, BOB)}"]
    assert office.call("erase", "--ucm", UCM, "--number", ANN, "--yes").exit_code == 0
    with office.catalog() as catalog:
        assert office.archive(catalog).with_text(ANN) == []


def test_retention_only_looks_unless_it_is_told_to_apply(office: Office) -> None:
    assert json.loads(office.call("retention", "--json").stdout)["recordings"] == 0  # kept for ever
    office.configure(retention={"keep_days": 1})
    looked = office.call("retention")
    assert looked.exit_code == 0
    assert "3 recordings" in looked.stdout and "would go" in looked.stdout and "2026-02-01" in looked.stdout
    assert len(office.paths()) == 3
    applied = office.call("retention", "--apply", "--json")
    assert (applied.exit_code, json.loads(applied.stdout)["removed"]) == (0, {"recordings": 3, "call_records": 3})
    assert office.paths() == []


def test_retention_of_one_ucm_may_differ_and_a_large_share_asks_for_force(office: Office) -> None:
    office.fill(*(file_name(number, BOB) for number in range(100, 150)))
    office.configure(retention={"keep_days": 1})
    stopped = office.call("retention", "--apply")
    assert stopped.exit_code == 10
    assert "100%" in stopped.output and "--force" in stopped.output
    assert len(office.paths()) == 53
    assert office.call("retention", "--apply", "--force").exit_code == 0
    assert office.paths() == []


def test_a_job_that_starts_finishes_what_an_erasure_left(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "remove", fail)
        office.call("erase", "--ucm", UCM, "--number", ANN, "--yes")
    archive = office.folder / "empty.tar"
    archive.write_bytes(office.make.tar([]))
    office.call("ingest", str(archive), "--ucm", UCM)
    with office.catalog() as catalog:
        assert office.archive(catalog).with_text(ANN) == []
        assert not catalog.under_erasure(UCM).keys


@pytest.mark.fault("keeping", "an archive by hand holds an erased recording", "it is not taken in again", promise="kept")
def test_an_archive_ingested_by_hand_does_not_bring_it_back(office: Office) -> None:
    office.call("erase", "--ucm", UCM, "--file", file_name(0, ANN), "--file", file_name(7, ANN), "--yes")
    members = [(f"2026-02/{file_name(number, ANN)}", office.make.wav(number)) for number in (0, 7, 8)]
    archive = office.folder / "archive.tar"
    archive.write_bytes(office.make.tar([office.make.member(*one) for one in members]))
    told = office.call("ingest", str(archive), "--ucm", UCM, "--json")
    report = json.loads(told.stdout)
    assert (told.exit_code, report["recordings"]["new"], report["recordings"]["expected"]) == (0, 1, 3)
    assert not {f"2026-02/{file_name(0, ANN)}", f"2026-02/{file_name(7, ANN)}"} & set(office.paths())
    assert file_name(7, ANN) not in told.output
