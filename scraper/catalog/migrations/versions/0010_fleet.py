"""What a fleet of workers shares."""

from __future__ import annotations

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """From 0009."""
