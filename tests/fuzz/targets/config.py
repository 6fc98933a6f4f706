"""The configuration: a main file, an included one, `.env` or a variable; valid settings or one error that lists what is wrong."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scraper.errors import ConfigError
from scraper.settings.loader import load
from scraper.settings.sample import sample

#: The value of ``${KNOWN}``: must stand in no message. (A key may: it is named where it isn't known.)
SECRET = "hunter2-never-shown"
_UCM = """\
url: https://pbx.example.com:8089
timezone: America/Chicago
tls: {verify: true, pin: null}
web: {username: backup, password: "${KNOWN}"}
api: {username: cdrapi, password: "${KNOWN}", kind: auto}
"""
_MAIN, _INCLUDED, _DOTENV, _VARIABLE = range(4)
#: These lead to other files, and a pattern may mean a whole disk.
_ELSEWHERE = re.compile(rb"include|_file|INCLUDE|_FILE", re.IGNORECASE)
_TEMPORARY = tempfile.TemporaryDirectory(prefix="fuzz-config-")
_FOLDER = Path(_TEMPORARY.name)

WORDS = (
    *(
        b"!!int ",
        b"!!float ",
        b"!!bool ",
        b"!!timestamp ",
        b"!!binary ",
        b"!!set ",
        b"!!omap ",
        b"!!pairs ",
        b"!!null ",
        b"!!str ",
        b"!!map ",
    ),
    *(
        b"&a ",
        b"*a",
        b"<<: ",
        b"- ",
        b": ",
        b"? ",
        b"|\n",
        b">-\n",
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
        b"{",
        b"}",
        b"[",
        b"]",
        b"#",
        b"\n  ",
    ),
    *(
        b"${",
        b"${KNOWN}",
        b"${A:-",
        b"$${",
        b"ucms:",
        b"url:",
        b"store:",
        b"notify:",
        b"limits:",
        b"sinks:",
        b"null",
        b".inf",
        b".nan",
        b"1:59",
    ),
    *(b"0x", b"0b1", b"1_0", b"2026-01-01", b" 10:00:00 +99:99", b"s3://a/b", b"sqlite:///a", b"postgresql://a", b"UCMS__A__", b"STORE__"),
)


def target(data: bytes) -> None:
    """The first byte chooses where the rest stands."""
    where, body = (data[0] if data else 0) % 4, data[1:]
    if _ELSEWHERE.search(body):
        return
    main, environ = f"ucms:\n  a:\n{_indented(_UCM)}include: part.yaml\n".encode(), {"KNOWN": SECRET}
    (_FOLDER / "config.yaml").write_bytes(body if where == _MAIN else main)
    (_FOLDER / "part.yaml").write_bytes(body if where == _INCLUDED else b"{}")
    (_FOLDER / ".env").write_bytes(body if where == _DOTENV else b"")
    if where == _VARIABLE:
        name, _, value = body.partition(b"=")
        environ[f"UCM_SCRAPER__{os.fsdecode(name)}"] = os.fsdecode(value)
    try:
        load(_FOLDER / "config.yaml", environ)
    except ConfigError as error:
        assert error.message and SECRET not in f"{error.message} {error.evidence}"


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def seeds() -> Iterator[bytes]:
    """The starter in pieces, with every key, and what each of the four places holds."""
    starter = sample()
    yield bytes([_MAIN]) + f"ucms:\n  a:\n{_indented(_UCM)}".encode()
    for part in starter.split("\n\n"):
        keys = "\n".join(line.replace("# ", "", 1) for line in part.splitlines())
        yield bytes([_MAIN]) + f"{keys}\nucms:\n  a:\n{_indented(_UCM)}".encode()
    yield bytes([_INCLUDED]) + f"b:\n{_indented(_UCM)}c: {{url: https://192.0.2.1}}\n".encode()
    yield bytes([_DOTENV]) + b"KNOWN=x\nexport A='b c'\nUCM_SCRAPER__STORE__URL=./x\n# no\n"
    for line in (b"STORE__URL=./data", b"UCMS__A__WEB__USERNAME=x", b"NOTIFY__URLS=[a, b]", b"SCHEDULE={every: 5m}", b"LOG__LEVEL=debug"):
        yield bytes([_VARIABLE]) + line
    yield bytes([_MAIN]) + b"a: &a [x, x]\nb: &b [*a, *a]\nc: {<<: {d: 1}, e: !!int 0x1F, f: 2026-01-01 10:00:00 +01:00}\ng: ${KNOWN:-x}\n"
