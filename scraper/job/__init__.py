"""One job on one UCM: what should exist, what is missing, and fetching it by either way.

The way of the data: job -> desk -> story -> survey and lists (with scraper.reconcile) -> fetching -> api_way, web_way -> scraper.ingest.
"""
