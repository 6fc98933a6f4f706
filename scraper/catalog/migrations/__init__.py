"""The catalog's migrations, run from inside the package: no ``alembic.ini`` is needed."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def knows(revision: str) -> bool:
    """Whether this version ships the migration ``revision``."""
    return revision in revisions()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the catalog to a revision, inside the caller's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revisions() -> list[str]:
    """The migrations that this version ships, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
