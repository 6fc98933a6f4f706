"""What a valid value is, key by key. A refusal is a sentence about the key; it never quotes the value."""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import string
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

from scraper.settings import cron as crons

#: The type of every refusal made here: only messages of this type are shown as they are.
PROBLEM = "problem"

TEMPLATE_FIELDS = frozenset({"ucm", "month", "name", "year", "class"})
_DESTRUCTIVE = ("delete", "remove", "reset", "reboot")


def problem(sentence: str) -> PydanticCustomError:
    """A refusal; ``sentence`` goes on after the key's path and a colon."""
    return PydanticCustomError(PROBLEM, "{sentence}", {"sentence": sentence})


def base_of(info: ValidationInfo) -> Path:
    """The folder where relative paths start."""
    return (info.context or {}).get("base") or Path.cwd()


def from_base(value: Path, info: ValidationInfo) -> Path:
    """An absolute path; ``~`` is the home folder."""
    try:
        return (base_of(info) / value.expanduser()).absolute()
    except RuntimeError:
        raise problem("names a home folder that can't be found") from None


def program(value: Path, info: ValidationInfo) -> Path:
    """A program by its path, or by its bare name on the PATH."""
    found = shutil.which(value.name) if value == Path(value.name) else None
    return Path(found) if found else from_base(value, info)


def secrets_wanted(info: ValidationInfo) -> bool:
    """Whether a secret that can't be had is a problem; what only reads the archive needs none."""
    return bool((info.context or {}).get("secrets", True))


def secret_from_file(raw: Any, key: str, info: ValidationInfo) -> Any:
    """``raw`` with the secret of ``KEY_file`` under ``KEY``, its outer white space stripped; as it is where none is there nor wanted."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get(f"{key}_file"), str | Path):
        return raw
    if raw.get(key) is not None:
        raise problem(f"both {key} and {key}_file are given; keep one")
    secret = trouble = ""
    try:
        secret = from_base(Path(raw[f"{key}_file"]), info).read_text("utf-8").strip()
    except UnicodeDecodeError:
        trouble = "is not UTF-8 text"
    except (OSError, ValueError) as error:
        trouble = f"can't be read ({getattr(error, 'strerror', None) or 'not a path'})"
    if secret:
        return {**raw, key: secret}
    if secrets_wanted(info):
        raise problem(f"the file of {key}_file {trouble or 'is empty'}")
    return raw


def not_empty(value: str) -> str:
    """A text with something in it."""
    if not value.strip():
        raise problem("is empty")
    return value


def not_empty_secret(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """A secret with something in it."""
    if not value.get_secret_value() and secrets_wanted(info):
        raise problem("is empty")
    return value


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value.strip())
        _ = parts.port, parts.hostname
    except ValueError:
        raise problem("is not a URL with a valid host and port") from None
    return parts


def pbx_url(value: str) -> str:
    """``http(s)://HOST[:PORT]``, without the trailing slash."""
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise problem("must be a URL such as https://pbx.example.com:8089")
    if "@" in parts.netloc:
        raise problem("must not carry a user name or password; they belong under web or api")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise problem("must end after host and port")
    if re.search(r"[\s\\]", parts.netloc) or parts.port == 0:
        raise problem("is not a URL with a valid host and port")
    return f"{parts.scheme}://{parts.netloc}"


def is_plain(url: str) -> bool:
    """Whether ``url`` leaves this machine without TLS."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return parts.scheme == "http" and not here


def store_url(value: str, info: ValidationInfo) -> str:
    """A folder as an absolute path, or ``s3://bucket/prefix`` as it is."""
    parts = _split(value)
    if parts.scheme == "s3":
        if not parts.netloc:
            raise problem("needs a bucket: s3://bucket/prefix")
        return value
    if parts.scheme == "file":
        return str(from_base(Path(unquote(parts.path)), info))
    if "://" in value:
        raise problem("must be a folder, or s3://bucket/prefix")
    return str(from_base(Path(not_empty(value)), info))


def catalog_url(value: str, info: ValidationInfo) -> str:
    """An SQLAlchemy URL; a relative SQLite path is made absolute."""
    scheme, separator, rest = value.partition("://")
    if scheme in ("sqlite", "sqlite+pysqlite") and separator:
        path, mark, query = rest.removeprefix("/").partition("?")
        if not path or path == ":memory:":
            raise problem("needs a file: sqlite:///PATH")
        return f"{scheme}:///{from_base(Path(path), info)}{mark}{query}"
    if scheme in ("postgresql", "postgresql+psycopg") and rest:
        return value
    raise problem("must be sqlite:///PATH or postgresql+psycopg://…")


def password_in_url(value: str) -> Iterator[str]:
    """The password that a URL carries, if any, as written and decoded."""
    found = re.match(r"[^:/]+://[^:@/]*:([^@]+)@", value)
    if found:
        yield from dict.fromkeys((found[1], unquote(found[1])))


