"""Fuzz one reader, guided by coverage: ``python tests/fuzz/run.py TARGET --seconds N``; it needs the extra ``test``.

The targets are the modules of ``tests/fuzz/targets``. Each is fed with what the simulated UCM makes, and with changes of it that libFuzzer
finds worth pursuing. Prints one line of figures; an input that ended in another way than documented, took more than a second, or 256 MB,
is kept in the corpus folder and ends the run with code 1.
"""

# ruff: noqa: T201 (its figures are printed)

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.py"))
_MAX_BYTES = 1 << 14
#: By the clock: one input that takes so long hangs.
_HANG_SECONDS = 20


@dataclass(frozen=True)
class Figures:
    """What a run came to. ``coverage`` and ``features`` as libFuzzer counts them; ``finding``: the end of its output if it found any."""

    target: str
    inputs: int
    coverage: int
    features: int
    corpus: int
    finding: str | None

    def __str__(self) -> str:
        found = "1 finding" if self.finding else "0 findings"
        return f"{self.target}: {self.inputs:,} inputs, {self.coverage} edges, {self.features} features, corpus of {self.corpus}, {found}"


def run(target: str, seconds: int, folder: Path) -> Figures:
    """Fuzz ``target`` for so many seconds; the corpus grows in ``folder``, which may hold that of an earlier run."""
    corpus, temporary = folder / "corpus", folder / "tmp"
    for each in (corpus, temporary):
        each.mkdir(parents=True, exist_ok=True)
    module = importlib.import_module(f"fuzz.targets.{target}")
    for seed in module.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in getattr(module, "WORDS", ())))
    flags = [f"-max_total_time={seconds}", f"-max_len={_MAX_BYTES}", f"-timeout={_HANG_SECONDS}", f"-artifact_prefix={folder}/", "-seed=1"]
    done = subprocess.run(
        [sys.executable, HERE / "guided.py", target, *flags, f"-dict={words}", "-print_final_stats=1", corpus],
        cwd=temporary,
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return _read(target, done.stderr, f"ended with {done.returncode}\n{done.stdout}" if done.returncode else None)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _read(target: str, log: str, failed: str | None) -> Figures:
    steps = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", log)
    inputs = re.search(r"number_of_executed_units: (\d+)", log)
    coverage, features, corpus = map(int, steps[-1] if steps else (0, 0, 0))
    finding = None if failed is None else f"{failed[-4000:]}\n{log[-4000:]}"
    return Figures(target, int(inputs[1]) if inputs else 0, coverage, features, corpus, finding)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where the corpus and what is found stay; a temporary one where none is given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        figures = run(options.target, options.seconds, (options.folder or Path(temporary)).absolute())
    print(figures)
    if figures.finding:
        print(figures.finding, file=sys.stderr)
    return 1 if figures.finding else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    sys.exit(main())
