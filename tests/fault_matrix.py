"""The fault matrix: which fault has which outcome, and which test shows it; docs/faults.md, from the tests' own marks.

A test says ``@pytest.mark.fault(area, what, outcome, exit_code=…, promise=…, simulated=…)``, once for each fault that it shows. ``what``,
``outcome`` and ``simulated`` may hold parameters of the test as ``{name}``, and ``{id}``; ``exit_code`` may be the name of one.
``python tests/fault_matrix.py`` writes the page; ``tests/test_faults.py`` compares it.
"""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scraper import errors

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "faults.md"
COMMAND = ".venv/bin/python tests/fault_matrix.py"
_MARK = ".mark." + "fault("  # not to be found in this file

AREAS = {
    "sign-in": "Signing in",
    "tls": "Network and TLS",
    "web": "The web UI",
    "download": "Archives and downloads",
    "audio": "The recordings themselves",
    "api": "The HTTPS APIs",
    "cdr": "Call records and lists",
    "push": "Pushed call records",
    "storage": "Storage",
    "catalog": "The catalog",
    "process": "Kills, crashes and signals",
    "service": "The service",
    "admin": "The admin pages",
    "fleet": "The fleet",
    "handover": "Handing over",
    "keeping": "Erasing and keeping",
    "config": "Configuration and command line",
}


@dataclass(frozen=True)
class Promise:
    """What must never happen, and what keeps it."""

    title: str
    text: str
    kept_by: tuple[str, ...]


PROMISES = {
    "reading": Promise(
        "Nothing on the PBX is changed",
        "No request that deletes, sets, resets or restarts leaves the browser, whatever button was clicked and wherever the PBX redirects"
        " it; over the APIs only reading calls exist. All jobs of the tests fail if the simulation is asked for a change.",
        ("scraper/webui/guard.py",),
    ),
    "ban": Promise(
        "The address is never banned",
        "One budget of failed sign-ins a PBX, three within a day, is shared by web UI, APIs, doctor, service and all workers; a refused"
        " password is not sent again until it changes, and a CAPTCHA or a ban ends the way at once.",
        ("scraper/budget.py",),
    ),
    "success": Promise(
        "A failure is never recorded as success",
        "A web page, JSON, an empty, cut, noisy or too short body is no recording, whatever its status code or name. Exit code 0 means:"
        " everything that the PBX told of is archived, or was twice, hours apart, said to be gone.",
        ("scraper/ingest/ingest.py", "converters/", "scraper/job/lengths.py", "scraper/ingest/doubts.py"),
    ),
    "gap": Promise(
        "Nothing is missing silently",
        "What the PBX lists or names in a call record and we don't hold is a gap with a name, a reason and a remedy; where nothing could"
        " say what should exist, `expected` is unknown and the exit code is 3, never 0.",
        ("scraper/job/survey.py", "scraper/reconcile/"),
    ),
    "loss": Promise(
        "What is archived is neither lost nor doubled",
        "Killed at any moment, with a full disk, a vanished mount or a database that goes away: store and catalog agree after the next"
        " start, each recording is there once and whole, and the next run completes.",
        ("scraper/ingest/filing.py", "scraper/store/", "scraper/catalog/"),
    ),
    "secret": Promise(
        "No secret and no phone number is told",
        "Passwords, tokens, cookies and numbers stand in no log, message, metric, notification, audit line or screenshot.",
        ("scraper/log.py", "scraper/webui/evidence.py"),
    ),
    "tls": Promise(
        "No connection is unverified",
        "A CA or a pinned key is proved before any page is opened or password sent, and only that key is let through in the browser.",
        ("scraper/tls.py", "scraper/job/web_access.py"),
    ),
    "hang": Promise(
        "Nothing waits for ever",
        "Every wait has a deadline and waits for a condition; a browser that stops answering is ended, and with a job all that it started.",
        ("scraper/webui/watchdog.py", "scraper/webui/follow.py", "scraper/service/process.py"),
    ),
    "apart": Promise(
        "Two jobs never work on one UCM",
        "Neither in one process, nor on one machine, nor in a fleet; whoever lost a lease writes nothing any more.",
        ("scraper/lock.py", "scraper/fleet/"),
    ),
    "silence": Promise(
        "It doesn't stop silently",
        "Who watches is told once an episode: failed runs, silence, a person needed, coverage that fell, recordings about to vanish;"
        " health and metrics show it, and a dead-man's switch is not pinged.",
        ("scraper/service/",),
    ),
    "outsider": Promise(
        "Nobody without the token sees or changes anything",
        "Every page and API asks for a sign-in, every change for its CSRF token; text from outside is shown and never obeyed.",
        ("scraper/admin/", "scraper/hooks/"),
    ),
    "kept": Promise(
        "What was let go of stays away, and what is held stays",
        "An erased recording leaves no trace but a tombstone and is brought back by no list, archive, push or person; what is under a hold"
        " is neither erased nor retired.",
        ("scraper/keeping/",),
    ),
}


@dataclass
class Row:
    """One line of the table, and the tests that show it."""

    area: str
    what: str
    outcome: str
    exit_code: int | None
    promise: str | None
    simulated: str | None
    tests: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)


def rows_of(items: Iterable[pytest.Item]) -> list[Row]:
    """The rows that collected tests carry, those that say the same as one; in the order of the areas."""
    found: dict[tuple[Any, ...], Row] = {}
    for item in items:
        for mark in item.iter_markers("fault"):
            row = _row(item, *mark.args, **mark.kwargs)
            known = found.setdefault((row.area, row.what, row.outcome, row.exit_code), row)
            known.tests.append(_name(item))
            known.flaws += [flaw for flaw in _flaws(item, row) if flaw not in known.flaws]
    order = list(AREAS)
    return sorted(found.values(), key=lambda row: (order.index(row.area), row.tests[0], row.what))


