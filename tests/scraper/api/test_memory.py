"""What is remembered of a PBX outlives the process, and is of that PBX only."""

from __future__ import annotations

from scraper.api import CatalogMemory
from scraper.catalog import Catalog


def test_memory_is_kept_in_the_catalog_for_one_pbx(tmp_path):
    url = f"sqlite:///{tmp_path}/catalog.db"
    with Catalog.open(url) as catalog:
        memory = CatalogMemory(catalog, "https://PBX.example.com:8089")
        assert memory.get("kind") is None
        memory.set("kind", "https")
        memory.set("kind", "legacy")
    with Catalog.open(url) as catalog:
        assert CatalogMemory(catalog, "https://pbx.example.com:8089").get("kind") == "legacy"
        assert CatalogMemory(catalog, "https://pbx.example.com:8443").get("kind") is None
