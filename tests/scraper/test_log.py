"""The log: no secret and no phone number, in messages, values and tracebacks."""

from __future__ import annotations

import json
import logging
import re
import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import log

NUMBER = "5555550100"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log, "_privacy", log._Privacy())
    yield
    log.logger.remove()
    logging.basicConfig(handlers=[], force=True)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto-1770000000-1000-5555550100.wav", "auto-***00-1000-***00.wav"),
        ("auto-1770000000#100-+15555550199-6500.wav", "auto-***00#100-***99-6500.wav"),
        ("q6500-5555550100-20260206-162136-1770000000.12-1001.wav", "q6500-***00-***06-***36-***00.12-1001.wav"),
        ("extension 1001, month 2026-02", "extension 1001, month 2026-02"),
        ("run 6aaf9793d62841f5b60d837cae3e6c7c", "run 6aaf9793d62841f5b60d837cae3e6c7c"),
        ("1" * 32, "***11"),
        ("Another job (pid 1234567) holds it", "Another job (pid 1234567) holds it"),
        (f"pin sha256//{'12345+' * 7}x=", f"pin sha256//{'12345+' * 7}x="),
    ],
)
def test_mask(text: str, expected: str) -> None:
    assert log.mask(text) == expected


@given(st.text(alphabet=string.digits + "+-.# abq/", max_size=80))
def test_mask_leaves_no_long_number_and_is_stable(text: str) -> None:
    masked = log.mask(text)
    without_ids = re.sub(r"\b(?=\d*[a-f])[0-9a-f]{32,64}\b", "", masked)
    assert not re.search(r"\d{5}", without_ids)
    assert log.mask(masked) == masked


@given(st.text())
def test_mask_leaves_text_without_long_numbers_alone(text: str) -> None:
    if not re.search(r"\d{5}", text):
        assert log.mask(text) == text


@given(st.from_regex(r"\+?[0-9]{5,20}", fullmatch=True), st.text(alphabet="-_./ #@", max_size=3))
def test_mask_hides_a_number_between_any_separators(number: str, edge: str) -> None:
    assert number not in log.mask(f"a{edge}-{number}-{edge}b")


def test_a_human_line_has_level_ucm_message_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup()
    log.logger.bind(ucm="site-10023", action="stored", size=423816, file=f"auto-{NUMBER}.wav").info("Stored for {}", NUMBER)
    (line,) = lines(capsys)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} info    site-10023: Stored for \*\*\*00 size=423816 file=auto-\*\*\*00\.wav", line
    )


def test_a_json_line_is_one_object_with_its_action(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(format="json")
    log.logger.bind(ucm="a", action="stored", sizes=[1, f"{NUMBER}"]).warning("two\nlines")
    (line,) = lines(capsys)
    found = json.loads(line)
    assert (found["action"], found["level"], found["message"], found["sizes"]) == ("stored", "warning", "two\nlines", [1, "***00"])


@pytest.mark.fault("config", "a secret stands in a message, value, URL or traceback", "it is masked", promise="secret")
@pytest.mark.parametrize("format", ["human", "json"])
def test_a_secret_is_hidden_in_message_value_url_and_traceback(capsys: pytest.CaptureFixture[str], format: str) -> None:
    secret = 'p@ss w"ord/5é'
    log.setup(format=format)
    log.hide(secret)
    try:
        password = secret
        raise ValueError(f"refused {password} {NUMBER}")
    except ValueError:
        log.logger.bind(url=f"/login?p={log.quote(secret, safe='')}", deep={"x": [secret]}).exception(f"with {secret}")
    out = "\n".join(lines(capsys))
    assert "Traceback" in out and "ValueError" in out
    for form in (secret, log.quote(secret, safe=""), json.dumps(secret)[1:-1], NUMBER):
        assert form not in out


def test_a_short_secret_is_hidden_as_a_word_only() -> None:
    log.hide("ab")
    assert log.scrub("ab cable p=ab") == "*** cable p=***"


def test_numbers_show_when_asked_for_but_secrets_never(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup(numbers=True)
    log.hide("hunter2")
    log.logger.info(f"{NUMBER} hunter2")
    assert lines(capsys)[0].endswith(f"{NUMBER} ***")


def test_the_level_counts(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("warning")
    log.logger.info("quiet")
    log.logger.warning("loud")
    assert [line.split()[-1] for line in lines(capsys)] == ["loud"]


def test_libraries_are_heard_from_warnings_on_and_masked(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup()
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("call to %s {}", NUMBER)
    (line,) = lines(capsys)
    assert line.endswith("some.library: call to ***00 {}")


def test_a_closed_stderr_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log.setup()
    monkeypatch.setattr("sys.stderr", None)
    log.logger.info("into the void")
