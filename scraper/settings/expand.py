"""``${NAME}`` and ``${NAME:-default}`` in the configuration file's texts."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")


class Unexpandable(ValueError):
    """A reference that can't be replaced; the message is a sentence without any value."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with every reference replaced; what was put in is not looked at again, and ``$${`` stands for ``${``.

    The default counts where the variable is unset or empty, as in a shell. Raises :class:`Unexpandable`.
    """

    def replace(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match[0] == "$${":
            return "${"
        if name is None:
            raise Unexpandable("holds `${` that is neither ${NAME} nor ${NAME:-default}; write $${ for the characters themselves")
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            raise Unexpandable(f"the environment variable {name} is not set")
        return value

    return _REFERENCE.sub(replace, text)
