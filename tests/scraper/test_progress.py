"""Progress: told often, says little, never raises."""

from __future__ import annotations

import threading

import pytest

from scraper.progress import NullProgress, PlainProgress, Progress, RichProgress, for_stderr


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def plain() -> tuple[PlainProgress, list[str], Clock]:
    lines: list[str] = []
    clock = Clock()
    return PlainProgress(lines.append, every=10, clock=clock), lines, clock


def test_plain_says_each_phase_once() -> None:
    progress, lines, _ = plain()
    for name in ("packing", "packing", "downloading"):
        progress.phase(name)
    assert lines == ["packing", "downloading"]


def test_plain_says_at_most_a_line_every_ten_seconds() -> None:
    progress, lines, clock = plain()
    progress.phase("downloading")
    for second in range(1, 26):
        clock.now = float(second)
        progress.downloaded(second * 1_000_000, 40_000_000)
        progress.recording(16_000)
    assert lines[1:] == [
        "downloading: 10.0 MB of 40.0 MB (25%), 1.0 MB/s, 9 recordings",
        "downloading: 20.0 MB of 40.0 MB (50%), 1.0 MB/s, 19 recordings",
    ]


def test_plain_ends_once_with_the_sum() -> None:
    progress, lines, _ = plain()
    progress.phase("downloading")
    progress.recording(1)
    progress.done()
    progress.done()
    assert lines == ["downloading", "in all: 1 recording"]


def test_plain_keeps_the_rate_of_the_download_when_other_phases_follow() -> None:
    progress, lines, clock = plain()
    progress.phase("downloading")
    clock.now = 2.0
    progress.downloaded(4_000_000, 4_000_000)
    progress.phase("comparing")
    clock.now = 3.0
    progress.done()
    assert lines[-1] == "in all: 4.0 MB of 4.0 MB (100%), 2.0 MB/s"


def test_plain_survives_a_stream_that_fails() -> None:
    def broken(_line: str) -> None:
        raise BrokenPipeError

    progress = PlainProgress(broken)
    progress.phase("packing")
    progress.done()


@pytest.mark.parametrize("make", [NullProgress, RichProgress, lambda: PlainProgress(lambda _line: None)])
def test_any_progress_takes_calls_in_any_order_from_many_threads(make: type[NullProgress]) -> None:
    progress: Progress = make()

    def work() -> None:
        for number in range(50):
            progress.recording(number)
            progress.downloaded(number, None if number % 2 else 50)
            progress.phase(f"phase {number % 3}")

    progress.downloaded(1, None)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    progress.done()
    progress.done()


def test_for_stderr_is_live_on_a_terminal_whatever_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(for_stderr(lambda _line: None), RichProgress)


def test_for_stderr_is_plain_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = for_stderr()
    assert isinstance(progress, PlainProgress)
    progress.phase("packing")
    assert capsys.readouterr().err == "packing\n"
