"""The catalog's transcripts, and what the sinks that cost have taken today."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import and_, select

from scraper.catalog.database import Database, now
from scraper.catalog.schema import recordings, sink_usage, transcripts

TranscriptKind = Literal["text", "json", "summary"]


@dataclass(frozen=True, slots=True)
class Transcript:
    """A file made of a recording, beside it: ``path`` relative to the store, ``size`` in bytes, ``sha256`` hex."""

    recording_id: int
    kind: TranscriptKind
    path: str
    sha256: str
    size: int
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most that a sink may take in a day; None: no limit."""

    count: int | None = None
    seconds: float | None = None


class Transcripts(Database):
    """Transcripts by recording, and the daily usage of what made them."""

    def enter_transcripts(self, made: Sequence[Transcript]) -> bool:
        """Enter files that are about to be put in their places, instead of earlier ones of the same kind, in one transaction.

        False, with nothing changed, where their recording is there no more, or is just being erased.
        """
        wanted = {one.recording_id for one in made}
        with self.transaction(of="transcripts") as connection:
            stays = and_(recordings.c.id.in_(wanted), recordings.c.state != "erasing")
            there = set(connection.scalars(select(recordings.c.id).where(stays).with_for_update(read=True)))
            if there != wanted:
                return False
            for one in made:
                same = and_(transcripts.c.recording_id == one.recording_id, transcripts.c.kind == one.kind)
                connection.execute(transcripts.delete().where(same))
                values = {name: getattr(one, name) for name in ("recording_id", "kind", "path", "sha256", "size")}
                connection.execute(transcripts.insert().values(made_at=one.made_at or now(), **values))
            return True

    def transcripts_of(self, *recording_ids: int) -> list[Transcript]:
        """What was made of recordings, in the order in which it was."""
        columns = (transcripts.c[name] for name in Transcript.__dataclass_fields__)
        query = select(*columns).where(transcripts.c.recording_id.in_(recording_ids)).order_by(transcripts.c.id)
        with self.reading() as connection:
            return [Transcript(*row) for row in connection.execute(query)]

    def keeps_transcripts(self, recording_id: int, paths: Collection[str]) -> bool:
        """Whether all of these files are a recording's transcripts that stay: the recording is there, and is not just being erased."""
        stays = and_(transcripts.c.recording_id == recording_id, recordings.c.state != "erasing")
        with self.reading() as connection:
            return set(paths) <= set(connection.scalars(select(transcripts.c.path).join(recordings).where(stays)))

    def take_allowance(self, sink: str, day: date, seconds: float, most: Allowance) -> bool:
        """Note that one more, so long, is made on this day; False, with nothing noted, where that would be more than allowed."""
        mine = and_(sink_usage.c.sink == sink, sink_usage.c.day == day.isoformat())
        room = and_(
            True,
            *([] if most.count is None else [sink_usage.c.count < most.count]),
            *([] if most.seconds is None else [sink_usage.c.seconds + seconds <= most.seconds]),
        )
        more = {"count": sink_usage.c.count + 1, "seconds": sink_usage.c.seconds + seconds}
        with self.transaction(of=f"sink:{sink}") as connection:
            if connection.scalar(select(sink_usage.c.day).where(mine)) is None:
                connection.execute(sink_usage.insert().values(sink=sink, day=day.isoformat(), count=0, seconds=0.0))
            return connection.execute(sink_usage.update().where(mine, room).values(**more)).rowcount > 0

    def return_allowance(self, sink: str, day: date, seconds: float) -> None:
        """It was not made after all, and cost nothing."""
        mine = and_(sink_usage.c.sink == sink, sink_usage.c.day == day.isoformat())
        less = {"count": sink_usage.c.count - 1, "seconds": sink_usage.c.seconds - seconds}
        with self.transaction(of=f"sink:{sink}") as connection:
            connection.execute(sink_usage.update().where(mine).values(**less))

    def usage_of(self, sink: str, day: date) -> tuple[int, float]:
        """(how many, seconds) of this day."""
        mine = and_(sink_usage.c.sink == sink, sink_usage.c.day == day.isoformat())
        with self.reading() as connection:
            row = connection.execute(select(sink_usage.c.count, sink_usage.c.seconds).where(mine)).one_or_none()
            return (row[0], row[1]) if row else (0, 0.0)
