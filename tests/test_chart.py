"""The chart of a compressed month is drawn from the figures beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_chart_shows_the_figures_that_are_kept_with_it(tmp_path):
    drawn = tmp_path / "month.svg"
    subprocess.run([sys.executable, DOCS / "make_chart.py", DOCS / "month.csv", drawn], check=True, timeout=60)
    assert drawn.read_text() == (DOCS / "pictures" / "month.svg").read_text()
