"""What a command asks of the kernel to write, flush, name and let go of files, in order: as strace sees it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian import program

_CALLS = "write,writev,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
_LONGEST = 8192
_DEADLINE = 120.0
_BEGUN = re.compile(rb"(\d+) +(\w+)\((.*)")
_RESUMED = re.compile(rb"(\d+) +<\.\.\. (\w+) resumed>(.*)")
_UNFINISHED = b" <unfinished ...>"
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_FILE = re.compile(rb"\d+<([^>]*)>")
_RESULT = re.compile(rb"= (-?\d+)[^=]*$")


@dataclass(frozen=True)
class Call:
    """A call that succeeded. It happened between the lines ``begun`` and ``ended`` of the trace.

    ``name``: ``link`` stands for ``linkat`` as well, and so on. ``paths``: the file of its handle, or those that it names. ``data``: what
    it wrote.
    """

    name: str
    paths: tuple[str, ...]
    data: bytes
    begun: int
    ended: int


def traced(command: Sequence[str], trace: Path) -> list[Call]:
    """Run a command, which must end in 0, and return its calls in the order in which they ended."""
    options = ["-f", "-y", "--seccomp-bpf", "-s", str(_LONGEST), "-e", f"trace={_CALLS}", "-e", "signal=none", "-o", str(trace)]
    done = subprocess.run([program("strace"), *options, *command], capture_output=True, timeout=_DEADLINE, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return list(_calls(trace.read_bytes().splitlines()))


def _calls(lines: Sequence[bytes]) -> Iterator[Call]:
    open_calls: dict[bytes, tuple[bytes, bytes, int]] = {}
    for number, line in enumerate(lines):
        if resumed := _RESUMED.match(line):
            name, text, begun = open_calls.pop(resumed[1])
            text += resumed[3]
        elif not (found := _BEGUN.match(line)):
            continue
        elif line.endswith(_UNFINISHED):
            open_calls[found[1]] = (found[2], found[3].removesuffix(_UNFINISHED), number)
            continue
        else:
            name, text, begun = found[2], found[3], number
        if (result := _RESULT.search(text)) and int(result[1]) >= 0:
            yield _call(name.decode(), text, begun, number)


def _call(name: str, text: bytes, begun: int, ended: int) -> Call:
    texts, plain = [_plain(found) for found in _TEXT.findall(text)], name.removesuffix("2").removesuffix("at")
    if plain == name and (handle := _FILE.match(text)):
        return Call(name, (handle[1].decode(),), b"".join(texts), begun, ended)
    return Call(plain, tuple(one.decode() for one in texts), b"", begun, ended)


def _plain(text: bytes) -> bytes:
    """What strace shows in C's notation."""
    return text.decode("unicode_escape").encode("latin-1")
