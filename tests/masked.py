"""Nothing private on stderr: a pytest plugin that looks through all that each test, and every program that it started, wrote there.

A test whose stderr shows a password of the simulation or a caller's number fails when it is torn down. Read are what pytest captured, what
commands in this process wrote (click's runner), what finished programs left in a pipe, and the log files under ``tmp_path``. What goes to
stdout is the user's own, who asked for it. ``@pytest.mark.numbers_shown`` exempts a test that shows numbers on purpose.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from s3_server import SECRET_KEY
from web_servers import TOKEN

from scraper import log
from scraper.simulator import API_PASSWORD, WEB_PASSWORD

#: A password of any simulated part, or a number of the fictional kind that all our synthetic callers have.
PRIVATE = re.compile("|".join(map(re.escape, (WEB_PASSWORD, API_PASSWORD, TOKEN, SECRET_KEY))) + r"|(?<!\d)\+?\d{0,2}55555501\d\d(?!\d)")

#: What the test under way printed past pytest's own capturing; one test at a time runs in a process.
_printed: list[str] = []

_communicate, _invoke = subprocess.Popen.communicate, CliRunner.invoke


def _communicate_and_note(self: subprocess.Popen[Any], *words: Any, **options: Any) -> tuple[Any, Any]:
    out, err = _communicate(self, *words, **options)
    if err:
        _printed.append(err if isinstance(err, str) else err.decode(errors="replace"))
    return out, err


def _invoke_and_note(self: CliRunner, *words: Any, **options: Any) -> Any:
    result = _invoke(self, *words, **options)
    _printed.append(result.stderr)
    return result


def found_in(text: str) -> list[str]:
    """The lines of ``text`` that show something private."""
    return [line for line in text.splitlines() if PRIVATE.search(line)]


def _logs_under(folder: Path) -> list[str]:
    files = [*folder.glob("*.log"), *folder.glob("*/*.log")]
    return [path.read_text(errors="replace") for path in files if path.is_file()]


def pytest_configure(config: pytest.Config) -> None:
    """Listen from now on."""
    config.addinivalue_line("markers", "numbers_shown: shows numbers on stderr on purpose")
    subprocess.Popen.communicate, CliRunner.invoke = _communicate_and_note, _invoke_and_note


def pytest_unconfigure() -> None:
    """Listen no longer."""
    subprocess.Popen.communicate, CliRunner.invoke = _communicate, _invoke


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Each test's log goes the product's own way, down to the least line, whatever the test before it did to it."""
    _printed.clear()
    log.setup("trace")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what printed something private, at its very end."""
    report = yield
    if call.when == "teardown" and report.passed and not item.get_closest_marker("numbers_shown"):
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        texts = [report.capstderr, *_printed, *(_logs_under(folder) if folder else [])]
        if lines := [line for text in texts for line in found_in(text)]:
            report.outcome = "failed"
            report.longrepr = "\n".join(["This test's stderr shows a password or a caller's number:", *lines[:20]])
    return report
