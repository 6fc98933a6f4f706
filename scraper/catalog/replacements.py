"""The catalog's journal of conversions that take another's place: after a crash the file's hash tells which of the two is there."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from scraper.catalog.database import Database, now
from scraper.catalog.manifests import tell_replaced
from scraper.catalog.outbox import queue_replaced
from scraper.catalog.recordings import Recording, recording_of
from scraper.catalog.schema import recordings, replacements

_CHANGED = tuple(column.name for column in replacements.c if column.name != "recording_id")


class Replacements(Database):
    """Recordings that keep identity and path while their conversion changes; the caller holds the UCM's lock."""

    def announce_replacement(self, changed: Recording) -> None:
        """Note that the file of the recording with ``changed.id`` is about to become this one."""
        values = {name: getattr(changed, name) for name in _CHANGED}
        with self.transaction(of=changed.identity.ucm) as connection:
            connection.execute(replacements.delete().where(replacements.c.recording_id == changed.id))
            connection.execute(replacements.insert().values(recording_id=changed.id, **values))

    def announced_replacements(self, ucm: str) -> list[Recording]:
        """Recordings as they are to become, their replacement neither made nor withdrawn yet."""
        query = select(recordings).join(replacements).where(recordings.c.ucm == ucm)
        with self.reading() as connection:
            present = [recording_of(row) for row in connection.execute(query).mappings()]
            then = {row["recording_id"]: row for row in connection.execute(select(replacements)).mappings()}
        return [replace(one, **{name: then[one.id][name] for name in _CHANGED}) for one in present]

    def finish_replacement(self, identifier: int) -> None:
        """The new file is in place: the recording is what was announced, in one transaction."""
        with self.transaction() as connection:
            row = connection.execute(select(replacements).where(replacements.c.recording_id == identifier)).mappings().one()
            values = {name: row[name] for name in _CHANGED}
            before = connection.scalar(select(recordings.c.sha256).where(recordings.c.id == identifier))
            connection.execute(recordings.update().where(recordings.c.id == identifier).values(**values))
            connection.execute(replacements.delete().where(replacements.c.recording_id == identifier))
            queue_replaced(connection, identifier, now())
            tell_replaced(connection, identifier, str(before), now())

    def withdraw_replacement(self, identifier: int) -> None:
        """The new file never came into place."""
        with self.transaction() as connection:
            connection.execute(replacements.delete().where(replacements.c.recording_id == identifier))
