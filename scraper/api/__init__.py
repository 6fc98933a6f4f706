"""Both families of the PBX's HTTPS API behind one interface (field guide 2).

::

    with open_api(ucm, Surroundings(budget, CatalogMemory(catalog, ucm.url))) as api:
        for page in api.cdr_pages(since, until):
            ...
"""

from __future__ import annotations

from .client import Api, Client, Surroundings, open_api
from .memory import CatalogMemory, Memory, ShortMemory
from .pace import Pace
from .probe import ProbeStep, probe
from .recapi import Fetched
from .status import ApiStatus
from .transport import Patience

__all__ = [
    "Api",
    "ApiStatus",
    "CatalogMemory",
    "Client",
    "Fetched",
    "Memory",
    "Pace",
    "Patience",
    "ProbeStep",
    "ShortMemory",
    "Surroundings",
    "open_api",
    "probe",
]
