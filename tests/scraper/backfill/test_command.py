"""The command, as far as no PBX is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from scraper.cli.app import cli

TOMORROW = date.today() + timedelta(days=1)


@pytest.fixture
def backfill(tmp_path: Path) -> Callable[..., Result]:
    """The command on a UCM at which nobody listens."""
    ucm = {"url": "https://127.0.0.1:9", "timezone": "Europe/Berlin", "web": {"username": "backup", "password": "x"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"store": {"min_free_mb": 0}, "ucms": {"office": ucm}}))
    return lambda *words: CliRunner().invoke(cli, ["--config", str(tmp_path / "config.yaml"), "backfill", *words])


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("2026-03-05", "2026-03-01", "must lie before"),
        (f"{TOMORROW + timedelta(days=1)}", f"{TOMORROW + timedelta(days=9)}", "lies in the future"),
        ("2026-03-01", f"{TOMORROW + timedelta(days=2)}", "lies in the future"),
        ("2026-03-01 08:00", "2026-03-05", "is no day"),
        ("1.3.2026", "2026-03-05", "is no day"),
        ("2026-03-01", "tomorrow", "is no day"),
    ],
    ids=["reversed", "future", "until-future", "time", "german", "word"],
)
def test_what_is_no_window_ends_with_usage_and_leaves_nothing_behind(backfill, tmp_path, since, until, says):
    result = backfill("--ucm", "office", "--since", since, "--until", until)
    assert (result.exit_code, says in result.stderr) == (2, True)
    assert not (tmp_path / "data").exists()


def test_an_unknown_ucm_ends_with_usage(backfill):
    assert backfill("--ucm", "nobody", "--since", "2026-03-01", "--until", "2026-03-05").exit_code == 2


@pytest.mark.parametrize("words", [(), ("--ucm", "office"), ("--ucm", "office", "--since", "2026-03-01")])
def test_the_window_and_the_ucm_have_to_be_said(backfill, words):
    assert backfill(*words).exit_code == 2


def test_a_pbx_that_cannot_be_reached_ends_it_at_the_first_slice(backfill, tmp_path):
    words = ("--ucm", "office", "--since", "2026-03-01", "--until", "2026-03-31", "--json")
    first = backfill(*words)
    assert first.exit_code == 6
    assert '"slices": {"done": 0' in first.stdout
    assert backfill(*words).exit_code == 6  # asked for by hand, it is tried at once
