"""Reading the configuration file: YAML, with everything that can be wrong with a file said by line, never by value."""

from __future__ import annotations

import io
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from scraper.errors import ConfigError


class _DuplicateKey(Exception):
    """A mapping holds a key twice."""


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses double keys and keys that aren't text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise _DuplicateKey(f"line {line}: a key must be text; put it in quotes")
            if key.value in seen:
                raise _DuplicateKey(f"line {line}: the key {key.value!r} stands in line {seen[key.value]} already")
            seen[key.value] = line
        return super().construct_mapping(node, deep)


def read_text(path: Path) -> str:
    """A text file, without its byte order mark. Raises :class:`ConfigError` with the reason."""
    try:
        if path.is_dir():
            raise ConfigError(
                f"{path} is a folder, not a file.",
                remedy="Docker makes a folder where the file to mount doesn't exist: create the file first.",
            )
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist.", remedy="Write one with `ucm-scraper config init`, or correct --config.") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.", remedy="Correct its permissions.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start + 1}).", remedy="Save it as UTF-8.") from error


def read_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping that ``text`` holds. Raises :class:`ConfigError` with the line for what is no valid YAML."""
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader
    except _DuplicateKey as error:
        raise ConfigError(f"{where}, {error}.") from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_marked(error, where), remedy="Text that begins with one of * & ! % @ ` | > must stand in quotes.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not valid YAML ({type(error).__name__}).") from None
    if found is None:
        raise ConfigError(f"{where} is empty.", remedy="Write a starter with `ucm-scraper config init`.")
    if not isinstance(found, dict):
        raise ConfigError(f"{where} must hold keys and values, such as `data_dir: ./data`.")
    return found


def _marked(error: yaml.MarkedYAMLError, where: str) -> str:
    """PyYAML's complaint with its place; what it quotes from the file is left out."""
    mark = error.problem_mark or error.context_mark
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    what = re.sub(r"['\"].*['\"]", "…", error.problem or "it can't be parsed", flags=re.DOTALL)
    return f"{where}{place}: not valid YAML ({what})."


def read_dotenv(path: Path) -> Mapping[str, str]:
    """The variables of a ``.env`` file, as written: nothing is expanded. Empty where there is no such file."""
    if not path.is_file():
        return {}
    values = dotenv_values(stream=io.StringIO(read_text(path)), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}
