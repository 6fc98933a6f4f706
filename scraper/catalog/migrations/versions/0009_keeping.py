"""What the archive lets go of, and what it may not: tombstones and legal holds."""

from __future__ import annotations

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """From 0008."""
