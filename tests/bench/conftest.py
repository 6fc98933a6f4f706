"""Benchmarks run only where they are asked for: `pytest tests/bench -m bench -s`."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what measures, unless `-m` names it."""
    if "bench" not in config.getoption("markexpr"):
        for item in items:
            if item.get_closest_marker("bench"):
                item.add_marker(pytest.mark.skip(reason="a benchmark: run `pytest tests/bench -m bench -s`"))
