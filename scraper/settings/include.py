"""Files with further UCMs: which ones a pattern means, and what is written in them with its paths made absolute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from glob import glob, has_magic
from pathlib import Path
from typing import Any


def included(patterns: Any, base: Path) -> Iterator[tuple[str, list[Path]]]:
    """Each pattern with the files that it means, in the order of their names; hidden ones are left out."""
    for pattern in [patterns] if isinstance(patterns, str) else patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str):  # of others the models complain
            found = sorted(glob(pattern, root_dir=base, recursive=True)) if has_magic(pattern) else [pattern]  # noqa: PTH207 -- see above
            yield pattern, [base / name for name in found]


def with_paths_from(folder: Path, value: Any) -> Any:
    """``value`` with each ``…_file`` in it as a path that starts at ``folder``; one from the root or the home folder stays."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: str(folder / inner)
        if str(key).endswith("_file") and isinstance(inner, str) and not inner.startswith("~")
        else with_paths_from(folder, inner)
        for key, inner in value.items()
    }
