"""No input takes more than a second of processor time, or 256 MB beside what was there: what is made to take the most, measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.worst_cases import CASES

_SECONDS, _MEGABYTES = 1.0, 256


@pytest.mark.parametrize("target", CASES)
def test_no_input_takes_a_second_or_256_megabytes(target: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("limits.py")
    words = [sys.executable, str(script), target]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    assert [case["case"] for case in cases] == list(CASES[target])
    assert [case for case in cases if case["error"] or case["seconds"] >= _SECONDS or case["megabytes"] >= _MEGABYTES] == []
