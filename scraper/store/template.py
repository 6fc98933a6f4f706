"""Where in a store a recording belongs."""

from __future__ import annotations

import hashlib
import string

from scraper.errors import ConfigError
from scraper.models import Identity
from scraper.names import MAX_NAME_BYTES, component, shorten, with_mark
from scraper.store.interface import StoredPath

TEMPLATE = "{ucm}/{month}/{name}"
#: What a kept original's name has more than its recording's.
_ORIGINAL_BYTES = len(".original")
_FIELDS = {"ucm", "month", "name", "year", "class"}


def check_template(template: str) -> None:
    """Raise :class:`ConfigError` where the template has a field that is none of ucm, month, name, year, class, or lacks ``{name}``."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError("store.template: its braces don't match.") from error
    fields = [field for _, field, _, _ in parsed if field is not None]
    adorned = [field for _, field, spec, conversion in parsed if field and (spec or conversion)]
    if wrong := [field for field in fields if field not in _FIELDS] + adorned:
        raise ConfigError(f"store.template: {{{wrong[0]}}} is none of {', '.join(sorted(_FIELDS))}.")
    if "name" not in fields:
        raise ConfigError("store.template: it must contain {name}.")


class Template:
    """``store.template``, for a store that takes names of ``longest`` bytes, and whole paths of ``longest_path``.

    Raises :class:`ConfigError` where it makes no sense.
    """

    def __init__(self, template: str, longest: int = MAX_NAME_BYTES, longest_path: int = 1 << 20) -> None:
        check_template(template)
        self._parts = [part for part in template.split("/") if part not in ("", ".", "..")]
        self.longest = longest
        self._longest_path = longest_path

    def path_for(self, identity: Identity, name: str | None, mark: str) -> StoredPath:
        """See :meth:`scraper.store.interface.Store.path_for`."""
        plain = component(name if name is not None else identity.name)
        wanted = with_mark(plain, mark) if mark else plain
        fields = {
            "ucm": component(identity.ucm),
            "month": component(identity.month),
            "year": component(identity.month.partition("-")[0]),
            "class": identity.klass.value,
        }
        parts = [part.format(**fields, name=wanted) for part in self._parts]
        # A literal part of the template, or a value, may still be what hides a file or leaves the folder.
        path = "/".join(component(part) for part in parts)
        longest = self.longest - _ORIGINAL_BYTES
        over = max(len(path.encode()) - (self._longest_path - _ORIGINAL_BYTES), 0)
        if not over and all(len(part.encode()) <= longest for part in parts):
            return StoredPath(path)
        digest = mark or hashlib.sha256(plain.encode()).hexdigest()[:8]
        around = max(len(part.format(**fields, name="").encode()) for part in self._parts if "{name}" in part)
        room = min(longest - around, len(wanted.encode()) - over) if over else longest - around
        parts = [part.format(**fields, name=shorten(plain, digest, room)) for part in self._parts]
        return StoredPath("/".join(component(part) for part in parts), True)
