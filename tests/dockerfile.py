"""Reads the project's Dockerfile, as far as it goes: its instructions in order."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

DOCKERFILE = Path(__file__).parents[1] / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word in capitals, and what follows on its (continued) line."""

    word: str
    text: str

    @property
    def command(self) -> list[str]:
        """The words of an exec form, such as CMD's."""
        return json.loads(self.text[self.text.index("[") :])


def instructions() -> list[Instruction]:
    """All of them."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n", " ", "\n".join(lines))
    return [Instruction(*line.split(None, 1)) for line in whole.splitlines() if line.strip()]


def last(word: str) -> Instruction:
    """The one that counts where several have this word."""
    return [one for one in instructions() if one.word == word][-1]


def environment() -> dict[str, str]:
    """What ENV sets; ``$PATH`` stays as it is."""
    words = [word for one in instructions() if one.word == "ENV" for word in shlex.split(one.text)]
    return dict(word.split("=", 1) for word in words)
