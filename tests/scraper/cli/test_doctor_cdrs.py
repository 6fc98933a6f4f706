"""``cdrs`` and ``doctor``, in this process: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest

from scraper import doctor
from scraper.catalog import Catalog
from scraper.catalog.recordings import Recording
from scraper.cdr import parse_groups
from scraper.cli.app import cli
from scraper.doctor import Checkup, Layer, Step
from scraper.errors import ApiOff, PinMismatch
from scraper.models import Identity, RecordingClass, Source
from scraper.simulator import Simulator

from .conftest import Call

ZONE = ZoneInfo("America/Chicago")
KEYS = [
    "ucm", "start", "start_utc", "answer_utc", "end_utc", "from", "to", "answered_by", "caller_name", "status", "talk_seconds",
    "duration_seconds", "action_type", "session", "acct_id", "uniqueid", "source", "files",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _config(tmp_path: Path) -> None:
    account = "{username: backup, password: hunter2-never-shown}"
    ucms = "".join(f'  {name}: {{url: "https://pbx.example.com", web: {account}}}\n' for name in ("one", "two"))
    (tmp_path / "config.yaml").write_text(f"data_dir: ./data\nucms:\n{ucms}")


def leg(number: int, **changes: str) -> dict[str, str]:
    fields = {
        "session": "s", "AcctId": f"{number}", "src": "1000", "dst": "5555550100", "start": f"2026-02-0{number} 20:40:00",
        "billsec": "60", "disposition": "ANSWERED", "uniqueid": "1770000000.7", "recordfiles": f"2026-02/{number}.wav@",
    }  # fmt: skip
    return fields | changes


@pytest.fixture
def known(tmp_path: Path) -> None:
    """Three calls of the UCM ``one``; of the two recordings of the first one is archived, told without its month; the second's is."""
    (tmp_path / "data").mkdir()
    with Catalog.open(f"sqlite:///{tmp_path}/data/catalog.db") as catalog:
        legs = [leg(1, recordfiles="1.wav@2026-02/lost.wav@"), leg(2), leg(3, recordfiles="", billsec="", disposition="NO ANSWER")]
        catalog.upsert_calls("one", parse_groups(legs, ZONE).calls, "api")
        held = [Identity("one", RecordingClass.MONITOR, "2026-02", name) for name in ("1.wav", "2.wav")]
        plain = {"size": 1, "sha256": "x", "source_format": "gsff", "source_size": 1, "source_sha256": "x", "run_id": "r"}
        catalog.announce([Recording(identity=one, path=one.name, source=Source.BULK, **plain) for one in held])
        catalog.promote("one")


# --- cdrs ------------------------------------------------------------------------


@pytest.mark.usefixtures("known")
def test_cdrs_tells_the_newest_first_with_numbers_as_known(call: Call) -> None:
    header, *rows = call("cdrs", "--ucm", "one").stdout.splitlines()
    assert header.split() == ["UCM", "START", "FROM", "TO", "STATUS", "TALK", "RECORDINGS"]
    assert [row.split() for row in rows] == [
        ["one", "2026-02-03", "20:40:00", "1000", "5555550100", "NO", "ANSWER", "-"],
        ["one", "2026-02-02", "20:40:00", "1000", "5555550100", "ANSWERED", "60", "s", "1,", "1", "archived"],
        ["one", "2026-02-01", "20:40:00", "1000", "5555550100", "ANSWERED", "60", "s", "2,", "1", "archived"],
    ]
    assert max(len(row) for row in rows) <= 110


@pytest.mark.usefixtures("known")
def test_cdrs_as_json_has_the_documented_keys_a_line(call: Call) -> None:
    found = [json.loads(line) for line in call("cdrs", "--json").stdout.splitlines()]
    assert [list(one) for one in found] == [KEYS] * 3
    assert found[1]["files"] == [{"path": "2026-02/2.wav", "class": "monitor", "seconds": None, "size": None, "archived": True}]
    assert found[2]["start_utc"] == "2026-02-02T02:40:00Z"
    assert [(file["path"], file["archived"]) for file in found[2]["files"]] == [("1.wav", True), ("2026-02/lost.wav", False)]
    assert (found[0]["talk_seconds"], found[0]["files"]) == (None, [])


