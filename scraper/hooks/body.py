"""What a PBX pushes, read into calls: JSON or XML, whatever the content type says, in any shape that cdrapi has. No I/O.

How a pushed record looks is not documented (field guide 2c); its fields are taken to be cdrapi's, and the same parser reads them. XML is
turned into what JSON would have been: tags and attributes are keys, tags that repeat are a list.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # the types only: parsing is defusedxml's
from zoneinfo import ZoneInfo

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from scraper.cdr import ParsedCalls, parse_groups

#: What a megabyte of call records holds, with room to spare: objects and lists, XML tags, what separates fields and files. Each costs time,
#: and a megabyte of nothing else would cost many seconds.
_MOST_OBJECTS, _MOST_TAGS, _MOST_SEPARATORS = 10_000, 120_000, 50_000
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Unreadable(Exception):
    """A body that is neither JSON nor harmless XML; ``args[0]`` says why in a clause, without anything of its content."""


def is_empty(body: bytes) -> bool:
    """Whether a body says nothing, as those of CloudUCM's probes (field guide 2c)."""
    return not _begin(body)


def read_calls(body: bytes, zone: ZoneInfo) -> ParsedCalls:
    """The calls in a body. Raises :class:`Unreadable`; what is JSON or XML, but holds no call, is counted as ``unknown``."""
    first = _begin(body)
    if not first:
        return ParsedCalls([])
    if body.count(b",") + body.count(b"@") > _MOST_SEPARATORS:
        raise _too_many()
    shape = _of_xml(body) if first == b"<" else _of_json(body)
    return parse_groups(_groups(shape), zone)


def _begin(body: bytes) -> bytes:
    """The first byte that means something."""
    for mark in _MARKS:
        body = body.removeprefix(mark)
    return body.lstrip(b" \t\r\n\0")[:1]


def _of_json(body: bytes) -> Any:
    """As the API's answers are read: bytes that aren't UTF-8 stay as surrogates, so that a file's name is the same here and there."""
    if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS:
        raise _too_many()
    try:
        text = body.decode(json.detect_encoding(body), "surrogateescape")
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        raise Unreadable("it is neither JSON nor XML, or was cut short") from None
    if not isinstance(found, dict | list):
        raise Unreadable("its JSON is neither an object nor a list")
    return found


def _of_xml(body: bytes) -> Any:
    if body.count(b"<") > _MOST_TAGS:
        raise _too_many()
    try:
        root = fromstring(body.strip(b" \t\r\n\0"), forbid_dtd=True)
    except DefusedXmlException:
        raise Unreadable("its XML defines types or entities, which call records have no need of") from None
    except (ParseError, ValueError, LookupError):
        raise Unreadable("its XML is damaged, or was cut short") from None
    return _shape(root)


def _too_many() -> Unreadable:
    return Unreadable("it holds more than call records of its size do")


def _shape(root: Element) -> Any:
    """An element as JSON would have it. Without recursion: XML may be deeper than Python's stack."""
    done: dict[Element, Any] = {}
    objects = 0
    for element in _from_the_leaves(root):
        fields: dict[str, Any] = {_bare(name): value for name, value in element.attrib.items()}
        for child in element:
            name, value = _bare(child.tag), done.pop(child)
            if name not in fields:
                fields[name] = value
            elif isinstance(fields[name], list):
                fields[name].append(value)
            else:
                fields[name] = [fields[name], value]
        objects += bool(fields)
        if objects > _MOST_OBJECTS:
            raise _too_many()
        done[element] = fields if fields else element.text or ""
    return done[root]


def _from_the_leaves(root: Element) -> Iterator[Element]:
    found = [root]
    for element in found:  # which grows meanwhile
        found.extend(element)
    return reversed(found)


def _bare(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]


def _groups(shape: Any) -> Any:
    """The call records themselves, where something is wrapped around their list (``cdr_root``, an XML root)."""
    while isinstance(shape, dict) and len(shape) == 1:
        inner = next(iter(shape.values()))
        if not isinstance(inner, dict) and not (isinstance(inner, list) and any(isinstance(each, dict) for each in inner)):
            break
        shape = inner
    return shape
