"""A catalog that is only read: nothing is made, upgraded or locked, whoever else works with it."""

from __future__ import annotations

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from scraper.catalog import Catalog
from scraper.errors import ConfigError


def open_to_read(url: str) -> Catalog:
    """The catalog at an SQLAlchemy ``url`` (``sqlite:///path``).

    Raises :class:`ConfigError` for a URL of another kind. What can't be read, or is not there, raises a
    :class:`~scraper.errors.StorageError` at the first question; so does what another version wrote, where it differs.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("catalog.url is not a database URL.") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ConfigError("catalog.url is no file to read.")
    return Catalog(create_engine(URL.create("sqlite", database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"})))
