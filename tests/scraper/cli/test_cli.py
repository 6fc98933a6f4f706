"""The command line, in this process: what each command prints, and its exit code."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from scraper.cli.app import cli
from scraper.cli.context import Invocation
from scraper.errors import Busy, NetworkError, ScraperError
from scraper.job import job
from scraper.lock import job_lock
from scraper.models import Report, Trigger

from .conftest import Call

CONFIG = """
data_dir: ./data
store: {min_free_mb: 0}
limits: {jobs: 1}
ucms:
  one: {url: "https://pbx.example.com", web: {username: backup, password: hunter2-never-shown}}
  two: {url: "https://pbx.example.com", web: {username: backup, password: hunter2-never-shown}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def commands(group: click.Group, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*prefix, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*prefix, name))


# --- help ----------------------------------------------------------------------


@pytest.mark.parametrize("command", list(commands(cli)), ids=" ".join)
def test_help_of_every_command_stands_alone_with_an_example(call: Call, command: tuple[str, ...]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Example:\s+ucm-scraper.*{command[-1]}", result.stdout, re.DOTALL)


def test_help_names_every_exit_code(call: Call) -> None:
    text = call("--help").stdout
    assert all(f"{code} " in text for code in range(11))


WRONG = ["bogus", "run --bogus", "ingest", "ingest x.tgz", "runs --limit 0", "recordings --month 2026-2", "recordings --month 2026-13"]


@pytest.mark.parametrize("arguments", [line.split() for line in WRONG], ids=WRONG)
def test_a_wrong_call_ends_in_2(call: Call, arguments: list[str]) -> None:
    assert call(*arguments).exit_code == 2


# --- config ----------------------------------------------------------------------


def test_config_init_writes_a_private_starter_and_overwrites_nothing(call: Call, tmp_path: Path) -> None:
    assert call("config", "init").exit_code == 0
    path = tmp_path / "config.yaml"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("mine")
    again = call("config", "init")
    assert again.exit_code == 2 and "exists already" in again.stderr and path.read_text() == "mine"


def test_config_init_into_no_folder_ends_in_2(call: Call) -> None:
    assert call("config", "init", "nowhere/config.yaml").exit_code == 2


@pytest.mark.usefixtures("config")
def test_config_check_of_a_valid_one_names_its_ucms(call: Call) -> None:
    result = call("config", "check")
    assert result.exit_code == 0 and "one, two" in result.stdout


@pytest.mark.usefixtures("config")
def test_config_check_refuses_what_run_refuses(call: Call, monkeypatch: pytest.MonkeyPatch, make: Any, tmp_path: Path) -> None:
    (tmp_path / "all.tgz").write_bytes(make.tgz([]))
    monkeypatch.setenv("UCM_SCRAPER__STORE__URL", f"s3://bucket/{'x' * 300}")
    checked, ran = call("config", "check"), call("ingest", "all.tgz", "--ucm", "one", "--json")
    sentence = "store.url: what follows the bucket is longer than 200 bytes."
    assert (checked.exit_code, ran.exit_code) == (2, 2)
    assert sentence in checked.stderr and json.loads(ran.stdout)["error"]["message"] == sentence


def test_config_check_takes_an_api_alone_and_warns_of_what_may_be_regretted(call: Call, config: Path) -> None:
    config.write_text("ucms: {one: {url: 'https://pbx', tls: {verify: false}, api: {username: u, password: hunter2}}}")
    result = call("config", "check")
    assert result.exit_code == 0 and "\nwarning: ucms.one.tls: verify is off" in result.stdout


def test_config_check_tells_all_problems(call: Call, config: Path) -> None:
    config.write_text(CONFIG.replace("username", "usernam").replace("data_dir", "datadir"))
    result = call("config", "check")
    assert result.exit_code == 2 and result.stdout == ""
    for path in ("datadir", "ucms.one.web.usernam", "ucms.one.web.username", "ucms.two.web.usernam"):
        assert f"  {path}: " in result.stderr


@pytest.mark.usefixtures("config")
def test_config_show_masks_secrets_and_tells_origins(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UCM_SCRAPER__CATALOG__URL", "postgresql+psycopg://u:hunter2@db.example.com/x")
    text = call("-v", "config", "show").stdout
    for line in (
        f"data_dir: {tmp_path}/data  (file)",
        "  url: postgresql+psycopg://u:***@db.example.com/x  (environment)",
        "  level: debug  (flag)",
        "  headless: true  (default)",
        "      password: ***  (file)",
    ):
        assert line in text.splitlines()


@pytest.mark.usefixtures("config")
def test_config_show_as_json_is_one_object(call: Call) -> None:
    found = json.loads(call("config", "show", "--json").stdout)
    assert found["ucms.one.web.password"] == {"value": "***", "origin": "file"}


def test_config_show_masks_secrets_that_stand_in_lists(call: Call, config: Path) -> None:
    key = call("config", "key").stdout.strip()
    config.write_text(f"{CONFIG}\nencryption: {{key: {key}}}\nnotify: {{urls: ['json://hook.example.com/{key}']}}\n")
    assert call("config", "check").exit_code == 0
    shown = call("config", "show").stdout, call("config", "show", "--json").stdout
    assert not any(key in text for text in shown)
    assert json.loads(shown[1])["encryption.key"] == {"value": ["***"], "origin": "file"}


def test_without_any_configuration_the_next_step_is_named(call: Call) -> None:
    result = call("run")
    assert result.exit_code == 2 and "config init" in result.stderr and "demo" in result.stderr


# --- run and ingest ----------------------------------------------------------------


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for the job: by UCM the exit code of its report. Remembers the orders."""
    outcomes: dict[str, Any] = {"orders": []}

    def run(order: Any) -> Report:
        outcomes["orders"].append(order)
        outcome = outcomes.get(order.ucm, 0)
        if callable(outcome):
            outcome = outcome(order)
        return Report("r", order.ucm, order.trigger, datetime(2026, 2, 6, tzinfo=UTC), exit_code=outcome)

    monkeypatch.setattr(job, "run", run)
    monkeypatch.setattr(job, "ingest", lambda order, _archive: run(order))
    return outcomes


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(("one", "two", "expected"), [(0, 0, 0), (3, 6, 6), (6, 4, 4), (9, 3, 9), (7, 10, 10), (8, 10, 10)])
def test_run_ends_in_the_first_exit_code_of_the_documented_order(
    call: Call, jobs: dict[str, Any], one: int, two: int, expected: int
) -> None:
    jobs |= {"one": one, "two": two}
    result = call("run", "--json")
    assert result.exit_code == expected
    assert [json.loads(line)["ucm"] for line in result.stdout.splitlines()] == ["one", "two"]


@pytest.mark.usefixtures("config")
def test_run_works_on_the_ucms_asked_for_once_each(call: Call, jobs: dict[str, Any]) -> None:
    assert call("run", "--ucm", "two", "--ucm", "two").exit_code == 0
    assert [(order.ucm, order.trigger) for order in jobs["orders"]] == [("two", Trigger.MANUAL)]


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "arguments", [("run", "--ucm", "tow"), ("ingest", "x.tgz", "--ucm", "tow"), ("gaps", "--ucm", "tow"), ("login", "--ucm", "tow")]
)
def test_an_unknown_ucm_ends_in_2_and_names_the_known_ones(call: Call, jobs: dict[str, Any], arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2 and "one, two" in result.stderr and not jobs["orders"]


@pytest.mark.usefixtures("config")
def test_a_stop_in_the_first_job_leaves_the_others_out_but_names_them(call: Call, jobs: dict[str, Any]) -> None:
    def stop(order: Any) -> int:
        order.stop.set()
        return 0

    jobs["one"] = stop
    result = call("run", "--json")
    _, second = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 3
    assert [order.ucm for order in jobs["orders"]] == ["one"]
    assert (second["ucm"], second["status"], second["exit_code"], second["error"]) == ("two", "stopped", 3, None)


def recordings_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.wav"))


@pytest.mark.usefixtures("config")
def test_the_archive_commands_tell_what_an_ingest_brought(call: Call, make: Any, tmp_path: Path) -> None:
    noise = make.member("2026-02/auto-1770009999-1000-5555550100.wav", b"<html>")
    (tmp_path / "all.tgz").write_bytes(make.tgz([*make.recordings(3), noise]))
    ingested = call("ingest", "all.tgz", "--ucm", "one", "--json")
    assert ingested.exit_code == 3
    counts = json.loads(ingested.stdout)["recordings"]
    assert (counts["archived"], counts["new"], counts["already"], counts["quarantined"]) == (3, 3, 0, 1)
    lines = call("recordings", "--json").stdout.splitlines()
    held = [json.loads(line) for line in lines]
    assert [recording["path"] for recording in held] == [f"2026-02/{make.name(number)}" for number in range(3)]
    assert held[0]["seconds"] == 0.5
    assert call("recordings", "--month", "2025-01", "--json").stdout == ""
    assert call("recordings", "--month", "2025-01").stdout == "Nothing is archived.\n"
    header, *rows = call("recordings").stdout.splitlines()
    assert header.split() == ["UCM", "LENGTH", "SIZE", "RECORDING"]
    assert rows[2].split() == ["one", "0.5", "s", "8.0", "kB", f"2026-02/{make.name(2)}"]
    (gap,) = [json.loads(line) for line in call("gaps", "--json").stdout.splitlines()]
    assert (gap["reason"], gap["attempts"]) == ("undecodable", 0)
    assert "undecodable (1)" in call("gaps", "--all").stdout
    assert json.loads(call("runs", "--json").stdout)["trigger"] == "ingest"
    assert re.search(r"one\s+ingest\s+gaps\s+3\s+3\s+3\s+1", call("runs").stdout)


@pytest.mark.usefixtures("config")
def test_recordings_come_by_month_and_name_whatever_came_first(call: Call, make: Any, tmp_path: Path) -> None:
    def member(path: str, seed: int) -> Any:
        return make.member(path, make.gsff(seed))

    paths = ["2026-03/auto-1772500000-1-2.wav", "undated/x.wav", f"2026-02/{make.name(1)}", f"2026-02/{make.name(0)}"]
    (tmp_path / "all.tgz").write_bytes(make.tgz([member(path.removeprefix("undated/"), seed) for seed, path in enumerate(paths)]))
    call("ingest", "all.tgz", "--ucm", "one")
    (tmp_path / "all.tgz").write_bytes(make.tgz([member(paths[3], 9)]))
    call("ingest", "all.tgz", "--ucm", "one")
    found = [line.split("kB  ")[1] for line in call("recordings").stdout.splitlines()[1:]]
    first, version, *rest = found
    assert [first, *rest] == [paths[3], paths[2], paths[0], paths[1]]
    assert re.fullmatch(rf"{re.escape(paths[3])}  \(as one/2026-02/.*~[0-9a-f]{{8}}\.wav\)", version)


@pytest.mark.usefixtures("config")
def test_verify_ends_in_0_only_while_all_hold(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "all.tgz").write_bytes(make.tgz(make.recordings(3)))
    call("ingest", "all.tgz", "--ucm", "one")
    assert call("verify").exit_code == 0
    first, second, _ = recordings_in(tmp_path / "data" / "recordings")
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"x")
    result = call("verify", "--ucm", "one", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (found["holds"], found["ok"], len(found["missing"]), len(found["changed"])) == (False, 1, 1, 1)
    text = call("verify").stdout
    assert "1 of 3" in text and text.count("→ The next `ucm-scraper run` fetches it again") == 2
    assert {gap["reason"] for gap in map(json.loads, call("gaps", "--json").stdout.splitlines())} == {"corrupt"}


@pytest.mark.usefixtures("config")
def test_verify_notes_nothing_while_a_job_holds_the_ucm(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "all.tgz").write_bytes(make.tgz(make.recordings(1)))
    call("ingest", "all.tgz", "--ucm", "one")
    recordings_in(tmp_path / "data" / "recordings")[0].unlink()
    with job_lock(tmp_path / "data", "one"):
        result = call("verify", "--ucm", "one")
    assert result.exit_code == 3 and "once it has ended" in result.stdout
    assert call("gaps", "--json").stdout == ""


@pytest.mark.usefixtures("config")
def test_verify_of_an_empty_archive_says_so_and_ends_in_0(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "all.tgz").write_bytes(make.tgz([]))
    call("ingest", "all.tgz", "--ucm", "one")
    result = call("verify")
    assert (result.exit_code, result.stdout) == (0, "one: nothing is archived yet\ntwo: nothing is archived yet\n")


def test_what_asks_no_pbx_needs_no_secret(call: Call, config: Path, make: Any, tmp_path: Path) -> None:
    config.write_text(CONFIG.replace("hunter2-never-shown", "'${NO_SUCH_VARIABLE}'"))
    for command in (("gaps",), ("runs",), ("recordings",), ("config", "show")):
        assert call(*command).exit_code == 0
    assert "no catalog yet" in call("verify").stderr
    (tmp_path / "all.tgz").write_bytes(make.tgz(make.recordings(1)))
    assert call("ingest", "all.tgz", "--ucm", "one").exit_code == 0
    for command in (("run",), ("config", "check")):
        assert "NO_SUCH_VARIABLE is not set" in call(*command).stderr


@pytest.mark.usefixtures("config")
def test_before_the_first_job_reading_makes_no_catalog_and_verify_proves_nothing(call: Call, tmp_path: Path) -> None:
    for command in ("gaps", "runs", "recordings"):
        result = call(command, "--json")
        assert (result.exit_code, result.stdout) == (0, "")
    assert call("verify").exit_code == 2
    assert not (tmp_path / "data").exists()


# --- files -----------------------------------------------------------------------


def test_convert_writes_a_wav_beside_and_tells_about_it(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.gsff").write_bytes(make.gsff(1))
    result = call("convert", "a.gsff")
    assert result.exit_code == 0 and result.stdout == ""
    assert (tmp_path / "a.wav").read_bytes() == make.wav(1)
    assert re.search(r"gsff/8/s16le/8000/1 \(\w+\), 0\.50 s, peak -\d+\.\d dBFS", result.stderr)
    assert {path.name for path in tmp_path.iterdir()} == {"a.gsff", "a.wav"}


def test_convert_to_stdout_gives_the_wav_and_nothing_else(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.gsff").write_bytes(make.gsff(1))
    assert call("convert", "a.gsff", "-").stdout_bytes == make.wav(1)


def test_convert_overwrites_only_when_told_and_never_its_input(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(make.gsff(1))
    assert call("convert", "--force", "a.wav").exit_code == 2
    (tmp_path / "b.wav").write_bytes(b"mine")
    assert call("convert", "a.wav", "b.wav").exit_code == 2
    assert (tmp_path / "b.wav").read_bytes() == b"mine"
    assert call("convert", "--force", "a.wav", "b.wav").exit_code == 0
    assert (tmp_path / "b.wav").read_bytes() == make.wav(1)


@pytest.mark.parametrize(("content", "expected"), [(b"<html></html>", 3), (b"", 3), (None, 2)], ids=["html", "empty", "missing"])
def test_convert_of_what_is_no_recording_writes_nothing(call: Call, tmp_path: Path, content: bytes | None, expected: int) -> None:
    if content is not None:
        (tmp_path / "a.gsff").write_bytes(content)
    assert call("convert", "a.gsff", "out.wav").exit_code == expected
    assert not [path for path in tmp_path.iterdir() if path.name != "a.gsff"]


def test_convert_into_a_folder_that_is_not_there_ends_in_8(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.gsff").write_bytes(make.gsff(1))
    assert call("convert", "a.gsff", "nowhere/a.wav").exit_code == 8


def test_inspect_shows_bytes_and_the_reading_chosen(call: Call, make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(make.gsff(1))
    text = call("inspect", "a.wav").stdout
    assert "begins 'GSFF'" in text and "47 53 46 46" in text and "→ gsff/8/s16le/8000/1" in text
    found = json.loads(call("inspect", "a.wav", "--json").stdout)
    assert found["chosen"]["layout"] == "gsff/8/s16le/8000/1" and found["candidates"]


def test_inspect_of_the_unknown_ends_in_0(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"<html>")
    result = call("inspect", "a")
    assert result.exit_code == 0 and "undecodable" in result.stdout
    assert call("inspect", "nowhere").exit_code == 2


# --- simulate, login, and the boundary -----------------------------------------------


@pytest.mark.parametrize("fault", ["nonsense", "archive_cut=7", "archive_cut"])
def test_simulate_refuses_a_wrong_fault_before_it_starts(call: Call, fault: str) -> None:
    assert call("simulate", "--port", "0", "--fault", fault).exit_code == 2


def test_simulate_lists_the_faults_in_its_help(call: Call) -> None:
    assert "archive_cut=FRACTION" in call("simulate", "--help").stdout


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("error", "expected", "says"),
    [
        (NetworkError("Nobody answers 5555550100."), 6, "Nobody answers ***00."),
        (Busy(), 9, "Another job"),
        (ScraperError(), 1, "did not foresee"),
        (ZeroDivisionError("hunter2-never-shown"), 1, "Internal error (ZeroDivisionError)"),
        (KeyboardInterrupt(), 3, "Stopped."),
    ],
)
def test_every_error_of_a_command_becomes_its_exit_code_and_a_sentence(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, expected: int, says: str
) -> None:
    def login(_settings: Any, _name: str) -> None:
        raise error

    fake = types.ModuleType("scraper.webui.login")
    fake.login = login
    monkeypatch.setitem(sys.modules, "scraper.webui.login", fake)
    result = call("login", "--ucm", "one")
    assert result.exit_code == expected and says in result.stderr and result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("verbosity", "level"), [(0, None), (1, "debug"), (5, "trace"), (-1, "warning"), (-9, "error")])
def test_verbosity_chooses_the_level(verbosity: int, level: str | None) -> None:
    assert Invocation(verbosity=verbosity).level == level


@pytest.mark.usefixtures("config")
def test_json_log_and_progress_are_json_lines(call: Call, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCM_SCRAPER__LOG__FORMAT", "json")
    (tmp_path / "all.tgz").write_bytes(make.tgz(make.recordings(1)))
    call("ingest", "all.tgz", "--ucm", "one")
    lines = call("verify").stderr.splitlines()
    assert {json.loads(line)["action"] for line in lines} >= {"progress"}
