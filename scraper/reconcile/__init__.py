"""What should exist, what is archived, what to do about the difference: pure functions and data, executed elsewhere."""

from scraper.reconcile.fetches import Fetch, Wanted
from scraper.reconcile.index import State
from scraper.reconcile.inventory import (
    CalledFile,
    Costs,
    HeldFile,
    Inventories,
    KnownGap,
    ListedFile,
    Listing,
    Obstacle,
    Situation,
    Way,
    Ways,
    WayState,
)
from scraper.reconcile.ladder import Ladder, Pause, Result, Step, Verdict
from scraper.reconcile.plan import Plan, Tally, make_plan, render
from scraper.reconcile.retries import distance, is_due, next_due
from scraper.reconcile.safety import Census, safety, take_census

__all__ = [
    "CalledFile",
    "Census",
    "Costs",
    "Fetch",
    "HeldFile",
    "Inventories",
    "KnownGap",
    "Ladder",
    "ListedFile",
    "Listing",
    "Obstacle",
    "Pause",
    "Plan",
    "Result",
    "Situation",
    "State",
    "Step",
    "Tally",
    "Verdict",
    "Wanted",
    "Way",
    "WayState",
    "Ways",
    "distance",
    "is_due",
    "make_plan",
    "next_due",
    "render",
    "safety",
    "take_census",
]
