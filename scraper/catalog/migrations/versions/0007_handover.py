"""Handing recordings over: sinks, deliveries, transcripts."""

from __future__ import annotations

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """From 0006."""
