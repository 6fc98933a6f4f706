"""The configuration of what several machines share: the key of secrets at rest, and the fleet."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from scraper.settings import checks
from scraper.settings.base import FilePath, Section, nothing_is_empty, one_is_a_list


class Encryption(Section):
    """What kept web sessions are sealed with; `ucm-scraper config key` makes a key."""

    key: Annotated[
        list[SecretStr], BeforeValidator(one_is_a_list), BeforeValidator(nothing_is_empty), AfterValidator(checks.fernet_keys)
    ] = Field(default=[], description="A key, or several: the first seals, all open, so that a new one can take an old one's place.")
    key_file: FilePath | None = Field(default=None, description="A file that holds them, one a line, instead.")

    @property
    def keys(self) -> list[str]:
        """The keys in plain text."""
        return [key.get_secret_value() for key in self.key]


class Fleet(Section):
    """Workers on any number of machines, over one PostgreSQL. Needs `encryption`, and a store that all of them reach."""

    name: Annotated[str, AfterValidator(checks.plain_name)] | None = Field(
        default=None, description="The fleet's name, which its database remembers; null: no fleet, `serve` does the jobs itself."
    )
    lease_seconds: float = Field(
        default=30.0, ge=1, le=600, description="A worker that the database hasn't heard of for so long is taken for dead."
    )
