"""Problems of a configuration: all at once, each by its path, never with a value."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from scraper.errors import ConfigError
from scraper.settings.checks import PROBLEM

Path = tuple[str, ...]

#: What pydantic's error types mean to a person. Its own messages may quote the input, so they are shown only where they can't.
_SENTENCES = {
    "missing": "is required",
    "string_type": "must be text; put it in quotes",
    "string_sub_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
    "path_type": "must be a path",
    "recursion_loop": "holds itself",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct; ``path`` is empty where it concerns the file as a whole. ``file``: the included one that it stands in."""

    path: Path
    sentence: str
    file: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, ".".join(self.path), self.sentence)))


def error_of(problems: Iterable[Problem], where: str) -> ConfigError:
    """One error that lists them all; ``where`` names the file or the environment."""
    lines = list(dict.fromkeys(str(problem) for problem in problems))
    if len(lines) == 1:
        return ConfigError(f"{where}: {lines[0]}", problems=lines)
    return ConfigError("\n  ".join([f"{where} has {len(lines)} problems:", *lines]), problems=lines)


def from_validation(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """pydantic's errors as problems."""
    return [_problem(details, root) for details in error.errors(include_url=False, include_input=False)]


def _problem(details: Mapping[str, Any], root: type[BaseModel]) -> Problem:
    path = tuple(str(part) for part in details["loc"] if part != "[key]")
    kind, context = details["type"], details.get("ctx", {})
    if kind == PROBLEM:
        return Problem(path, details["msg"])
    if kind == "extra_forbidden":
        return Problem(path, "unknown key" + _suggestion(path, root))
    if kind == "literal_error":
        return Problem(path, f"must be one of {context['expected']}".replace("'", ""))
    if kind in ("greater_than", "greater_than_equal"):
        return Problem(path, f"must be more than {context['gt']:g}" if "gt" in context else f"must be at least {context['ge']:g}")
    return Problem(path, _SENTENCES.get(kind, f"is not valid ({kind})"))


def _suggestion(path: Path, root: type[BaseModel]) -> str:
    parent = model_at(path[:-1], root)
    known = sorted(parent.model_fields) if parent else []
    close = difflib.get_close_matches(path[-1].lower().replace("-", "_"), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}" if known else ""


def model_at(path: Sequence[str], root: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the section at ``path``, or None where there is no section."""
    kind: Any = root
    for part in path:
        kind = kind_below(kind, part)
    found = _section(kind)
    return found if isinstance(found, type) else None


def kind_below(kind: Any, part: str) -> Any:
    """The declared type of key ``part`` in a section or mapping of type ``kind``; None if there is none."""
    section = _section(kind)
    if isinstance(section, type) and issubclass(section, BaseModel):
        field = section.model_fields.get(part)
        return field.annotation if field else None
    if typing.get_origin(section) is dict:
        return typing.get_args(section)[1]
    return None


def _section(kind: Any) -> Any:
    """The section or mapping behind ``X | None`` and ``Annotated``; None for any other type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if typing.get_origin(kind) is dict:
        return kind
    return next((found for inner in typing.get_args(kind) if (found := _section(inner)) is not None), None)
