"""The demonstration: a simulated UCM, a real browser, the main job, and an archive that stays to be looked at."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from scraper.disk import write_private
from scraper.errors import ConfigError
from scraper.models import Report, Trigger
from scraper.progress import Progress
from scraper.settings import load
from scraper.simulator import WEB_PASSWORD, WEB_USER, Simulator, SimulatorConfig

UCM = "simulated"
_CONFIG = """\
# Written by `ucm-scraper demo`: the simulated UCM is gone, its recordings are here.
data_dir: ./data
store: {{url: ./recordings}}
ucms:
  {ucm}:
    url: {url}
    timezone: America/Chicago
    tls: {{pin: "{pin}"}}
    web: {{username: {user}, password: {password}}}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demonstration did: the job's report, where everything lies, and how often the PBX was asked to delete (never)."""

    report: Report
    folder: Path
    config: Path
    deletes: int


def demo(directory: Path | None, progress: Progress, stop: threading.Event) -> Shown:
    """Run the main job against a simulated UCM, into ``directory`` (a new folder unless given), which must be empty or a demo's own.

    Installs Debian's Chromium where no browser is found. Raises :class:`ConfigError`, :class:`~scraper.errors.BrowserMissing`.
    """
    from scraper.job import job
    from scraper.job.desk import Order
    from scraper.webui.browser import ensure_browser

    folder = _folder(directory)
    ensure_browser()
    config = folder / "config.yaml"
    with Simulator(SimulatorConfig()) as ucm:
        logger.bind(action="simulator-started").info("A simulated UCM with {} recordings is at {}", ucm.config.recordings, ucm.url)
        written = _CONFIG.format(ucm=UCM, url=ucm.url, pin=ucm.pin, user=WEB_USER, password=WEB_PASSWORD)
        write_private(config, written.encode())
        report = job.run(Order(load(config, {}), UCM, Trigger.MANUAL, progress, stop))
        return Shown(report, folder, config, len(ucm.state.deletes))


def _folder(directory: Path | None) -> Path:
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="ucm-demo-"))
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = [path for path in directory.iterdir() if path.name not in ("config.yaml", "data", "recordings")]
    except OSError as error:
        raise ConfigError(f"The demo can't use {directory}: {error.strerror}.", remedy="Name a folder that can be written.") from error
    if foreign:
        raise ConfigError(f"{directory} holds other files.", remedy="Name a new or empty folder.")
    return directory.resolve()
