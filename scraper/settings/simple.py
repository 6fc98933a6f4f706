"""Without a file: one UCM called ``default`` from ``UCM_IP``, ``UCM_USERNAME`` and their kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any

from scraper.settings.problems import Problem

_WEB, _API = "UCM_", "UCM_API_"
_NAMES = ("IP", "PORT", "USERNAME", "PASSWORD", "PASSWORD_FILE")
#: Where the problems of missing passwords stand.
SECRETS = {(f"{prefix}PASSWORD",) for prefix in (_WEB, _API)}
VARIABLES = (*(_WEB + name for name in _NAMES), *(_API + name for name in _NAMES[2:]))


def default_ucm(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, Any] | None:
    """The UCM that the variables describe, None if none of them is set. An empty variable counts as unset; IPv6 gets its brackets."""
    given = {name: environ[name] for name in VARIABLES if environ.get(name, "").strip()}
    if not given:
        return None
    users = {section: user for section, prefix in (("web", _WEB), ("api", _API)) if (user := _user(given, prefix, problems))}
    if not users:
        problems.append(Problem(("UCM_USERNAME",), "is not set, nor is UCM_API_USERNAME"))
    return {"url": f"https://{_host(given, problems)}:{_port(given, problems)}", **users}


def _user(given: Mapping[str, str], prefix: str, problems: list[Problem]) -> dict[str, str]:
    user = {name.lower(): given[prefix + name] for name in _NAMES[2:] if prefix + name in given}
    if user and "username" not in user:
        problems.append(Problem((f"{prefix}USERNAME",), "is not set, but its password is"))
    if user and len(user) == 1 and "username" in user:
        problems.append(Problem((f"{prefix}PASSWORD",), "is not set, nor is its _FILE, but its user name is"))
    return user


def _host(given: Mapping[str, str], problems: list[Problem]) -> str:
    host = given.get("UCM_IP", "").strip()
    if not host:
        problems.append(Problem(("UCM_IP",), "is not set, but others of its kind are"))
    elif re.search(r"[/@\s]", host) or (":" in host and not _is_ipv6(host)):
        problems.append(Problem(("UCM_IP",), "must be an address or a name alone; the port belongs in UCM_PORT"))
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _port(given: Mapping[str, str], problems: list[Problem]) -> str:
    port = given.get("UCM_PORT", "8089").strip()
    if not re.fullmatch(r"[1-9]\d{0,4}", port, re.ASCII) or int(port) > 65535:
        problems.append(Problem(("UCM_PORT",), "must be a port number, such as 8089"))
    return port
