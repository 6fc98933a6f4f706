"""The token, the sessions, and what wrong tokens cost."""

from __future__ import annotations

import pytest

from scraper.admin.gate import IDLE_SECONDS, LONGEST_SECONDS, Gate, TooManyAttempts, token_of
from scraper.errors import ConfigError
from scraper.settings import load

TOKEN = "right-token-0123456789"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gate(clock):
    return Gate(TOKEN, clock)


def settings(folder, admin=""):
    (folder / "config.yaml").write_text(
        f"data_dir: ./data\n{admin}\nucms: {{office: {{url: 'https://192.0.2.1', web: {{username: a, password: b}}}}}}\n"
    )
    return load(folder / "config.yaml", {})


def test_token_is_made_once_and_readable_by_its_owner_only(tmp_path):
    token, file = token_of(settings(tmp_path))
    assert len(token) >= 40
    assert file == tmp_path / "data" / "admin" / "token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert token_of(settings(tmp_path)) == (token, file)


def test_configured_token_is_taken_and_none_is_made(tmp_path):
    assert token_of(settings(tmp_path, f"admin: {{token: {TOKEN}}}")) == (TOKEN, None)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff\xfe\n"])
def test_token_file_without_a_token_is_refused(tmp_path, content):
    _, file = token_of(settings(tmp_path))
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="holds no token"):
        token_of(settings(tmp_path))


@pytest.mark.parametrize("wrong", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ä" * 20, "\udc80", "\x00"])
def test_only_the_very_token_is_admitted(gate, wrong):
    assert not gate.admits(wrong, "192.0.2.7")
    assert gate.admits(TOKEN, "192.0.2.7")


@pytest.mark.fault("admin", "a thousand wrong tokens", "that address waits; nobody is locked out", promise="outsider")
def test_thousand_wrong_tokens_make_an_address_wait_and_never_lock_it_out(gate, clock):
    looked_at = 0
    for _ in range(1000):
        clock.now += 0.5
        try:
            assert not gate.admits("wrong", "192.0.2.7")
            looked_at += 1
        except TooManyAttempts as error:
            assert 1 <= error.seconds <= 60
    assert looked_at < 20
    assert gate.admits(TOKEN, "192.0.2.8")
    clock.now += 60
    assert gate.admits(TOKEN, "192.0.2.7")


def test_wait_grows_with_each_wrong_token(gate, clock):
    waits = []
    while len(waits) < 8:
        try:
            gate.admits("wrong", "192.0.2.7")
        except TooManyAttempts as error:
            waits.append(error.seconds)
            clock.now += error.seconds
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_address_is_forgiven_after_a_while(gate, clock):
    for _ in range(5):
        gate.admits("wrong", "192.0.2.7")
    clock.now += 901
    assert not gate.admits("wrong", "192.0.2.7")
    assert not gate.admits("wrong", "192.0.2.7")


def test_wrong_tokens_from_many_addresses_are_limited_and_spare_those_known(gate, clock):
    assert gate.admits(TOKEN, "198.51.100.1")
    for number in range(100):
        gate.admits("wrong", f"192.0.2.{number}")
    with pytest.raises(TooManyAttempts):
        gate.admits(TOKEN, "192.0.2.200")
    assert gate.admits(TOKEN, "198.51.100.1")
    clock.now += 61
    assert gate.admits(TOKEN, "192.0.2.200")


def test_sessions_end_when_idle_when_old_and_when_signed_out(gate, clock):
    idle, _ = gate.begin()
    busy, session = gate.begin()
    out, _ = gate.begin()
    gate.end(out)
    assert gate.session(out) is None
    for _ in range(int(LONGEST_SECONDS / IDLE_SECONDS) + 2):
        found = gate.session(busy)
        assert found is session or clock.now - session.began > LONGEST_SECONDS
        clock.now += IDLE_SECONDS * 0.9
    assert gate.session(idle) is None
    clock.now += LONGEST_SECONDS
    assert gate.session(busy) is None
    assert gate.session("made-up") is gate.session(None) is gate.session("") is None


def test_sessions_are_bounded(gate):
    first, _ = gate.begin()
    for _ in range(1000):
        last, _ = gate.begin()
    assert gate.session(first) is None
    assert gate.session(last)
