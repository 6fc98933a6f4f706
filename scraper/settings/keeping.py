"""The configuration of what the archive lets go of by age."""

from __future__ import annotations

from pydantic import Field

from scraper.models import RecordingClass
from scraper.settings.base import Section


class Retention(Section):
    """How long the archive keeps its own copies. The PBX's are never touched."""

    keep_days: int | None = Field(
        default=None, ge=1, le=36525, description="Let go of recordings and call records whose call is older, in days; null: keep for ever."
    )
    queue_days: int | None = Field(default=None, ge=1, le=36525, description="The same of queue recordings, where they differ.")
    conference_days: int | None = Field(default=None, ge=1, le=36525, description="The same of conference recordings, where they differ.")
    apply: bool = Field(
        default=False, description="Let `serve` do so once a day, a day after it announced it; else only `retention --apply` does."
    )
    most_share: float = Field(
        default=0.25, gt=0, le=1, description="The largest share of an archive that goes at once without `--force`, such as 0.25."
    )

    def days(self, klass: RecordingClass) -> int | None:
        """How long recordings of a class are kept, in days; None: for ever."""
        own = {RecordingClass.QUEUE: self.queue_days, RecordingClass.MEETME: self.conference_days}.get(klass)
        return own or self.keep_days

    @property
    def lets_go(self) -> bool:
        """Whether anything is let go of by age."""
        return any(self.days(klass) for klass in RecordingClass)
