"""Reading the configuration file: YAML, with everything that can be wrong with a file said by line, never by value."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values
from yaml.constructor import SafeConstructor
from yaml.reader import ReaderError

from scraper.errors import ConfigError

#: How deep a file may be nested at most for the fast loader: its stack bears 20,000.
_DEEP = 10_000
#: Values of a file with its aliases written out, and keys of a mapping with what is merged into it: thousands of UCMs have fewer. A few
#: lines of aliases of aliases stand for more than any memory holds.
_MOST_VALUES, _MOST_KEYS = 100_000, 10_000


class _Refused(Exception):
    """A mapping that is no part of any configuration."""


class _Strict(SafeConstructor):
    """Refuses double keys, keys that aren't text, and mappings merged over and over."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise _Refused(f"line {node.start_mark.line + 1}: more than {_MOST_KEYS:,} keys stand together")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise _Refused(f"line {line}: a key must be text; put it in quotes")
            if key.value in seen:
                raise _Refused(f"line {line}: the key {key.value!r} stands in line {seen[key.value]} already")
            seen[key.value] = line
        return super().construct_mapping(node, deep)


class _Loader(_Strict, yaml.SafeLoader):
    """A safe loader that is strict."""


class _FastLoader(_Strict, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which of them it is, turns out at the start
    """The same in C, ten times as fast. It recurses on C's stack: nothing that may be nested too deeply is for it."""


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
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start + 1:,}).", remedy="Save it as UTF-8.") from error


def read_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping that ``text`` holds. Raises :class:`ConfigError` with the line for what is no valid YAML."""
    try:
        found = _loaded(text)
    except _Refused as error:
        raise ConfigError(f"{where}, {error}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _not_yaml(where, text, mark.index if mark else 0) from None
    except ReaderError as error:  # a character that YAML does not allow
        raise _not_yaml(where, text, error.position) from None
    except RecursionError:
        raise ConfigError(f"{where} is nested too deeply.") from None
    except (ValueError, LookupError, AttributeError):  # the last two where a tag such as !!int promises what isn't there
        raise ConfigError(f"{where} holds a date or number that doesn't exist.", remedy="Put it in quotes where it is text.") from None
    if found is None:
        raise ConfigError(f"{where} is empty.", remedy="Write a starter with `ucm-scraper config init`.")
    if not isinstance(found, dict):
        raise ConfigError(f"{where} must hold keys and values, such as `data_dir: ./data`.")
    if _is_endless(found):
        raise ConfigError(f"{where} holds itself, or more than {_MOST_VALUES:,} values.")
    return found


def _loaded(text: str) -> Any:
    """What ``text`` holds. What is wrong with it, the slow loader says: its marks are those of the file."""
    deepest = text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
    if deepest <= _DEEP:
        with suppress(yaml.YAMLError):
            return yaml.load(text, _FastLoader)  # noqa: S506 -- a SafeLoader
    return yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader


def _is_endless(found: dict[str, Any]) -> bool:
    """Whether it comes to too many values once its aliases are written out."""
    waiting: list[Any] = [found]
    values = 0
    while waiting and values <= _MOST_VALUES:
        node = waiting.pop()
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        values += len(inner)
        waiting += inner
    return values > _MOST_VALUES


def _not_yaml(where: str, text: str, index: int) -> ConfigError:
    """The place alone: what PyYAML says of it quotes the file, and helps nobody who doesn't know its grammar."""
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    return ConfigError(
        f"{where} is not valid YAML at line {line}, column {column}, or just before it.",
        remedy="Look for wrong indentation, a missing colon or bracket; text that begins with * & ! % @ ` | > or holds {} needs quotes.",
    )


def read_dotenv(path: Path) -> Mapping[str, str]:
    """The variables of a ``.env`` file, as written: nothing is expanded. Empty where there is no such file."""
    if not path.is_file():
        return {}
    values = dotenv_values(stream=io.StringIO(read_text(path)), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}
