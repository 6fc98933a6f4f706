"""A program of the user's own, with a recording's path and a JSON description; it ends in time, with all that it started."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from scraper.disk import writing
from scraper.errors import StorageError
from scraper.handover.interface import Undelivered
from scraper.handover.subject import Farewell, Subject
from scraper.log import mask, scrub
from scraper.settings.sinks import Command
from scraper.store import BLOCK_BYTES, LocalStore, Store
from scraper.threads import in_thread

_PLACE = "{path}"
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER")
#: Of what it says the last so many bytes are looked at, of these the last line is told.
_TAIL_BYTES = 2000
_TOLD = 200
#: How long its output may stay open after its own end, in seconds: something that it started may hold it.
_LINGER_SECONDS = 1.0


class CommandSink:
    """The program gets the description on stdin, the path in its arguments, and few variables: ours hold passwords."""

    def __init__(self, settings: Command, store: Store) -> None:
        self._settings = settings
        self._store = store

    async def deliver(self, subject: Subject | Farewell) -> str:
        """See :meth:`~scraper.handover.interface.Sink.deliver`. Of what was erased there is no path."""
        copying = _at_hand(self._store, subject.recording.path) if isinstance(subject, Subject) else nullcontext()
        path = await in_thread(copying.__enter__)
        try:
            code, said = await self._run(path, json.dumps(subject.described(), ensure_ascii=False).encode())
        finally:
            await in_thread(copying.__exit__, None, None, None)
        if code != 0:
            how = f"ended with code {code}" if code > 0 else f"was ended by signal {-code}"
            raise Undelivered(f"The program {how}{f': {said}' if said else '.'}")
        return ""

    async def close(self) -> None:
        """Nothing is open."""

    async def _run(self, path: Path | None, description: bytes) -> tuple[int, str]:
        argv = [part.replace(_PLACE, str(path or "")) for part in self._settings.argv]
        if path is not None and not any(_PLACE in part for part in self._settings.argv):
            argv.append(str(path))
        environment = {name: os.environ[name] for name in (*_KEPT, *self._settings.environment) if name in os.environ}
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as output:
            try:
                process = _start(argv, environment, description, write_end)
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "its arguments are not valid"
                raise Undelivered(f"The program can't be started: {why}.", unwell=True) from error
            return await _follow(process, output)


async def _follow(process: subprocess.Popen[bytes], output: BinaryIO) -> tuple[int, str]:
    """Its exit code, and what it said at last; afterwards its group is gone, whatever happens."""
    hearing = asyncio.ensure_future(_tail_of(output))
    ending = asyncio.ensure_future(asyncio.to_thread(process.wait))  # asyncio's own would wait for whoever else holds the pipe
    try:
        code = await asyncio.shield(ending)
        await asyncio.wait({hearing}, timeout=_LINGER_SECONDS)
        return code, hearing.result() if hearing.done() else ""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        hearing.cancel()
        await asyncio.gather(hearing, ending, return_exceptions=True)


def _start(argv: list[str], environment: dict[str, str], description: bytes, output: int) -> subprocess.Popen[bytes]:
    """Start it in a group of its own; ``output`` is closed here. It may read the description, or not: it is no pipe that could be full."""
    try:
        with tempfile.TemporaryFile() as told:
            told.write(description)
            told.seek(0)
            return subprocess.Popen(argv, stdin=told, stdout=output, stderr=output, env=environment, start_new_session=True)  # noqa: S603 -- the words are the configuration's own
    finally:
        os.close(output)


async def _tail_of(output: BinaryIO) -> str:
    """The last line of what comes out of a pipe, with numbers masked; the pipe is closed."""
    reader, tail = asyncio.StreamReader(), b""
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), output)
    try:
        while piece := await reader.read(_TAIL_BYTES):
            tail = (tail + piece)[-_TAIL_BYTES:]
    finally:
        transport.close()
    lines = [line for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
    return mask(scrub(lines[-1].strip()[-_TOLD:])) if lines else ""


@contextmanager
def _at_hand(store: Store, path: str) -> Iterator[Path]:
    """The stored file itself where the store is a folder, else a copy for the owner only, as long as it is needed."""
    if isinstance(store, LocalStore):
        yield store.root / path
        return
    with writing("The folder for temporary files"):
        folder = Path(tempfile.mkdtemp(prefix="ucm-handover-"))
    try:
        copy = folder / PurePosixPath(path).name
        handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as target, store.open(path) as source:
                shutil.copyfileobj(source, target, BLOCK_BYTES)
        except OSError as error:
            raise StorageError("A recording's file in the store can't be read.") from error
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)