def template(value: str) -> str:
    """A relative place built from the allowed fields, ending in the name."""
    try:
        parsed = list(string.Formatter().parse(value))
    except ValueError:
        raise problem("has an unbalanced brace") from None
    fields = {field for _, field, _, _ in parsed if field is not None}
    if fields - TEMPLATE_FIELDS or any(spec or conversion for _, _, spec, conversion in parsed):
        raise problem("may hold the fields {ucm}, {month}, {name}, {year} and {class} only")
    parts = value.split("/")
    if "{name}" not in parts[-1]:
        raise problem("must end in {name}")
    if any(part in ("", ".", "..") for part in parts) or "\\" in value:
        raise problem("must be a relative place without . or ..")
    return value


def cron(value: str) -> str:
    """Five fields that come true some day."""
    try:
        crons.check(value)
    except ValueError as error:
        raise problem(str(error)) from None
    return value


def duration(value: str) -> str:
    """A number of minutes, hours or days: ``30m``, ``6h``, ``1d``; at least a minute."""
    seconds_of(value)
    return value


def seconds_of(value: str) -> float:
    """The seconds of a :func:`duration`."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})\s*([mhd])", value.strip())
    if not found:
        raise problem("must be an interval such as 30m, 6h or 1d")
    return int(found[1]) * {"m": 60.0, "h": 3600.0, "d": 86400.0}[found[2]]


def quiet_hours(value: list[str]) -> list[str]:
    """Spans such as ``08:00-18:00`` and ``mon-fri 08:00-18:00``; one may go over midnight."""
    day, time = r"(?:mon|tue|wed|thu|fri|sat|sun)", r"(?:[01]\d|2[0-3]):[0-5]\d"
    if not all(re.fullmatch(rf"(?:{day}(?:-{day})? )?{time}-{time}", span) for span in value):
        raise problem("must be spans such as 08:00-18:00 or mon-fri 08:00-18:00")
    return value


def listen(value: str) -> str:
    """``HOST:PORT``, where the host is an address or ``localhost``."""
    host, port = address_of(value)
    if host != "localhost":
        try:
            ip_address(host)
        except ValueError:
            raise problem("must be ADDRESS:PORT, such as 127.0.0.1:8080 or 0.0.0.0:8443") from None
    if not 0 <= port <= 65535:
        raise problem("has a port beyond 65535")
    return value


def address_of(value: str) -> tuple[str, int]:
    """(host, port) of a :func:`listen`; port 0 is one that is free."""
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port):
        raise problem("must be ADDRESS:PORT, such as 127.0.0.1:8080 or 0.0.0.0:8443")
    return host.strip("[]"), int(port)


def is_loopback(value: str) -> bool:
    """Whether nobody but this machine reaches a :func:`listen`."""
    host, _ = address_of(value)
    return host == "localhost" or ip_address(host).is_loopback


def networks(value: list[str]) -> list[str]:
    """Addresses, or networks such as 10.0.0.0/8."""
    for one in value:
        try:
            ip_network(one)
        except ValueError:
            raise problem("must be addresses or networks, such as 10.0.0.1 or 10.0.0.0/8") from None
    return value


def token(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """A secret that can't be guessed."""
    if len(value.get_secret_value()) < 16 and secrets_wanted(info):
        raise problem("is too short: at least 16 characters")
    return value


def secret_url(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """An http(s) address that is a secret itself."""
    parts = _split(value.get_secret_value())
    if secrets_wanted(info) and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise problem("must be a URL such as https://hc.example.com/ping/ID")
    return value


def pin(value: str) -> str:
    """curl's form of a pinned key: ``sha256//`` and the base64 of 32 bytes."""
    try:
        raw = base64.b64decode(value.removeprefix("sha256//"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not value.startswith("sha256//") or len(raw) != 32:
        raise problem("must be sha256// and the base64 of 32 bytes, as curl's --pinnedpubkey takes it")
    return value


def timezone(value: str) -> str:
    """A zone that this machine knows."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise problem("is no known time zone; write one such as America/Chicago or UTC") from None
    return value


def actions(value: list[str]) -> list[str]:
    """Names of /cgi actions; none that destroys."""
    for name in value:
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise problem("holds something that is no action name (letters, digits and _)")
        if any(word in name.lower() for word in _DESTRUCTIVE):
            raise problem(f"must not allow an action that holds {', '.join(_DESTRUCTIVE[:-1])} or {_DESTRUCTIVE[-1]}")
    return value


def plain_name(value: str) -> str:
    """A word for machines."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}", value):
        raise problem("may hold letters, digits, dot, dash and underscore only, at most 63, not dot or dash first")
    return value


def fernet_keys(value: list[SecretStr], info: ValidationInfo) -> list[SecretStr]:
    """Keys as `config key` makes them: 32 bytes in base64 that is safe in URLs."""
    for key in value:
        try:
            raw = base64.b64decode(key.get_secret_value(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != 32 and secrets_wanted(info):
            raise problem("holds something that is no key; make one with `ucm-scraper config key`")
    return value


def ucm_names(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """At least one; each a plain name, distinct also where upper and lower case are one."""
    if not value:
        raise problem("holds no UCM; add at least one")
    seen: dict[str, str] = {}
    for name in value:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
            raise problem(f"the name {name!r} may hold letters, digits, dot, dash and underscore only, at most 100, not dot or dash first")
        if name.lower() in seen:
            raise problem(f"the names {seen[name.lower()]!r} and {name!r} differ in case only")
        seen[name.lower()] = name
    return value
