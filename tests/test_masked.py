"""That the plugin ``masked`` notices what it is there to notice: without that its silence proves nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_TESTS = """\
import subprocess, sys
import click, pytest
from click.testing import CliRunner
from loguru import logger

NUMBER = "auto-1770000000-1000-+15555550100.wav"
SAY = "import sys; print(sys.argv[1], file=sys.stderr)"

def test_caught_in_what_was_captured():
    print(NUMBER, file=sys.stderr)

def test_caught_in_what_a_child_inherits():
    subprocess.run([sys.executable, "-c", SAY, "simulated-web-password"], check=True)

def test_caught_in_a_pipe():
    subprocess.run([sys.executable, "-c", SAY, NUMBER], check=True, capture_output=True)

def test_caught_in_a_command():
    CliRunner().invoke(click.Command("say", callback=lambda: click.echo(NUMBER, err=True)))

def test_caught_in_a_log_file(tmp_path):
    (tmp_path / "serve.log").write_text(NUMBER)

def test_passed_where_the_log_masks():
    logger.warning("Fetching {}", NUMBER)

def test_passed_on_stdout():
    print(NUMBER)

@pytest.mark.numbers_shown
def test_passed_on_purpose():
    print(NUMBER, file=sys.stderr)
"""


def test_whatever_shows_something_private_fails_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(_TESTS)
    call = [sys.executable, "-m", "pytest", "-p", "masked", "-p", "no:cacheprovider", "-rE", "test_some.py"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])}
    # Not through a pipe: this very test would be found out.
    with (tmp_path / "said").open("w+") as said:
        subprocess.run(call, cwd=tmp_path, env=environment, stdout=said, stderr=said, timeout=60, check=False)
    names = re.findall(r"^def (test_\w+)", _TESTS, re.MULTILINE)
    failed = re.findall(r"^ERROR test_some\.py::(test_\w+)", (tmp_path / "said").read_text(), re.MULTILINE)
    assert failed == [name for name in names if name.startswith("test_caught")]
