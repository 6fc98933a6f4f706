"""One UCM's need of a person: from when its sign-in page first asks for one until somebody, or a session that lives, is in again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scraper.catalog import Catalog
from scraper.catalog.notices import PERSON_NEEDED
from scraper.clock import utcnow
from scraper.errors import PersonNeeded


@dataclass(frozen=True, slots=True)
class Episode:
    """The need of a person at ``ucm``, kept in the catalog's notices, whichever program notices it: it is told of once."""

    catalog: Catalog
    ucm: str

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """The block may find that a person is needed."""
        try:
            yield
        except PersonNeeded as error:
            self.catalog.begin_notice(PERSON_NEEDED, self.ucm, utcnow(), error.message)
            raise

    @contextmanager
    def watched(self) -> Iterator[None]:
        """The block opens the web UI: it begins or ends the need."""
        with self.noticed():
            yield
        self.end()

    def end(self) -> None:
        """Somebody is in."""
        if self.catalog.open_notices(self.ucm, PERSON_NEEDED):  # most often there is none: then nothing is written
            self.catalog.end_notice(PERSON_NEEDED, self.ucm, utcnow())
