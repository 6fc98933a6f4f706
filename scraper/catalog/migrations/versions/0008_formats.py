"""Formats other than WAV, and the manifests."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """From 0007."""
