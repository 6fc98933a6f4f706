"""Hold requirements.lock against a database of known vulnerabilities: ends with 1 where one is known.

Where no database can be reached, or it knows none of the packages (a mirror without it), that is said in a line, and nothing fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
SERVICES = ("pypi", "osv")


def ask(service: str) -> list[dict[str, Any]]:
    """What the service says of each package that it knows; none where it can't be reached."""
    words = ["-s", service, "-r", str(LOCK), "--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    try:
        done = subprocess.run([sys.executable, "-m", "pip_audit", *words], capture_output=True, text=True, timeout=180, check=False)  # noqa: S603 -- fixed words
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        return []
    return [package for package in found if "skip_reason" not in package]


def main() -> int:
    """Ask the first service that answers, and say what it knows."""
    for service in SERVICES:
        if known := ask(service):
            break
    else:
        print("dependency audit: no vulnerability service answers here; nothing was audited")  # noqa: T201 -- for the log of CI
        return 0
    holes = [f"{package['name']} {package['version']}: {hole['id']}" for package in known for hole in package["vulns"]]
    print(f"dependency audit: {len(known)} packages held against {service}, {len(holes)} known vulnerabilities", *holes, sep="\n")  # noqa: T201 -- for the log of CI
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
