"""A simulated UCM: web UI, its ``/cgi`` wire, both HTTPS APIs, and faults to switch on. For the demo, the tests and rehearsals.

::

    with Simulator(recordings=120) as ucm:
        ucm.url, ucm.pin, ucm.certificate_pem
        ucm.state.faults.set("archive_cut", 0.6, times=1)
        ucm.state.deletes        # must stay empty
"""

from __future__ import annotations

from .config import API_PASSWORD, API_USER, WEB_PASSWORD, WEB_USER, SimulatorConfig
from .server import Simulator, run_forever

__all__ = ["API_PASSWORD", "API_USER", "WEB_PASSWORD", "WEB_USER", "Simulator", "SimulatorConfig", "run_forever"]
