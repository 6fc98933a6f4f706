"""Settings from defaults < file < environment < flags, with the origin of each value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from scraper.errors import ConfigError
from scraper.settings.base import Origin
from scraper.settings.expand import Unexpandable, expand
from scraper.settings.file import read_dotenv, read_text, read_yaml
from scraper.settings.include import included, with_paths_from
from scraper.settings.model import Settings
from scraper.settings.problems import Path, Problem, error_of, from_validation, kind_below, model_at
from scraper.settings.simple import SECRETS, VARIABLES, default_ucm

PREFIX = "UCM_SCRAPER__"
CONFIG_VARIABLE = "UCM_SCRAPER_CONFIG"
DEFAULT_FILE = FilePath("config.yaml")


@dataclass(slots=True)
class _Layers:
    """The configuration while it is put together, lowest layer first."""

    raw: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Origin] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    #: Whether a secret that can't be had is a problem.
    secrets: bool = True
    #: By a UCM's name in lower case: the file that it stands in, as problems call it.
    homes: dict[str, str] = field(default_factory=dict)

    def put(self, path: Path, value: Any, origin: Origin) -> None:
        """Set one value; a mapping is merged key by key."""
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                self.put((*path, str(key)), inner, origin)
            return
        node = self.raw
        for part in path[:-1]:
            if not isinstance(node.get(part), dict):
                node[part] = {}
            node = node[part]
        node[path[-1]] = value
        # A secret and its file displace each other, so that a higher layer may use the other form.
        twin = path[-1].removesuffix("_file") if path[-1].endswith("_file") else f"{path[-1]}_file"
        if twin in node and self.origins.get((*path[:-1], twin), origin) != origin:
            del node[twin]
        self.origins[path] = origin


def load(path: FilePath | None, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None, *, secrets: bool = True) -> Settings:
    """The configuration. ``path`` is that of ``--config``; None: ``UCM_SCRAPER_CONFIG``, else ``./config.yaml``, else none.

    ``.env`` in the working directory and beside the file completes ``environ`` and never overrides it. ``flags``: values by dotted path.
    Without ``secrets`` those whose variable or file is missing are left out: what only reads the archive doesn't need them.
    Raises :class:`ConfigError` with all problems at once.
    """
    environ = {**read_dotenv(FilePath(".env")), **environ}
    file = find_file(path, environ)
    layers = _Layers(secrets=secrets)
    if file:
        environ = {**read_dotenv(file.parent / ".env"), **environ}
        _put_file(layers, file, environ)
        _put_environment(layers, {name: value for name, value in environ.items() if name.upper() == f"{PREFIX}INCLUDE"})
        _put_included(layers, file, environ)
    elif ucm := default_ucm(environ, layers.problems):
        layers.put(("ucms", "default"), ucm, "environment")
    if not secrets:
        layers.problems = [problem for problem in layers.problems if problem.path not in SECRETS]
    _put_environment(layers, environ)
    for name, value in (flags or {}).items():
        layers.put(tuple(name.split(".")), value, "flag")
    return _validated(layers, file)


def find_file(path: FilePath | None, environ: Mapping[str, str]) -> FilePath | None:
    """The configuration file to read: the one asked for, even if it doesn't exist; else the default one if it does."""
    if path is not None:
        return path
    if environ.get(CONFIG_VARIABLE):
        return FilePath(environ[CONFIG_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.exists() or DEFAULT_FILE.is_symlink() else None


def _put_file(layers: _Layers, file: FilePath, environ: Mapping[str, str]) -> None:
    found = read_yaml(read_text(file), str(file))
    try:
        expanded = _expanded(found, (), environ, layers)
    except RecursionError:
        raise ConfigError(f"{file} holds itself, or is nested too deeply.") from None
    for key, value in expanded.items():
        layers.put((key,), value, "file")


def _put_included(layers: _Layers, main: FilePath, environ: Mapping[str, str]) -> None:
    """The UCMs of the files that ``include`` names."""
    base, usual = main.parent.absolute(), Settings.model_fields["include"].get_default()
    ucms = layers.raw.get("ucms")
    layers.homes = {name.lower(): main.name for name in ucms} if isinstance(ucms, Mapping) else {}
    seen = set[FilePath]()
    for pattern, files in included(layers.raw.get("include", usual), base):
        if not files and pattern not in usual:
            layers.problems.append(Problem(("include",), f"{pattern} fits no file"))
        for file in files:
            if file not in seen:
                _put_one_included(layers, file, str(file.relative_to(base)) if file.is_relative_to(base) else str(file), environ)
        seen.update(files)


def _put_one_included(layers: _Layers, file: FilePath, shown: str, environ: Mapping[str, str]) -> None:
    try:
        found = read_yaml(read_text(file), shown)
        sections = {name: with_paths_from(file.parent, _expanded(found[name], ("ucms", name), environ, layers)) for name in found}
    except ConfigError as error:
        layers.problems.append(Problem((), error.message.removesuffix(".")))
        return
    except RecursionError:
        layers.problems.append(Problem((), "holds itself, or is nested too deeply", shown))
        return
    for name, section in sections.items():
        home = layers.homes.setdefault(name.lower(), shown)
        if home != shown:
            layers.problems.append(Problem((name,), f"stands in {home} already", shown))
        else:
            layers.put(("ucms", name), section, shown)


def _expanded(value: Any, path: Path, environ: Mapping[str, str], layers: _Layers) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(inner, (*path, str(key)), environ, layers) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expanded(inner, (*path, str(index)), environ, layers) for index, inner in enumerate(value)]
    if isinstance(value, str):
        try:
            return expand(value, environ)
        except Unexpandable as error:
            if not layers.secrets and "Secret" in str(_kind_at((*path[:-1], path[-1].removesuffix("_file")))):
                return None
            layers.problems.append(Problem(path, str(error)))
    return value


def _put_environment(layers: _Layers, environ: Mapping[str, str]) -> None:
    """``UCM_SCRAPER__A__B=value``: names match whatever their case, and ``_`` for ``-`` and ``.``; an empty value counts as none."""
    for variable in sorted(environ):
        value = environ[variable]
        if not variable.upper().startswith(PREFIX) or not value:
            continue
        path = _path_of(variable, layers)
        if path is None:
            continue
        try:
            layers.put(path, _typed(value, path, variable), "environment")
        except ConfigError as error:
            layers.problems.append(Problem(path, error.message))
        layers.variables[path] = variable


def _path_of(variable: str, layers: _Layers) -> Path | None:
    path: Path = ()
    node: Any = layers.raw
    for part in variable[len(PREFIX) :].split("__"):
        section = model_at(path, Settings)
        known = [*(section.model_fields if section else ()), *(node if isinstance(node, Mapping) else ())]
        matching = sorted({name for name in known if _plain(str(name)) == _plain(part)})
        if not part or len(matching) > 1:
            why = f"fits {' and '.join(matching)} alike; set it in the file" if matching else "names no key"
            layers.problems.append(Problem((variable,), why))
            return None
        name = matching[0] if matching else part.lower()
        node = node.get(name) if isinstance(node, Mapping) else None
        path = (*path, name)
    return path


def _plain(name: str) -> str:
    return re.sub(r"[-.]", "_", name).lower()


def _typed(value: str, path: Path, variable: str) -> Any:
    """YAML where a list or a section is wanted and the value looks like one; else the text itself (a password may begin with ``[``)."""
    kind = _kind_at(path)
    structured = model_at(path, Settings) is not None or "list" in str(kind) or "dict" in str(kind)
    if structured and value.lstrip()[:1] in ("[", "{"):
        return read_yaml(f"value: {value}", variable)["value"]
    return None if value == "null" and "None" in str(kind) and "Secret" not in str(kind) else value


def _kind_at(path: Path) -> Any:
    kind: Any = Settings
    for part in path:
        kind = kind_below(kind, part)
    return kind


def _validated(layers: _Layers, file: FilePath | None) -> Settings:
    where = str(file) if file else "The environment"
    if file is None and not layers.raw.get("ucms") and not layers.problems:
        raise ConfigError(
            "There is no configuration: neither ./config.yaml, nor --config, nor UCM_IP, UCM_USERNAME and UCM_PASSWORD in the environment.",
            remedy="Write a starter with `ucm-scraper config init`; or look at `ucm-scraper demo`, which needs none.",
        )
    base = (file.parent if file else FilePath()).absolute()
    try:
        settings = Settings.model_validate(layers.raw, context={"base": base, "secrets": layers.secrets})
    except ValidationError as error:
        complained = {problem.path for problem in layers.problems}
        found = [problem for problem in from_validation(error, Settings) if not _covered(problem.path, complained)]
        raise error_of(_placed([*layers.problems, *_with_variables(found, layers.variables)], layers, file), where) from None
    if layers.problems:
        raise error_of(_placed(layers.problems, layers, file), where)
    settings._origins.update({".".join(path): origin for path, origin in layers.origins.items()})
    return settings


def _placed(problems: list[Problem], layers: _Layers, main: FilePath | None) -> Iterator[Problem]:
    """Problems of an included file name it, and the path in it."""
    for problem in problems:
        home = layers.homes.get(problem.path[1].lower()) if problem.path[:1] == ("ucms",) and len(problem.path) > 1 else None
        yield problem if home is None or main is None or home == main.name else Problem(problem.path[1:], problem.sentence, home)


def _covered(path: Path, complained: set[Path]) -> bool:
    """Whether a problem only follows from another: of the same value, or of the variables that make the UCM called ``default``."""
    return path in complained or (path[:2] == ("ucms", "default") and any((name,) in complained for name in VARIABLES))


def _with_variables(problems: list[Problem], variables: Mapping[Path, str]) -> Iterator[Problem]:
    """Problems of a value that the environment set name the variable."""
    for problem in problems:
        name = next((variables[problem.path[:end]] for end in range(len(problem.path), 0, -1) if problem.path[:end] in variables), None)
        yield Problem(problem.path, f"{problem.sentence} (set by {name})") if name else problem
