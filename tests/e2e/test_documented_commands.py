"""The commands of README and docs, as they stand there, against a simulated UCM whose API is open."""

from __future__ import annotations

import shlex

import pytest
import yaml
from click.testing import CliRunner
from documents import PAGES, commands

from scraper.cli.app import cli

#: What is not run here, and why.
ELSEWHERE = {
    "python3 -m venv": ".ci/run does it, on a clean clone",
    ".venv/bin/pip install": ".ci/run does it; what it installs is tested in tests/test_docs.py",
    ".venv/bin/python -m pytest": "this very run",
    ".venv/bin/ucm-scraper demo": ".ci/run does it, in a real browser",
    "pip install": "needs the package in a registry; that the extras exist is tested in tests/test_docs.py",
    "docker": "there is no container engine here; tests/test_container.py and tests/bench/test_image_bench.py stand in",
    "ucm-scraper serve": "stays; tests/e2e/test_service.py",
    "ucm-scraper worker": "stays; tests/e2e/test_fleet.py",
}


def run(text):
    """One command as a shell would run it, in this process; a question is answered with yes."""
    words = shlex.split(text, comments=True)
    target = words[words.index(">") + 1] if ">" in words else None
    result = CliRunner().invoke(cli, words[1 : words.index(">")] if target else words[1:], input="y\n")
    if target:
        with open(target, "w") as file:
            file.write(result.stdout)
    return result


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_every_command_of_a_page_works_in_the_order_of_the_page(page, branch, monkeypatch):
    wanted = [command.text for command in commands(page) if not command.text.startswith(tuple(ELSEWHERE))]
    if not wanted:
        return
    place = branch(recordings=6, seconds=(0.3, 0.6))
    whole = yaml.safe_load(place.config.read_text())
    whole["ucms"] = {"head-office": {key: value for key, value in whole["ucms"]["office"].items() if key != "web"}}
    place.config.write_text(yaml.safe_dump(whole))
    monkeypatch.chdir(place.folder)
    if page.name == "keeping.md":  # for an archive that is there
        run("ucm-scraper run")
    for text in wanted:
        if "config init" in text:
            place.config.rename(place.folder / "mine.yaml")  # it overwrites nothing
        result = run(text)
        assert result.exit_code in ((0, 3) if "--dry-run" in text else (0,)), (text, result.output)  # 3: there is something to do
        if "config init" in text:
            (place.folder / "mine.yaml").replace(place.config)
