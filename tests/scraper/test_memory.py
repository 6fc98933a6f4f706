"""Garbage is looked for as usual in what runs for years."""

from __future__ import annotations

import subprocess
import sys
import textwrap

MEASURED = """
    import resource
    from scraper import memory

    memory.for_a_command()
    memory.for_years()
    for _ in range(3000):
        ring = [bytearray(100_000)]
        ring.append(ring)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_service_keeps_no_garbage():
    kilobytes = subprocess.run([sys.executable, "-c", textwrap.dedent(MEASURED)], capture_output=True, check=True, timeout=60).stdout
    assert int(kilobytes) < 200_000  # all of it were 300 MB
