"""The commented starter, generated from the models: what is active shows the contract's example, the rest its description and default."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scraper.settings.model import Settings
from scraper.settings.problems import model_at

_WIDTH = 110
_TITLE = """\
# Configuration of ucm-scraper. Check it with `ucm-scraper config check`, see what counts with `ucm-scraper config show`.
# Keys that are commented out show their defaults. Relative paths start at this file.
# ${NAME} and ${NAME:-default} are taken from the environment, or from a file .env beside this one; $${ stands for ${.
# UCM_SCRAPER__STORE__URL=… in the environment sets store.url, and so on; a secret can stand in a file of its own (password_file).
"""

#: The contract's example: the keys that are active in the starter, but for sections in :data:`_OFF`.
_EXAMPLE: Mapping[str, Any] = {
    "data_dir": "./data",
    "store": {"url": "./data/recordings"},
    "catalog": {"url": "sqlite:///./data/catalog.db"},
    "schedule": {"cron": "*/30 * * * *"},
    "ucms": {
        "head-office": {
            "url": "https://pbx.example.com:8089",
            "timezone": "America/Chicago",
            "tls": {"verify": True, "ca_file": None, "pin": None, "legacy": False},
            "web": {"username": "backup", "password": "${UCM_WEB_PASSWORD}"},
            "api": {"username": "cdrapi", "password": "${UCM_API_PASSWORD}", "kind": "auto", "url": None},
        }
    },
}
#: Shown with the example's values, yet commented out: the HTTPS API is switched off on most PBXs.
_OFF = {("ucms", "head-office", "api")}


def sample() -> str:
    """The starter, as ``config init`` writes it."""
    return _TITLE + "".join(f"{line}\n" for line in _section(Settings, _EXAMPLE, ()))


def _section(model: type[BaseModel], shown: Mapping[str, Any], path: tuple[str, ...], *, off: bool = False) -> Iterator[str]:
    """The lines of a section with the values ``shown``; ``off``: it is commented out as a whole, so its keys are not once more."""
    for name, field in model.model_fields.items():
        if not path:
            yield ""
        key = (*path, name)
        on = name in shown and key not in _OFF
        yield from _comment(field)
        lines = _key(field, key, shown.get(name, _default(field)), off=off or not on)
        yield from lines if on or off else (f"# {line}" for line in lines)


def _key(field: FieldInfo, path: tuple[str, ...], given: Any, *, off: bool) -> Iterator[str]:
    """A key with its value or with what stands below it."""
    name, section = path[-1], model_at(path, Settings)
    if section:
        yield f"{name}:"
        yield from (f"  {line}" for line in _section(section, given if isinstance(given, Mapping) else {}, path, off=off))
    elif isinstance(given, Mapping):
        yield f"{name}:"
        for key, value in given.items():
            below = model_at((*path, key), Settings)
            assert below is not None
            yield f"  {key}:"
            yield from (f"    {line}" for line in _section(below, value, (*path, key)))
    else:
        yield f"{name}: {_scalar(given)}"


def _comment(field: FieldInfo) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(field.description or "", _WIDTH)]


def _default(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default()


def _scalar(value: Any) -> str:
    """A value as YAML; text with signs that mean something in YAML stands in double quotes."""
    if isinstance(value, str) and re.search(r"[${}*#]", value):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000).strip().removesuffix("...").strip()
