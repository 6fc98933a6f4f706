"""Commands, called in this process and in an empty folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scraper import log
from scraper.cli.app import cli

Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def _log_ends() -> Iterator[None]:
    yield
    log.logger.remove()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command; what stands in the configurations as a password must not be in what it prints."""
    monkeypatch.chdir(tmp_path)
    for name in ("UCM_IP", "UCM_USERNAME", "UCM_PASSWORD", "UCM_SCRAPER_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*words: str, **environment: str) -> Result:
        result = CliRunner().invoke(cli, words, env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "hunter2" not in result.output
        return result

    return invoke
