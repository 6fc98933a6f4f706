"""`serve` as a process that is started, asked, stopped and killed, by a clock that jumps."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from web_servers import TOKEN

from scraper.service.process import MARK, home_of
from soak.clock import FastClock

#: What must happen, happens within so many real seconds; and what a job may take until the clock goes on without it.
PATIENCE, LONGEST = 120.0, 12.0
#: What people look at most.
PAGES = ("/", "/recordings", "/runs", "/gaps")


def comes(found: Callable[[], Any], seconds: float) -> Any:
    """What ``found`` returns once it is something; what it last returned, where that is nothing after so many real seconds."""
    deadline = time.monotonic() + seconds
    while not (it := found()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return it


class Service:
    """`serve` on the configuration of ``folder``."""

    def __init__(self, folder: Path, clock: FastClock) -> None:
        self.folder = folder
        self._python, self._boots = clock.python(), 0
        self.work = Path(tempfile.mkdtemp(prefix="month-"))  # apart, for others' files are of another year; short, for a socket's path
        self.process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        #: Where it listens for pushed calls.
        self.hooks = ""

    @property
    def is_up(self) -> bool:
        return self.process is not None

    def start(self) -> None:
        self._boots += 1
        log = self.folder / f"serve{self._boots}.log"
        call = [str(self._python), "-m", "scraper", "--config", str(self.folder / "config.yaml"), "serve"]
        with log.open("w") as lines:
            self.process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=lines, env={**os.environ, "TMPDIR": str(self.work)})
        found = comes(lambda: re.findall(r"(\w+): listening on (http://[^\s/]+)", log.read_text())[1:] and log.read_text(), PATIENCE)
        assert found, log.read_text()
        places = dict(re.findall(r"(\w+): listening on (http://[^\s/]+)", found))
        self.hooks = places["hooks"]
        self._client = httpx.Client(base_url=places["admin"], headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE)

    def end(self, number: int) -> None:
        """End it with this signal; where that is SIGTERM, nothing of its jobs is left."""
        assert self.process is not None and self._client is not None
        self._client.close()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        assert code == (0 if number == signal.SIGTERM else -number)
        assert number != signal.SIGTERM or self.left() == []

    def remove(self) -> None:
        """End it at once, if it hasn't ended, and remove its temporary files."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def left(self) -> list[str]:
        """Its jobs' processes, however detached, and their folders."""
        home, found = home_of(self.folder / "data"), [str(path) for path in self.work.glob("ucm-*")]
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(MARK, "").startswith(f"{home}:"):
                    found.append(str(process))
        return found

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON API's answer; with a ``body``, to a POST."""
        assert self._client is not None
        answer = self._client.post(f"/api/v1{path}", json=body) if body else self._client.get(f"/api/v1{path}")
        assert answer.is_success, answer.text
        return answer.json()

    def tasks(self) -> list[dict[str, Any]]:
        """What runs, waits, or ended lately."""
        found: list[dict[str, Any]] = self.ask("/tasks")["items"]
        return found

    def is_quiet(self, seconds: float) -> bool:
        """Whether no task is under way any more, within so many seconds."""
        return bool(comes(lambda: all(one["stage"] == "ended" for one in self.tasks()), seconds))

    def page_ms(self) -> float:
        """How long a page takes, as the mean of :data:`PAGES`."""
        assert self._client is not None
        if self._client.get(PAGES[0]).is_redirect:
            csrf = re.search(r'name="csrf" value="([^"]+)"', self._client.get("/sign-in").text)
            assert csrf is not None and self._client.post("/sign-in", data={"csrf": csrf[1], "token": TOKEN}).is_redirect
        began = time.monotonic()
        for page in PAGES:
            assert self._client.get(page).status_code == 200
        return 1000 * (time.monotonic() - began) / len(PAGES)
