"""What README and docs hold that can be tried: commands, YAML, names of files, keys of the configuration."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """One command as a page has it; ``words``: as the shell splits it, without comments."""

    page: Path
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text}"


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of one kind."""
    return [text for found, text in _BLOCK.findall(page.read_text()) if found == kind]


def commands(page: Path) -> list[Command]:
    """All commands of the page's ``sh`` blocks, in order; what is joined with && is several."""
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [Command(page, part.strip()) for line in lines for part in line.split(" && ") if part.strip()]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text())


def code(page: Path) -> list[str]:
    """What stands in the page's running text as `code`."""
    return _CODE.findall(prose(page))


def mentions(page: Path) -> list[Command]:
    """Our commands in the running text; a table's or a sentence's, maybe with placeholders."""
    return [Command(page, text) for text in code(page) if text.startswith("ucm-scraper ")]
