"""The listener for the PBX's CDR Real-time Output (field guide 2c): takes pushed call records, notes them, and answers at once."""

from scraper.hooks.app import create_hooks_app

__all__ = ["create_hooks_app"]
