"""Names that come from outside, made safe: for people and catalogs (`clean`), and for a file system (`component`, `shorten`). No I/O."""

from __future__ import annotations

import re

#: What Linux, macOS and most network shares allow for one name, in bytes of UTF-8.
MAX_NAME_BYTES = 255

_UNCLEAN = re.compile("[\\x00-\\x1f\\x7f-\\x9f/\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE = re.compile(r"^\.|^ |[. ]$|\\")


def _escape(match: re.Match[str]) -> str:
    # An undecodable byte stands as one of the surrogates U+DC80 to U+DCFF; the others can only come from JSON.
    as_it_was = "surrogateescape" if "\udc80" <= match[0] <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", as_it_was))


def clean(name: str) -> str:
    """``name`` as clean unicode: control characters, slashes, direction marks and undecodable bytes (surrogates) become ``%XX``.

    A name that a PBX really uses comes out unchanged, `#` and `+` among them (field guide 3).
    """
    return _UNCLEAN.sub(_escape, name)


def component(name: str) -> str:
    """``name`` as one part of a path that can neither leave its folder, nor hide, nor be refused by a Windows share."""
    return _UNSAFE.sub(_escape, clean(name)) or "%00"


def with_mark(name: str, mark: str) -> str:
    """``name`` with ``~mark`` before its extension."""
    stem, extension = split_extension(name)
    return f"{stem}~{mark}{extension}"


def shorten(name: str, mark: str, limit: int = MAX_NAME_BYTES) -> str:
    """``name`` with ``~mark`` before its extension, its stem cut so that the whole takes at most ``limit`` bytes of UTF-8."""
    stem, extension = split_extension(name)
    tail = f"~{mark}{extension}"
    room = max(limit - len(tail.encode()), 1)
    return stem.encode()[:room].decode("utf-8", "ignore") + tail


def split_extension(name: str) -> tuple[str, str]:
    """(stem, extension with its dot); the extension is empty where the name has none of at most 8 letters and digits."""
    found = re.fullmatch(r"(.+?)(\.[A-Za-z0-9]{1,8})", name, re.DOTALL)
    return (found[1], found[2]) if found else (name, "")
