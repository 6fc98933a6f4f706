"""What the project's own files promise: README, container, CI, package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["demo", "test"])
def test_ci_finds_the_readme_command(name):
    block = re.search(rf"<!-- {name} -->\n```sh\n(.+?)\n```", README, re.DOTALL)
    assert block
    assert block[1].startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert f'command_of {name})"' in (ROOT / ".ci" / "run").read_text()


def test_container_is_not_root_and_watches_itself():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER ucm"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert lines[-1] == 'CMD ["serve"]'


def test_lock_file_pins_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = {re.match(r"[A-Za-z0-9-]+", text)[0].lower() for text in wanted}
    locked = {line.split("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    assert names <= locked


def test_every_exception_from_the_linter_has_its_reason():
    files = [path for folder in ("scraper", "converters", "docs", ".ci") for path in (ROOT / folder).rglob("*.py")]
    lines = [
        (path.name, line.strip()) for path in files for line in path.read_text().splitlines() if "# noqa" in line or "# ruff: noqa" in line
    ]
    assert [(name, line) for name, line in lines if not re.search(r"noqa: [A-Z0-9, ]+ (-- |\()", line)] == []


def test_package_ships_the_simulation_and_the_migrations():
    import scraper

    folder = Path(scraper.__file__).parent
    assert (folder / "simulator" / "web" / "index.html").is_file()
    assert list((folder / "catalog" / "migrations" / "versions").glob("0*.py"))
