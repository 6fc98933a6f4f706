"""Garbage is looked for as usual in what runs for years."""

from __future__ import annotations

import sys
import textwrap

from usage import measured

MEASURED = """
    from scraper import memory

    memory.for_a_command()
    memory.for_years()
    for _ in range(3000):
        ring = [bytearray(100_000)]
        ring.append(ring)
"""


def test_a_service_keeps_no_garbage():
    assert measured([sys.executable, "-c", textwrap.dedent(MEASURED)]).memory < 200  # all of it were 300 MB
