"""``doctor``: each layer between a job and its recordings, tested in order, with cause, menu path in the PBX's UI, and remedy.

A checkup reads only, holds no lock, and never makes a sign-in that the budget refuses. A module a layer or so; :func:`examine` asks
them all.
"""

from __future__ import annotations

from scraper.doctor.certificate import Shown, show
from scraper.doctor.checkup import examine
from scraper.doctor.steps import Checkup, Layer, Result, Step, WayState

__all__ = ["Checkup", "Layer", "Result", "Shown", "Step", "WayState", "examine", "show"]
