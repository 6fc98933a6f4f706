"""One task's process with everything that it starts: begun apart from all others, and ended together, whatever became of it.

Playwright detaches Chromium into a session of its own, and a killed job can't end it any more. So a mark in the environment, which all
descendants inherit, tells whose they are; and they get a folder for temporary files (profiles lie there) that is removed after them. The
service and the process hold a lock on that folder: where nobody does, both were killed, and any later service removes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
from loguru import logger

from scraper.disk import writing
from scraper.threads import in_thread

#: The environment variable that marks a task's processes: the service's home, and the process's own number.
MARK = "UCM_SCRAPER_TASK"

#: The longest line that a process may write: a picture of a page, or a report.
_LONGEST_LINE = 1 << 26
#: How long killed processes may take to be gone, in seconds: what waits for a dead network share can't even be killed.
_KILL_SECONDS = 10.0
_GLANCE_SECONDS = 0.05
#: A folder for temporary files: its service's home, the process's number. One so young may have no lock yet, in seconds.
_FOLDER = re.compile(r"ucm-([0-9a-f]+\.[0-9a-f]+)-([0-9a-f]{8})-")
_YOUNG_SECONDS = 3600.0


def home_of(data_dir: Path) -> str:
    """What tells one service's processes and folders from another's: its data_dir, however that is called. Raises OSError."""
    found = data_dir.stat()
    return f"{found.st_dev:x}.{found.st_ino:x}"


def clean_up(home: str) -> None:
    """End what an earlier service of this home left running, or another that died, and remove their temporary folders.

    Takes seconds at worst.
    """
    if left := end_marked(f"{home}:"):
        logger.bind(action="processes-left").warning("{} processes of an earlier service can't be ended", left)
    for folder in Path(tempfile.gettempdir()).glob("ucm-*"):
        name = _FOLDER.match(folder.name)
        if name and (name[1] == home or _is_deserted(folder)):
            end_marked(f"{name[1]}:{name[2]}")
            shutil.rmtree(folder, ignore_errors=True)


def _is_deserted(folder: Path) -> bool:
    """Whether it is this user's, and both who would remove it have died."""
    try:
        handle = _locked(folder, fcntl.LOCK_EX)
    except OSError:
        return False
    try:
        found = os.fstat(handle)
        return found.st_uid == os.geteuid() and time.time() - found.st_mtime > _YOUNG_SECONDS
    finally:
        os.close(handle)


def _locked(folder: Path, how: int) -> int:
    """The folder, opened and locked. Raises OSError where it is none, or locked by others."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def end_marked(mark: str) -> int:
    """Kill every process whose mark begins with ``mark``, and all in their sessions; how many are still there in the end."""
    deadline = time.monotonic() + _KILL_SECONDS
    while (found := _marked(mark)) and time.monotonic() < deadline:
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(_GLANCE_SECONDS)  # psutil's own waiting would take our children's ends from asyncio
    return len(found)


def _marked(mark: str) -> list[psutil.Process]:
    """Sessions count whole: Chromium writes over some of its processes' environments, and hides others'."""
    own = os.getsid(0)
    living = {process: _session(process) for process in psutil.process_iter() if process.pid != os.getpid() and _lives(process)}
    sessions = {session for process, session in living.items() if _mark_of(process).startswith(mark)} - {own, 0}
    return [process for process, session in living.items() if session in sessions]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _session(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid)
    except OSError:
        return 0


def _mark_of(process: psutil.Process) -> str:
    try:
        return process.environ().get(MARK, "")
    except (psutil.Error, OSError):
        return ""


class ChildProcess:
    """One process that takes JSON lines on stdin and writes JSON lines on stdout; stderr is ours. Get it from :meth:`start`."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str, folder: Path, lock: int) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._mark = mark
        self._folder = folder
        self._lock: int | None = lock

    @classmethod
    async def start(cls, command: Sequence[str], first: Mapping[str, Any], home: str, stderr: int | None = None) -> Self:
        """Start ``command`` in a session of its own, and give it its ``first`` line; ``stderr``: a handle instead of this process's.

        Raises OSError, and the storage errors.
        """
        mark = f"{home}:{uuid.uuid4().hex[:8]}"
        with writing("The folder for temporary files"):
            folder = Path(tempfile.mkdtemp(prefix=f"ucm-{mark.replace(':', '-')}-"))  # short: a socket's path has 108 bytes
            lock = _locked(folder, fcntl.LOCK_SH)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                pass_fds=(lock,),
                env={**os.environ, MARK: mark, "TMPDIR": str(folder)},
                limit=_LONGEST_LINE,
            )
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            raise
        child = cls(process, mark, folder, lock)
        child.tell(first)
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def next(self) -> dict[str, Any] | None:
        """The next line that it writes; None once it has ended. May be cancelled and asked again."""
        while line := await self._stdout.readline():
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict):
                    return found
            logger.bind(action="line-not-understood").debug("A job's process wrote {} bytes that are no event", len(line))
        return None

    def tell(self, command: Mapping[str, Any]) -> bool:
        """Give it a line; whether it is still there to take it."""
        if self._stdin.is_closing() or self._process.returncode is not None:
            return False
        self._stdin.write(json.dumps(command).encode() + b"\n")
        return True

    async def end(self) -> None:
        """End it and all that it started, where they have not ended yet, and remove their temporary files."""
        self._stdin.close()
        if left := await in_thread(end_marked, self._mark):
            logger.bind(action="processes-left").error("{} processes of a job can't be killed; the machine may hang on its storage", left)
        with suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                await self._process.wait()
        await in_thread(shutil.rmtree, self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