@pytest.mark.usefixtures("known")
def test_cdrs_of_a_window_ends_before_its_end(call: Call) -> None:
    lines = call("cdrs", "--since", "2026-02-01", "--until", "2026-02-03", "--json").stdout.splitlines()
    assert [json.loads(line)["start"][:10] for line in lines] == ["2026-02-02", "2026-02-01"]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("words", [("--since", "2026-02-03", "--until", "2026-02-03"), ("--since", "yesterday"), ("--ucm", "tow")])
def test_cdrs_wrongly_asked_ends_in_2(call: Call, words: tuple[str, ...]) -> None:
    assert call("cdrs", *words).exit_code == 2


@pytest.mark.usefixtures("known")
def test_cdrs_of_a_ucm_without_calls_says_so(call: Call) -> None:
    assert call("cdrs", "--ucm", "two").stdout == "No call records are known.\n"
    assert call("cdrs", "--ucm", "two", "--json").stdout == ""


def test_cdrs_before_the_first_job_makes_no_catalog(call: Call, tmp_path: Path) -> None:
    assert call("cdrs").exit_code == 0
    assert not (tmp_path / "data").exists()


# --- doctor ----------------------------------------------------------------------


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Checkup:
    """What the examination finds, whatever there is: the API is off, TLS and API TLS fail alike."""
    checkup = Checkup("one", frozenset({"web", "api"}), [Step.ok(layer, "works " * 30) for layer in Layer], ["A job works on it."])
    for layer, error in ((Layer.TLS, PinMismatch()), (Layer.API_TLS, PinMismatch()), (Layer.API_ON, ApiOff())):
        checkup.steps[list(Layer).index(layer)] = Step.failed(layer, error)
    monkeypatch.setattr(doctor, "examine", lambda *_: checkup)
    return checkup


@pytest.mark.parametrize("columns", [80, 120])
def test_doctor_s_table_fits_the_terminal_and_names_menu_and_remedy(call: Call, found: Checkup, columns: int) -> None:
    result = call("doctor", "--ucm", "one", COLUMNS=str(columns))
    lines = result.stdout.splitlines()
    assert result.exit_code == found.exit_code == 6
    assert columns - 15 < max(map(len, lines)) <= columns
    words = " ".join(result.stdout.split())
    assert all(layer.value in words for layer in Layer)
    assert words.count(PinMismatch().remedy) == 1 and "remedy: as for TLS" in words
    assert "menu: System Settings → HTTP Server" in words
    assert lines[-2:] == ["note: A job works on it.", "one: web UI fails, API fails (exit code 6)"]


def test_doctor_as_json_is_one_object(call: Call, found: Checkup) -> None:
    result = call("doctor", "--ucm", "one", "--json")
    assert json.loads(result.stdout) == found.as_json()
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("words", [("doctor",), ("doctor", "--ucm", "tow")])
def test_doctor_wrongly_asked_ends_in_2(call: Call, words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2


def test_print_pin_needs_neither_password_nor_catalog(call: Call, tmp_path: Path) -> None:
    with Simulator(recordings=1) as simulator:
        (tmp_path / "config.yaml").write_text(
            f'data_dir: ./data\nucms: {{one: {{url: "{simulator.url}", web: {{username: backup, password: "${{NOT_SET_ANYWHERE}}"}}}}}}\n'
        )
        text = call("doctor", "--ucm", "one", "--print-pin").stdout
        shown = json.loads(call("doctor", "--ucm", "one", "--print-pin", "--json").stdout)
        assert simulator.state.actions == []
    assert f'tls: {{pin: "{simulator.pin}"}}' in text
    assert (shown["pin"], shown["verified"], shown["names"]) == (simulator.pin, False, ["ucm6300.local"])
    assert not (tmp_path / "data").exists()


def test_every_word_of_help_names_the_layers() -> None:
    command = cli.commands["doctor"]
    assert isinstance(command, click.Command) and command.help
    words = " ".join(command.help.split())
    assert all(layer.value in words for layer in Layer)
