"""Commands: what they get, and that they end in time with all that they started."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from scraper.settings import load
from scraper.store import reading_store


def run(code: str, **changes: Any) -> dict[str, Any]:
    return {"command": {"argv": [sys.executable, "-c", code], **changes}, "timeout_seconds": 20}


def test_command_gets_path_and_description(make_office, kit, tmp_path):
    code = f"import sys, json; json.dump([sys.argv[1], json.load(sys.stdin)], open({str(tmp_path / 'out')!r}, 'w'))"
    office = make_office(script=run(code))
    office.named_by_call()
    office.archive(kit.NAME)
    office.hand_over()
    path, told = json.loads((tmp_path / "out").read_text())
    assert path == str(office.store.root / "office/2026-02" / kit.NAME) == told["recording"]["location"]
    assert told["calls"][0]["dst"] == "5555550100"
    assert office.states() == [("script", "archived", "delivered")]


def test_placeholder_takes_the_path_and_no_shell_looks_at_it(make_office, kit, tmp_path):
    office = make_office(copy={"command": {"argv": ["cp", "--", "{path}", str(tmp_path / "a b; c")]}})
    office.archive(kit.NAME)
    office.hand_over()
    assert (tmp_path / "a b; c").read_bytes().startswith(b"RIFF")


def test_failing_command_is_told_with_its_last_line_and_no_number(make_office, kit):
    office = make_office(script=run("import sys; print('x' * 9000); print('cannot call 5555550100'); sys.exit(3)"))
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details() == ["The program ended with code 3: cannot call ***00"]


def test_command_that_is_not_there_is_no_error_of_ours(make_office, kit):
    office = make_office(script={"command": {"argv": ["/no/such/program"]}})
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details() == ["The program can't be started: No such file or directory."]


def test_command_gets_no_secret_of_our_environment(make_office, kit, tmp_path, monkeypatch):
    monkeypatch.setenv("UCM_WEB_PASSWORD", "hunter2")
    monkeypatch.setenv("WANTED", "yes")
    out = tmp_path / "out"
    office = make_office(script=run(f"import os; open({str(out)!r}, 'w').write(str(dict(os.environ)))", environment=["WANTED"]))
    office.archive(kit.NAME)
    office.hand_over()
    assert "hunter2" not in out.read_text() and "WANTED" in out.read_text()


def test_command_that_hangs_ends_in_time_with_what_it_started(make_office, kit, tmp_path):
    out = tmp_path / "pid"
    code = f"import subprocess, time; p = subprocess.Popen(['sleep', '600']); open({str(out)!r}, 'w').write(str(p.pid)); time.sleep(600)"
    office = make_office(script=run(code) | {"timeout_seconds": 3})
    office.archive(kit.NAME)
    office.hand_over()
    assert office.details() == ["It took longer than 3 s."]
    assert _ends(int(out.read_text()))


def test_what_a_command_leaves_behind_is_ended_and_not_waited_for(make_office, kit, tmp_path):
    out = tmp_path / "pid"
    office = make_office(
        script=run(f"import subprocess; p = subprocess.Popen(['sleep', '600']); open({str(out)!r}, 'w').write(str(p.pid))")
    )
    office.archive(kit.NAME)
    office.hand_over(seconds=15)
    assert office.states() == [("script", "archived", "delivered")] and _ends(int(out.read_text()))


def test_bucket_lends_a_copy_that_is_gone_afterwards(bucket, kit, tmp_path, monkeypatch):
    from scraper.handover.command import _at_hand

    (tmp_path / "config.yaml").write_text(
        json.dumps({"store": bucket, "ucms": {"office": {"url": "https://192.0.2.1", "web": {"username": "b", "password": "not-this"}}}})
    )
    store = reading_store(load(tmp_path / "config.yaml", {}).store)
    file = store.receive("office")
    file.file.write(b"RIFF")
    file.seal()
    store.place(file, f"office/2026-02/{kit.NAME}")
    with _at_hand(store, f"office/2026-02/{kit.NAME}") as path:
        assert path.read_bytes() == b"RIFF" and path.name == kit.NAME and path.stat().st_mode & 0o77 == 0
    assert not path.parent.exists()


def _ends(pid: int) -> bool:
    """Whether a process is gone, or only waits for somebody to take note of it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        os.sched_yield()
    return False
