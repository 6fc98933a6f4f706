"""Every way this program fails on purpose, and the exit code it ends with.

::

    ScraperError           1
    ├── InternalError      1   what nobody foresaw
    ├── ConfigError        2   the configuration, or how the command was called
    │     BrowserMissing
    ├── SignInError        4   the PBX will not let us in
    │     PasswordRefused, LockedOut, BudgetExhausted, PermissionMissing
    ├── PersonNeeded       5   only a person can sign in
    │     CaptchaRequired, SecondFactorRequired
    ├── UnreachableError   6   network, TLS, 5xx
    │     NetworkError (ConnectionClosed, AnswerCut), ServerError, TlsHandshakeFailed, CertificateUntrusted, PinMismatch,
    │     ApiOff, ApiBlocked, Throttled
    ├── WebUiError         7   the web UI, or its answer, is not what it should be
    │     BrowserFailed, PageNotAsExpected, SessionEnded, PackFailed, DownloadFailed (WebPageInstead), GoneAtPbx, NotListed,
    │     NotAnArchive, AnswerNotAsExpected (NotUnderstood), NotARecording (StillWritten)
    ├── StorageError       8   the store or the catalog
    │     StoreVanished, StoreUnwritable, StoreUnreachable, StoreRefused, DiskFull,
    │     CatalogLocked, CatalogCorrupt, CatalogTooNew, CatalogUnreachable, LeaseLost
    ├── Busy               9   another job holds this UCM
    └── SafetyStop        10   the job stopped before it could do harm

An error carries data (``evidence``: what was seen, without secrets or phone numbers); its ``message`` and ``remedy`` are one
sentence each. A class's default message is its docstring's first line. ``reason`` is what the error means for a recording that it
kept from being fetched.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from scraper.models import GapReason, for_ucm


class ExitCode(IntEnum):
    """The documented exit codes."""

    COMPLETE = 0
    INTERNAL = 1
    USAGE = 2
    GAPS = 3
    SIGN_IN = 4
    PERSON_NEEDED = 5
    UNREACHABLE = 6
    WEB_UI = 7
    STORAGE = 8
    BUSY = 9
    SAFETY_STOP = 10


#: With several UCMs the command ends with the first of these that occurred.
EXIT_PRECEDENCE = (1, 2, 10, 8, 4, 5, 6, 7, 9, 3, 0)


class ScraperError(Exception):
    """Something went wrong that this program did not foresee."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    default_remedy: ClassVar[str] = "Please report this with the log."
    reason: ClassVar[GapReason] = GapReason.UNREACHABLE

    def __init__(self, message: str | None = None, *, remedy: str | None = None, **evidence: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.remedy = remedy or self.default_remedy
        self.evidence = evidence
        super().__init__(self.message)

    @property
    def kind(self) -> str:
        """The name that the report's ``error.kind`` carries."""
        return type(self).__name__

    def as_report(self, ucm: str) -> dict[str, str]:
        """The ``error`` object of a report on ``ucm``."""
        return {"kind": self.kind, "message": self.message, "remedy": for_ucm(self.remedy, ucm)}


class InternalError(ScraperError):
    """Something went wrong that nobody foresaw."""


class ConfigError(ScraperError):
    """The configuration is not valid."""

    exit_code = ExitCode.USAGE
    default_remedy = "Correct the configuration; `ucm-scraper config check` shows every problem at once."


class BrowserMissing(ConfigError):
    """No Chromium or Chrome was found on this machine."""

    default_remedy = "On Debian or Ubuntu run `apt-get install chromium`; elsewhere `playwright install chromium`."


class SignInError(ScraperError):
    """The PBX refused the sign-in."""

    exit_code = ExitCode.SIGN_IN
    default_remedy = "Check the web user name and password in the configuration."
    reason = GapReason.SIGN_IN


class PasswordRefused(SignInError):
    """The PBX refused this user name and password."""

    default_remedy = "Correct the user name or password; it is not sent again until it changes, so that the PBX doesn't ban this address."


class LockedOut(SignInError):
    """The PBX has locked this address or user out after failed sign-ins."""

    default_remedy = "Wait until the lockout ends, or lift it on the PBX under System Settings → Security Settings → Login Settings."


class BudgetExhausted(SignInError):
    """Too many sign-ins failed recently; another could make the PBX ban this address."""

    default_remedy = "Check the credentials; a sign-in by hand (`ucm-scraper login --ucm NAME`) frees the budget at once."


class PermissionMissing(SignInError):
    """The API user lacks a permission."""

    default_remedy = (
        "On the PBX open Value-added Features (newer: Integrations) → API Configuration → HTTPS API Settings (New), edit the API user, and"
        " tick what is missing under API interface permissions; `recapi` stands under Recordings and is not ticked by default."
    )
    reason = GapReason.NO_PERMISSION


class PersonNeeded(ScraperError):
    """The PBX asks for a person at its sign-in page."""

    exit_code = ExitCode.PERSON_NEEDED
    default_remedy = (
        "Sign in once by hand, on the admin page of `ucm-scraper serve` or with `ucm-scraper login --ucm NAME`; the session is kept for"
        " the runs that follow."
    )
    reason = GapReason.PERSON_NEEDED


class CaptchaRequired(PersonNeeded):
    """The sign-in page shows a CAPTCHA."""


class SecondFactorRequired(PersonNeeded):
    """The PBX accepted the password but asks for something more (a second factor, a code, a new password)."""


class UnreachableError(ScraperError):
    """The PBX can't be reached or trusted."""

    exit_code = ExitCode.UNREACHABLE
    default_remedy = "Check the address, the port, and that this machine may reach the PBX."


class NetworkError(UnreachableError):
    """The PBX could not be reached."""


class ConnectionClosed(NetworkError):
    """The PBX closed the connection without an answer."""


class AnswerCut(NetworkError):
    """The PBX's answer broke off."""


class ServerError(UnreachableError):
    """The PBX answered with a server error."""

    default_remedy = "The PBX may be restarting or overloaded; the next run tries again."


class TlsHandshakeFailed(UnreachableError):
    """The TLS handshake with the PBX failed."""

    default_remedy = "Check that the port speaks HTTPS; a PBX with weak keys needs a firmware update or a new certificate."


class CertificateUntrusted(UnreachableError):
    """The PBX's certificate is not trusted."""

    default_remedy = "Compare the pin with the PBX's certificate, then set `tls.pin`, or set `tls.ca_file` to the CA that signed it."


class PinMismatch(UnreachableError):
    """The PBX's public key is not the pinned one."""

    default_remedy = (
        "If the PBX's certificate was renewed, compare the new pin by eye and set `tls.pin`; otherwise somebody may be in between."
    )


class ApiOff(UnreachableError):
    """The PBX's HTTPS API is switched off, or this is not its address."""

    default_remedy = (
        "Switch it on under Value-added Features (newer: Integrations) → API Configuration → HTTPS API Settings (New), and check `url` or"
        " `api.url`: the newer API has the web UI's port (8089; CloudUCM 8443), the older one 8443."
    )
    reason = GapReason.API_OFF


class ApiBlocked(UnreachableError):
    """The PBX's HTTPS API refuses this machine's address."""

    default_remedy = (
        "Add this machine's address to the API's Permitted IP(s) under Value-added Features (newer: Integrations) → API Configuration, and"
        " to System Settings → HTTP Server → Permitted IP(s) where that is used; with the older API an empty list denies everybody."
    )
    reason = GapReason.NO_PERMISSION


class Throttled(UnreachableError):
    """The PBX asks for patience again and again."""

    default_remedy = "Other programs may use the same API; the next run goes on where this one stopped."
    reason = GapReason.THROTTLED


class WebUiError(ScraperError):
    """The web UI or its answer is not what it should be."""

    exit_code = ExitCode.WEB_UI
    default_remedy = "Look at the screenshot; if the PBX's firmware changed its pages, please report it."


class BrowserFailed(WebUiError):
    """The browser did not start, or ended in the middle."""

    default_remedy = "Check memory and /dev/shm (containers: `shm_size: 1g`), then run again."


class PageNotAsExpected(WebUiError):
    """A page of the web UI lacks what it should have."""


class SessionEnded(WebUiError):
    """The PBX ended the web session, and a new one ended as well."""

    default_remedy = "Check that nobody else signs in with the same account, and the PBX's session timeout."


class PackFailed(WebUiError):
    """The PBX could not pack its recordings."""

    default_remedy = "Check the PBX's free storage; the next run tries again."


class DownloadFailed(WebUiError):
    """The download did not arrive."""

    default_remedy = "The next run tries again; if it repeats, check the network and the PBX's storage."


class WebPageInstead(DownloadFailed):
    """The PBX sent a web page under a recording's name."""

    default_remedy = "The PBX limits how fast recordings are fetched one by one; later runs go on where this one stopped."
    reason = GapReason.THROTTLED


class GoneAtPbx(WebUiError):
    """The PBX says that this recording's file does not exist any more."""

    default_remedy = "Nothing can be done here; if the PBX deletes recordings too soon, change its retention or run more often."
    reason = GapReason.GONE


class NotListed(WebUiError):
    """The PBX's list of recordings does not show this one."""

    default_remedy = "It may have been deleted on the PBX; another way may still reach it."
    reason = GapReason.NOT_LISTED


class NotAnArchive(WebUiError):
    """What the PBX sent is not an archive of recordings."""

    default_remedy = "The next run tries again; if it repeats, download once by hand and compare."
    reason = GapReason.CORRUPT


class AnswerNotAsExpected(WebUiError):
    """The API's answer is not what it should be."""

    default_remedy = "The next run tries again; if it repeats, please report it with the PBX's model and firmware."


class NotUnderstood(AnswerNotAsExpected):
    """The API does not take a call in this form."""


class NotARecording(WebUiError):
    """What the API sent under a recording's name is not that recording."""

    default_remedy = "The next run tries again; if it repeats, download this recording once by hand and compare."
    reason = GapReason.CORRUPT


class StillWritten(NotARecording):
    """The PBX has not yet written the whole recording."""

    default_remedy = "It is asked for again a little later; if it stays so, the next run takes what there is."
    reason = GapReason.TOO_SHORT


class StorageError(ScraperError):
    """The archive's storage failed."""

    exit_code = ExitCode.STORAGE
    default_remedy = "Check that the store is mounted, writable, and has free space."


class StoreVanished(StorageError):
    """The recordings' folder is not the one that was used before."""

    default_remedy = "Mount the storage again."


class StoreUnwritable(StorageError):
    """The recordings' folder can't be written."""


class StoreUnreachable(StorageError):
    """The object storage can't be reached."""

    default_remedy = "Check store.endpoint_url, and the network; nothing that was stored is lost, and the next run goes on."


class StoreRefused(StorageError):
    """The object storage refuses these credentials."""

    default_remedy = "Check store.access_key, store.secret_key and store.region."


class DiskFull(StorageError):
    """There is not enough free space."""

    default_remedy = "Free some space; nothing that was stored is lost, and the next run goes on."


class CatalogLocked(StorageError):
    """Another program holds the catalog's lock."""

    default_remedy = "Close the program that has the catalog open, then run again."


class CatalogCorrupt(StorageError):
    """The catalog is damaged."""

    default_remedy = "Restore the catalog from a backup, or move it away: recordings in the store are adopted as they are seen again."


class CatalogTooNew(StorageError):
    """The catalog was written by a newer version of this program."""

    default_remedy = "Install the newer version again; older versions don't touch the catalog."


class CatalogUnreachable(StorageError):
    """The catalog's database can't be reached, or the connection to it broke."""

    default_remedy = "Check that PostgreSQL runs and that catalog.url names its host, port and database; nothing that was stored is lost."


class LeaseLost(StorageError):
    """The job lost its hold on this UCM: the database had not heard of it for too long."""

    default_remedy = "Nothing is lost, and another job goes on; if it repeats, check this machine's way to the database."


class Busy(ScraperError):
    """Another job is working on this UCM."""

    exit_code = ExitCode.BUSY
    default_remedy = "Wait until it ends; `ucm-scraper runs` shows it."


class SafetyStop(ScraperError):
    """The job stopped before it could do harm."""

    exit_code = ExitCode.SAFETY_STOP
    default_remedy = "Look at the evidence before running again."


def combined_exit_code(codes: list[int]) -> int:
    """The exit code of a command that worked on several UCMs: the first of the documented order that occurred."""
    return next((code for code in EXIT_PRECEDENCE if code in codes), int(ExitCode.INTERNAL) if codes else int(ExitCode.COMPLETE))
