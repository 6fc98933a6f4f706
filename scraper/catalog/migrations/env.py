"""Alembic's entry: run the migrations on the connection that the caller handed over."""

from alembic import context

from scraper.catalog.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
