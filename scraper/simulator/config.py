"""What a simulated UCM is like: its firmware's look, its recordings, its habits. Everything that goes wrong is in ``faults``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

#: Obviously fake, and the same for everybody: the simulation guards nothing.
WEB_USER = "backup"
WEB_PASSWORD = "simulated-web-password"  # noqa: S105 -- it guards nothing
API_USER = "cdrapi"
API_PASSWORD = "simulated-api-password"  # noqa: S105 -- it guards nothing


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """One simulated UCM. Times are seconds, ``today`` and all times of calls are PBX local.

    ``recordings`` counts ordinary ones (the Recordings page); queue and conference recordings come on top of it.
    ``today`` is the PBX's date when it starts (its clock runs on from noon), fixed so that everything is reproducible;
    None follows the real clock.
    """

    # what it holds
    seed: int = 1
    recordings: int = 24
    queue_recordings: int = 0
    meetme_recordings: int = 0
    months: int = 2
    seconds: tuple[float, float] = (2.0, 20.0)
    today: date | None = date(2026, 2, 27)
    timezone: str = "America/Chicago"

    # in which form it hands recordings out (field guide 3 and 4)
    gsff: Literal["all", "none", "mixed"] = "all"
    gsff_layout: Literal["length8", "bare8", "bare16", "riff44", "alaw8", "ulaw16", "inverted8"] = "length8"
    single: Literal["riff", "gsff"] = "riff"
    recapi: Literal["riff", "gsff"] = "riff"
    archive_paths: Literal["month", "dir", "none", "absolute"] = "month"
    pack_file: Path | None = None

    # the web UI (field guide 1)
    modal: bool = True
    date_filter: bool = False
    date_preset: bool = False  # it comes up with the current month
    date_inputs: Literal["two", "range"] = "two"  # a range only with new labels
    pack_follows_filter: bool = False
    language: Literal["en", "de", "zh"] = "en"
    labels: Literal["new", "old"] = "new"
    overlay: bool = False
    sidebar: Literal["open", "collapsed", "none"] = "open"
    reloads: bool = False  # each page is loaded anew, and with it goes the answer that led there: of a sign-in, or of an ended session
    pack_mode: Literal["blocking", "poll"] = "blocking"
    pack_seconds: float = 0.5
    session_seconds: float = 600.0
    lockout_limit: int = 5
    lockout_seconds: int = 300
    csv_columns: Literal["plain", "shuffled", "recordfiles"] = "plain"

    # the HTTPS APIs (field guide 2): both are off until somebody switches them on
    api_new: bool = False
    api_old: bool = False
    api_off: Literal["404", "close"] = "404"
    api_old_auth: Literal["digest", "basic"] = "digest"
    api_allowed: tuple[str, ...] | None = ("127.0.0.1", "::1")
    api_cookie_seconds: float = 600.0
    api_max_records: int = 1000
    recapi_month: Literal["bare", "path", "filedir"] = "path"
    recapi_lists: bool = False
    gone_status: Literal[-16, -25] = -16
    cdr_shape: Literal["flat", "hollow", "array", "deep", "mixed"] = "mixed"
    recordfiles: Literal["month", "bare", "empty", "mixed"] = "month"
    recordfiles_desc: bool = True
    unanswered_calls: int = 4
    calls_without_file: int = 0

    # how it is reached
    host: str = "127.0.0.1"
    port: int = 0
    api_old_port: int = 0
    tls: bool = True
    tls_legacy: bool = False
    latency_seconds: float = 0.0
    certificate_names: tuple[str, ...] = ("ucm6300.local",)
    web_user: str = WEB_USER
    web_password: str = field(default=WEB_PASSWORD, repr=False)
    api_user: str = API_USER
    api_password: str = field(default=API_PASSWORD, repr=False)
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The PBX's zone."""
        return ZoneInfo(self.timezone)

    def start_of_clock(self) -> datetime:
        """What the PBX's clock shows when it starts: noon of ``today``, or the real time."""
        if self.today is None:
            return datetime.now(self.zone)
        return datetime.combine(self.today, time(12), self.zone)

    def first_day(self) -> date:
        """The first day of the oldest month that holds recordings."""
        day = self.start_of_clock().date().replace(day=1)
        for _ in range(self.months - 1):
            day = (day - timedelta(days=1)).replace(day=1)
        return day
