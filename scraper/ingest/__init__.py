"""From an archive's bytes to stored, catalogued recordings.

The way of the data: inflate -> archive -> ingest -> packing (with converters) -> filing -> scraper.store and scraper.catalog; what can't
be trusted goes to quarantine.
"""
