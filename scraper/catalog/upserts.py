"""Rows that are entered, or changed where they are there already, on either kind of database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Column, ColumnCollection, Connection, Table


class Upsert:
    """An INSERT that changes what has the same ``key``; built once for a kind of database: building costs more than running it.

    ``kept``: what the row is from then on, by column, given what was to be entered. ``returning``: what of each row is told.
    """

    def __init__(
        self,
        table: Table,
        key: Sequence[str],
        kept: Callable[[ColumnCollection[str, Any]], dict[str, Any]],
        returning: Sequence[Column[Any]] = (),
    ) -> None:
        self._table, self._key, self._kept, self._returning = table, key, kept, returning
        self._built: dict[str, Any] = {}

    def on(self, connection: Connection) -> Any:
        """The statement for the database of this connection."""
        name = connection.dialect.name
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def _build(self, name: str) -> Any:
        # Each has a construct of its own; importing the other's would cost every start.
        statement = import_module(f"sqlalchemy.dialects.{name}").insert(self._table)
        statement = statement.on_conflict_do_update(index_elements=self._key, set_=self._kept(statement.excluded))
        return statement.returning(*self._returning) if self._returning else statement
