"""Where in the PBX's own web UI a trouble is looked at or set (field guide 1 and 2a; the rest from the vendor's manuals)."""

from __future__ import annotations

from scraper.errors import ApiBlocked, BrowserFailed, ConfigError, LockedOut, ScraperError, StorageError, WebUiError
from scraper.models import GapReason

API = "Value-added Features (newer: Integrations) → API Configuration → HTTPS API Settings (New)"
HTTP_SERVER = "System Settings → HTTP Server"
PERMITTED = f"{API} → Permitted IP(s); {HTTP_SERVER} → Permitted IP(s)"
PERMISSIONS = f"{API} → the API user → API interface permissions"
RECORDINGS = "CDR → Recordings"
TIME = "System Settings → Time Settings"
USERS = "Maintenance → User Management"
LOGIN = "System Settings → Security Settings → Login Settings"
CLEANER = "Maintenance → System Cleanup/Reset → Cleaner"

#: For each reason of a gap, where to look on the PBX.
OF_REASON: dict[GapReason, str] = {
    GapReason.GONE: CLEANER,
    GapReason.NOT_LISTED: RECORDINGS,
    GapReason.NO_PERMISSION: PERMISSIONS,
    GapReason.API_OFF: API,
    GapReason.SIGN_IN: USERS,
    GapReason.PERSON_NEEDED: LOGIN,
    GapReason.UNREACHABLE: HTTP_SERVER,
    GapReason.THROTTLED: API,
    GapReason.TOO_SHORT: RECORDINGS,
    GapReason.UNDECODABLE: RECORDINGS,
    GapReason.CORRUPT: RECORDINGS,
}


def menu_for(error: ScraperError) -> str:
    """The menu path for what an error is about; "" where it lies on this side."""
    match error:
        case ConfigError() | StorageError() | BrowserFailed():
            return ""
        case LockedOut():
            return LOGIN
        case ApiBlocked():
            return PERMITTED
        case WebUiError() if error.reason is GapReason.UNREACHABLE:
            return RECORDINGS
        case _:
            return OF_REASON[error.reason]
