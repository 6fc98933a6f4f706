"""The admin service: server-rendered pages and the JSON API that they use; one FastAPI app over the service."""

from scraper.admin.app import create_app

__all__ = ["create_app"]
