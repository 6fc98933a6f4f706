"""Programs of Debian that tests need: installed with apt-get where they are missing, by one test process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 600


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other test process installs anything."""
    with (Path(tempfile.gettempdir()) / f"ucm-scraper-tests-{os.getuid()}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def program(name: str) -> str:
    """A program's path; as root it is installed from the package of its name where it is missing."""
    with one_at_a_time():
        if shutil.which(name) is None:
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for words in (["update"], ["install", "-y", "--no-install-recommends", name]):
                subprocess.run(["apt-get", *words], check=True, capture_output=True, timeout=_SECONDS, env=environment)
    found = shutil.which(name)
    assert found, f"install {name}"
    return found
