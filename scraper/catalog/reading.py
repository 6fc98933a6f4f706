"""A catalog that is only read: nothing is made, upgraded or locked, whoever else works with it."""

from __future__ import annotations

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from scraper.catalog import Catalog
from scraper.catalog.database import parse_url


def open_to_read(url: str) -> Catalog:
    """The catalog at an SQLAlchemy ``url`` (``sqlite:///path``).

    Raises :class:`~scraper.errors.ConfigError` for a URL of another kind. What can't be read, or is not there, raises a
    :class:`~scraper.errors.StorageError` at the first question; so does what another version wrote, where it differs.
    """
    file = parse_url(url).database
    return Catalog(create_engine(URL.create("sqlite", database=f"file:{file}", query={"mode": "ro", "uri": "true"})))
