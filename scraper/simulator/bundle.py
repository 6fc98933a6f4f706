"""The page's scripts as one: a PBX's web UI comes bundled, not as two dozen modules that each take a request."""

from __future__ import annotations

import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

_IMPORT = re.compile(r'^import (\{.+?\}) from "\./(.+?)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|const) (\w+)", re.MULTILINE)
_NEITHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


@cache
def bundle(folder: Path) -> str:
    """All of a folder's ``*.js``, each in a scope of its own, after those that it needs.

    Raises ValueError where one imports or exports otherwise than as ``import { a, b } from "./c.js";``, ``export function`` or
    ``export const``, and :class:`graphlib.CycleError` where two need each other.
    """
    modules = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js"))}
    needed = TopologicalSorter({name: [other for _, other in _IMPORT.findall(text)] for name, text in modules.items()})
    return "\n".join(["const modules = {};", *(_scope(name, modules[name]) for name in needed.static_order())])


def _scope(name: str, text: str) -> str:
    exported = ", ".join(what for _, what in _EXPORT.findall(text))
    inside = _EXPORT.sub(r"\1 \2", _IMPORT.sub(r'const \1 = modules["\2"];', text))
    if unknown := _NEITHER.search(inside):
        raise ValueError(f"{name}: no way to bundle `{unknown[0]}`")
    return f'modules["{name}"] = (() => {{\n{inside}\nreturn {{ {exported} }};\n}})();\n'
