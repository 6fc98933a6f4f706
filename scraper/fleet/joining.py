"""Before anything of a fleet begins on a machine: its database is the fleet's, has the queue's tables, and the store is the shared one."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec

from scraper.catalog import Catalog
from scraper.errors import CatalogTooNew, ConfigError
from scraper.fleet.hold import check_fleet
from scraper.settings import Settings
from scraper.store import open_store

#: The newest of the queue's own migrations that its tables have.
_TABLES = "fleet:queue"
_JOINING = 0x75636D66  # 'ucmf': whoever joins takes turns


def check_installed() -> None:
    """Raise :class:`ConfigError` where what a fleet needs is not installed."""
    if find_spec("procrastinate") is None:
        raise ConfigError("A fleet's queue is not installed.", remedy="Install it: `pip install 'ucm-recording-scraper[postgresql]'`.")


def join(settings: Settings, catalog: Catalog) -> None:
    """Make this machine one of the fleet's; the first makes what they share.

    Raises :class:`ConfigError` where the database belongs to another fleet, or this is no fleet, :class:`CatalogTooNew` where its queue is
    a newer version's, and what opening the store raises.
    """
    if settings.fleet.name is None:
        raise ConfigError("This configuration has no fleet.", remedy="Set fleet.name; one machine alone needs none: `serve` does the jobs.")
    check_installed()
    if catalog.join_fleet(settings.fleet.name) != settings.fleet.name:
        check_fleet(settings, catalog)
    _make_tables(settings, catalog)
    open_store(settings.store, catalog)


def _make_tables(settings: Settings, catalog: Catalog) -> None:
    """The queue's tables, or what a newer version of it changes in them."""
    import psycopg
    from procrastinate.schema import SchemaManager

    from scraper.fleet.queue import conninfo

    changes = sorted(one.name for one in resources.files("procrastinate.sql.migrations").iterdir() if one.name.endswith(".sql"))
    # Each change is a transaction of its own: what it adds to a type can be used only after that.
    with psycopg.connect(conninfo(settings.catalog.url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_JOINING])
        known = catalog.get_meta(_TABLES)
        if connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone() == (None,):  # also where the catalog was copied here
            connection.execute(SchemaManager.get_schema())
        elif known is not None:
            if known not in changes:
                raise CatalogTooNew("A newer version of this program has made the queue's tables.", revision=known)
            for name in changes[changes.index(known) + 1 :]:
                connection.execute((resources.files("procrastinate.sql.migrations") / name).read_bytes())
                catalog.set_meta(_TABLES, name)
        if known != changes[-1]:
            catalog.set_meta(_TABLES, changes[-1])
