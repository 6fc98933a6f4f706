"""Settings: UCMs in files of their own, beside the main one."""

from __future__ import annotations

import time
from pathlib import Path
from textwrap import indent

import pytest

from scraper import log
from scraper.errors import ConfigError
from scraper.settings import Settings, load

UCM = """
{name}:
  url: https://{name}.example.com:8089
  web: {{username: backup, password: "{name}-password"}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a main file that has no UCM of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc" / "ucms.d").mkdir(parents=True)
    (tmp_path / "etc" / "config.yaml").write_text("data_dir: ./data\n")
    return tmp_path / "etc"


def loaded(folder: Path, **environ: str) -> Settings:
    return load(folder / "config.yaml", environ)


def problems(folder: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, **environ)
    return list(caught.value.evidence["problems"])


def test_ucms_of_all_files_count_and_show_where_they_stand(folder: Path) -> None:
    (folder / "config.yaml").write_text("ucms:" + indent(UCM.format(name="main"), "  "))
    (folder / "ucms.d" / "east.yaml").write_text(UCM.format(name="east1") + UCM.format(name="east2"))
    (folder / "ucms.d" / "west.yml").write_text(UCM.format(name="west"))
    (folder / "ucms.d" / ".half-written.yaml").write_text("no: [")
    settings = loaded(folder, UCM_SCRAPER__UCMS__WEST__TIMEZONE="America/Denver")
    assert list(settings.ucms) == ["main", "east1", "east2", "west"]
    assert settings.ucms["west"].timezone == "America/Denver"
    origins = [settings.origin_of(f"ucms.{path}") for path in ("main.url", "east2.web.password", "west.url", "west.timezone")]
    assert origins == ["file", "ucms.d/east.yaml", "ucms.d/west.yml", "environment"]


def test_include_names_other_places_in_file_or_environment(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "fleet" / "north").mkdir(parents=True)
    (tmp_path / "fleet" / "north" / "a.yaml").write_text(UCM.format(name="a"))
    (tmp_path / "fleet" / "b.yaml").write_text(UCM.format(name="b"))
    (folder / "config.yaml").write_text("include: ../fleet/**/*.yaml\n")
    assert set(loaded(folder).ucms) == {"a", "b"}
    assert set(loaded(folder, UCM_SCRAPER__INCLUDE=f"[{tmp_path}/fleet/b.yaml]").ucms) == {"b"}


def test_paths_and_variables_in_an_included_file_are_its_own(folder: Path) -> None:
    (folder / "ucms.d" / "secrets").mkdir()
    (folder / "ucms.d" / "secrets" / "password").write_text("from-the-file\n")
    (folder / "ucms.d" / "a.yaml").write_text(
        """
a:
  url: https://${HOST}.example.com
  tls: {ca_file: ca.pem}
  web: {username: backup, password_file: secrets/password}
  api: {username: cdrapi, password_file: "${PLACE}/secrets/password"}
"""
    )
    ucm = loaded(folder, HOST="pbx", PLACE=str(folder / "ucms.d")).ucms["a"]
    assert (ucm.url, ucm.tls.ca_file) == ("https://pbx.example.com", folder / "ucms.d" / "ca.pem")
    assert ucm.web and ucm.api and ucm.web.secret == ucm.api.secret == "from-the-file"


def test_all_problems_of_all_files_are_named_at_once_each_with_its_file(folder: Path) -> None:
    for name, text in {
        "a.yaml": UCM.format(name="a") + "  timezone: Mars/Base\n",
        "b.yaml": UCM.format(name="A") + UCM.format(name="b") + "  colour: blue\n",
        "c.yaml": "c: {url: '${NOWHERE}', web: {username: backup}}",
        "d.yaml": "d: [",
        "e.yaml": "# all is commented out\n",
    }.items():
        (folder / "ucms.d" / name).write_text(text)
    (folder / "ucms.d" / "f.yaml").mkdir()
    found = problems(folder, UCM_SCRAPER__UCMS__B__TIMEZONE="nowhere")
    for expected in (
        "ucms.d/a.yaml: a.timezone: ",
        "ucms.d/b.yaml: A: stands in ucms.d/a.yaml already",
        "ucms.d/b.yaml: b.colour: unknown key",
        "ucms.d/b.yaml: b.timezone: is no known time zone",
        "ucms.d/c.yaml: c.url: the environment variable NOWHERE is not set",
        "ucms.d/d.yaml is not valid YAML at line 1",
        "ucms.d/e.yaml is empty",
        f"{folder}/ucms.d/f.yaml is a folder, not a file",
    ):
        assert sum(line.startswith(expected) for line in found) == 1, (expected, found)
    assert len(found) == 8


def test_name_that_the_main_file_has_already_names_both(folder: Path) -> None:
    (folder / "config.yaml").write_text("ucms:" + indent(UCM.format(name="a"), "  "))
    (folder / "ucms.d" / "x.yaml").write_text(UCM.format(name="a"))
    assert problems(folder) == ["ucms.d/x.yaml: a: stands in config.yaml already"]


@pytest.mark.parametrize(
    ("include", "expected"), [("offices/*.yaml", "include: offices/*.yaml fits no file"), ("a.yaml", "a.yaml does not exist")]
)
def test_include_that_brings_nothing_is_a_problem(folder: Path, include: str, expected: str) -> None:
    (folder / "config.yaml").write_text(f"include: {include}\nucms:" + indent(UCM.format(name="a"), "  "))
    assert [line for line in problems(folder) if expected in line]


def test_five_hundred_files_load_and_their_secrets_are_hidden_in_well_under_a_second(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_privacy", log._Privacy())
    for number in range(500):
        (folder / "ucms.d" / f"{number}.yaml").write_text(UCM.format(name=f"office{number}"))
    started = time.process_time()
    settings = loaded(folder)
    for secret in settings.secrets():
        log.hide(secret)
    assert log.scrub("it is office7-password.") == "it is ***."
    assert len(settings.ucms) == 500
    assert time.process_time() - started < 1.5
