"""Garbage is looked for as usual in what runs for years."""

from __future__ import annotations

import subprocess
import sys
import textwrap

MEASURED = """
    from pathlib import Path
    from scraper import memory

    memory.for_a_command()
    memory.for_years()
    for _ in range(3000):
        ring = [bytearray(100_000)]
        ring.append(ring)
    # Not what `getrusage` says, which counts what this process was forked from.
    print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def test_a_service_keeps_no_garbage():
    kilobytes = subprocess.run([sys.executable, "-c", textwrap.dedent(MEASURED)], capture_output=True, check=True, timeout=60).stdout
    assert int(kilobytes) < 200_000  # all of it were 300 MB