def _row(
    item: pytest.Item,
    area: str,
    what: str,
    outcome: str,
    *,
    exit_code: Any = None,
    promise: str | None = None,
    simulated: str | None = None,
) -> Row:
    given = dict(item.callspec.params) | {"id": item.callspec.id} if hasattr(item, "callspec") else {}
    code = given[exit_code] if isinstance(exit_code, str) else exit_code
    texts = [text.format(**given) for text in (what, outcome)]
    return Row(area, *texts, None if code is None else int(code), promise, simulated and simulated.format(**given))


def _name(item: pytest.Item) -> str:
    return f"{item.path.relative_to(ROOT).as_posix()}::{item.name.partition('[')[0]}"


def _flaws(item: pytest.Item, row: Row) -> list[str]:
    """What keeps this test from showing what it says."""
    flaws = [f"{item.name} is marked {name}" for name in ("skip", "skipif", "xfail", "bench") if item.get_closest_marker(name)]
    flaws += [f"{item.name}: {text!r} is no text" for text in (row.what, row.outcome) if " at 0x" in text]
    if row.promise is not None and row.promise not in PROMISES:
        flaws.append(f"{item.name}: there is no promise {row.promise!r}")
    if row.exit_code is not None and not _asserts(item, row.exit_code):
        flaws.append(f"{item.name} asserts no exit code {row.exit_code}")
    module = Path(item.path).read_text()
    flaws += [f"{item.name}: nothing switches {fault} on" for fault in switches(row) if fault not in module]
    return flaws


def _asserts(item: pytest.Item, code: int) -> bool:
    """Whether the test's own source compares something with the code, its name, or an error that carries it."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if code in [value for value in values if not isinstance(value, bool)]:
        return True
    tree = ast.parse(textwrap.dedent(inspect.getsource(item.function)))  # type: ignore[attr-defined]
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)
    }
    carriers = {name for name, error in vars(errors).items() if getattr(error, "exit_code", None) == code} | {errors.ExitCode(code).name}
    constants = [
        part for node in ast.walk(tree) if isinstance(node, ast.Assert) for part in ast.walk(node) if isinstance(part, ast.Constant)
    ]
    said = [part.value for part in constants if not isinstance(part.value, bool)]
    return bool((names | set(said)) & carriers) or code in said


def switches(row: Row) -> list[str]:
    """The simulation's faults that a row is about, by name."""
    return [part.partition("=")[0].strip() for part in (row.simulated or "").split(", ") if part]


def page(rows: list[Row]) -> str:
    """docs/faults.md."""
    parts = [
        "# What can go wrong, and what happens then",
        f"Written by `{COMMAND}` from the marks of the tests; CI compares it. {len(rows)} rows, each run on every commit. What two of"
        " them do together is tried in random pairs by [tests/e2e/test_two_faults.py](../tests/e2e/test_two_faults.py).",
        "## What must never happen",
        *(_promise(key, promise, rows) for key, promise in PROMISES.items()),
        "## Fault by fault",
        "*Simulation* is the switch of `ucm-scraper simulate --fault` that rehearses it. *Code* is the exit code of the command that meets"
        " the fault; where there is none, the fault concerns one recording, page or part, or no command of its own ends by it.",
    ]
    for area, title in AREAS.items():
        if lines := [_line(row) for row in rows if row.area == area]:
            parts += [
                f"### {title}",
                "\n".join(["| fault | simulation | what happens | code | shown by |", "|---|---|---|---|---|", *lines]),
            ]
    return "\n\n".join(parts) + "\n"


def _promise(key: str, promise: Promise, rows: list[Row]) -> str:
    by_file: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for test in row.tests if row.promise == key else ():
            path, name = test.split("::")
            by_file[path].add(name)
    files = ", ".join(f"[{path.removeprefix('tests/')}](../{path}) ({len(names)})" for path, names in sorted(by_file.items()))
    return f"**{promise.title}.** {promise.text}\n*Kept by* {', '.join(f'`{room}`' for room in promise.kept_by)}. *Shown by* {files}."


def _line(row: Row) -> str:
    path, name = sorted(set(row.tests))[0].split("::")
    cells = [
        row.what,
        f"`{row.simulated}`" if row.simulated else "",
        row.outcome,
        "" if row.exit_code is None else str(row.exit_code),
        f"[{name}](../{path})",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def marked_files() -> list[Path]:
    """The test files that carry a mark."""
    return sorted(path for path in (ROOT / "tests").rglob("test_*.py") if _MARK in path.read_text())


def collect() -> list[Row]:
    """The rows of all tests, none of which is run."""
    call = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:xdist", "-p", Path(__file__).stem, *map(str, marked_files())]
    done = subprocess.run(call, cwd=ROOT, env=_with_this_folder(), capture_output=True, text=True, timeout=300, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_PREFIX)]
    if len(lines) != 1:
        raise RuntimeError(done.stdout + done.stderr)
    return [Row(**row) for row in json.loads(lines[0].removeprefix(_PREFIX))]


_PREFIX = "fault matrix: "


def _with_this_folder() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(Path(__file__).parent)}


def pytest_collection_finish(session: pytest.Session) -> None:
    """As a plugin of :func:`collect`: tell the rows."""
    print(_PREFIX + json.dumps([asdict(row) for row in rows_of(session.items)]))  # noqa: T201 -- the process that asked reads it


if __name__ == "__main__":
    PAGE.write_text(page(collect()))
