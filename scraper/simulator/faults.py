"""What can go wrong at the simulated UCM, by name: a catalogue, and the switches that tests and ``simulate --fault`` turn.

``NAME=VALUE``, or ``NAME`` alone for a fault that needs no value; ``NAME=VALUE*N`` lasts for the next N occasions only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _flag(text: str) -> bool:
    if text not in ("", "on", "always"):
        raise ValueError("is `always`, or left out")
    return True


def _number(text: str) -> int:
    return int(text)


def _amount(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError("is a number, 0 or more")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("is a fraction between 0 and 1")
    return value


def _one_of(*choices: str) -> Callable[[str], str]:
    def parser(text: str) -> str:
        if text == "" and len(choices) > 0:
            return choices[0]
        if text not in choices:
            raise ValueError("is one of " + ", ".join(choices))
        return text

    return parser


HOSTILE_KINDS = (
    "dotdot", "absolute", "symlink", "hardlink", "device", "fifo", "duplicate",
    "tiny", "longname", "nonutf8", "case", "control", "bomb", "enormous",
)  # fmt: skip


def _some_of_hostile(text: str) -> tuple[str, ...]:
    kinds = HOSTILE_KINDS if text in ("", "all") else tuple(text.split("+"))
    if unknown := set(kinds) - set(HOSTILE_KINDS):
        raise ValueError(f"has no kind {', '.join(sorted(unknown))}; there are {', '.join(HOSTILE_KINDS)} (joined by +), or all")
    return tuple(kind for kind in HOSTILE_KINDS if kind in kinds)  # ``enormous`` swallows what follows it: last


BROKEN_KINDS = ("503", "html", "empty", "nothing", "refused", "cut", "close", "ended")


def _breaks(text: str) -> tuple[int, str]:
    after, _, kind = text.partition(":")
    if kind not in BROKEN_KINDS:
        raise ValueError("is N:KIND, of " + ", ".join(BROKEN_KINDS))
    return int(after), kind


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the catalogue. ``takes`` is how its value is written; ``parser`` makes it a typed value."""

    name: str
    takes: str
    description: str
    parser: Callable[[str], Any]


CATALOGUE = {
    fault.name: fault
    for fault in (
        # signing in
        Fault("captcha", "", "the sign-in page shows a CAPTCHA, and no sign-in works without its token", _flag),
        Fault("captcha_late", "SECONDS", "so long after the form a CAPTCHA shows; without its token any password is refused", _amount),
        Fault("captcha_pictures", "", "ticking the CAPTCHA's box is not enough: it shows pictures to choose from", _flag),
        Fault("captcha_slider", "", "ticking the CAPTCHA's box is not enough: it shows a slider to drag to a mark", _flag),
        Fault("lockout", "ban|forever", "this address is banned: -68 for five minutes, or -70 for good", _one_of("ban", "forever")),
        Fault("remain_fields", "top|missing", "remain_num and remain_time stand at the top level, or nowhere", _one_of("top", "missing")),
        Fault("unknown_user", "", "a user that doesn't exist gets -71 instead of -37", _flag),
        Fault("login_extra", "otp|change_password", "after the password the PBX asks for something more",
              _one_of("otp", "change_password")),
        # the session
        Fault("session_ends_after", "N", "every session ends after N actions", _number),
        Fault("session_ends_before_download", "", "the session ends at the moment a download is asked for", _flag),
        Fault("session_status", "STATUS", "what an ended session answers (-6 unless told, -5)", _number),
        # the pages
        Fault("language", "en|de|zh", "the language of the web UI", _one_of("en", "de", "zh")),
        Fault("labels", "new|old", "the buttons' labels, as newer or older firmware has them", _one_of("new", "old")),
        Fault("overlay", "", "banner, toast and an Apply Changes button lie over the page", _flag),
        Fault("ui_mischief", "SEED", "each page plays tricks: buttons renamed, swapped, covered, doubled, moved; modals in the way; clicks"
              " and timers that delete in disguise", lambda text: int(text or 0)),
        Fault("delete_moved", "", "the delete buttons and the download buttons have changed places", _flag),
        Fault("no_modal", "", "Download All shows no modal, only a toast", _flag),
        # listing and packing
        Fault("web_busy", "STATUS", "lists, packs and checks answer this status (-45, -46, -51, -57)", _number),
        Fault("listing_total", "DIFFERENCE", "total_item is wrong by so many", _number),
        Fault("listing_empty", "", "the list of recordings is empty, with status 0", _flag),
        Fault("pack_fails", "STATUS", "packing ends with this status (-9)", lambda text: int(text or -9)),
        Fault("pack_never_ends", "", "packing never ends", _flag),
        # downloads
        Fault("archive_cut", "FRACTION", "the connection is cut after this fraction of the archive", _fraction),
        Fault("archive_stalls", "FRACTION", "after this fraction of the archive nothing more comes; the connection stays open", _fraction),
        Fault("archive_slow", "BYTES", "the archive comes at this many bytes a second", _amount),
        Fault("archive_truncated", "FRACTION", "the file itself ends after this fraction; the transfer looks complete", _fraction),
        Fault("archive_instead", "html|json|empty|zip|garbage|504", "something else than an archive, with HTTP 200; or a gateway's 504",
              _one_of("html", "json", "empty", "zip", "garbage", "504")),
        Fault("archive_moved", "file|deletion|page", "a page with status 302 leads to the archive, to a deletion, or to another page",
              _one_of("file", "deletion", "page")),
        Fault("plain_tar", "", "the archive is a tar without compression, under the name .tgz", _flag),
        Fault("hostile", "KIND+KIND|all", "the archive also holds hostile members: " + ", ".join(HOSTILE_KINDS), _some_of_hostile),
        Fault("missing_from_archive", "FRACTION", "this fraction of the listed recordings is left out of the archive", _fraction),
        Fault("short_in_archive", "FRACTION", "this fraction of the recordings lasts half as long in archives, and is whole elsewhere",
              _fraction),
        Fault("noise_in_archive", "FRACTION", "this fraction of the recordings is noise in archives, and whole elsewhere", _fraction),
        Fault("single_instead", "html|json|empty", "a single download or recapi answers something else, with HTTP 200",
              _one_of("html", "json", "empty")),
        Fault("single_cut", "FRACTION", "the connection is cut after this fraction of a single recording", _fraction),
        Fault("single_pace", "SECONDS", "single downloads that follow each other faster than this yield an HTML page", _amount),
        # the recordings themselves
        Fault("gone", "FRACTION", "this fraction of the recordings is gone, from the list too; their CDRs stay", _fraction),
        Fault("gone_but_listed", "FRACTION", "this fraction of the recordings is listed, but its files are gone", _fraction),
        Fault("noise", "FRACTION", "this fraction of the recordings holds noise instead of speech", _fraction),
        Fault("short", "FRACTION", "this fraction of the recordings lasts half as long as its call", _fraction),
        Fault("empty", "FRACTION", "this fraction of the recordings has no bytes", _fraction),
        Fault("written_late", "SECONDS", "half a recording appears so long after its call, and all of it after as long again", _amount),
        # the APIs
        Fault("api_off", "404|close", "both APIs are switched off", _one_of("404", "close")),
        Fault("api_denied", "", "the client's address is not among the permitted ones", _flag),
        Fault("cdrapi_forbidden", "", "the API user lacks the permission cdrapi: -47", _flag),
        Fault("recapi_forbidden", "", "the API user lacks the permission recapi: -47", _flag),
        Fault("api_busy", "STATUS", "API calls answer this status (-45, -46, -51, -57)", _number),
        Fault("api_html", "", "API calls answer an HTML page, with HTTP 200", _flag),
        Fault("recapi_instead", "html|json|empty|half|tar|other",
              "recapi answers a page, JSON, nothing, half of the recording, a tar with it, or another recording, with HTTP 200",
              _one_of("html", "json", "empty", "half", "tar", "other")),
        Fault("cookie_dies_every", "N", "the API's cookie dies after every N calls", _number),
        Fault("pages_repeat", "", "cdrapi answers the first page for ever, whatever the offset", _flag),
        Fault("cdrapi_empty", "", "cdrapi answers no calls at all, as if that were success", _flag),
        # the whole server
        Fault("unavailable", "", "every request answers 503", _flag),
        Fault("broken", "N:KIND", "after N more requests each meets a 503, a web page, no content, an empty success, status -1, half an"
              " answer, a closed connection, or a PBX that has ended all sessions: " + ", ".join(BROKEN_KINDS), _breaks),
        Fault("hang", "all|cgi|api|list|pack|download", "requests of this kind are accepted and never answered",
              _one_of("all", "cgi", "api", "list", "pack", "download")),
    )
}  # fmt: skip


@dataclass(slots=True)
class _Setting:
    value: Any
    left: int | None


def parse(text: str) -> tuple[str, Any, int | None]:
    """``NAME=VALUE*N`` as (name, typed value, occasions or None for ever). Raises ValueError with a sentence that names the fault."""
    name, _, value = text.partition("=")
    value, star, times = value.rpartition("*") if "*" in value else (value, "", "")
    fault = CATALOGUE.get(name)
    if fault is None:
        raise ValueError(f"There is no fault {name!r}; there are " + ", ".join(CATALOGUE) + ".")
    try:
        left = int(times) if star else None
    except ValueError:
        raise ValueError(f"The fault {name!r} has something other than a number after `*`.") from None
    try:
        return name, fault.parser(value), left
    except ValueError as error:
        raise ValueError(f"The value of the fault {name!r} {error}.") from None


def table() -> list[tuple[str, str]]:
    """(``NAME=TAKES``, description) of every fault, for ``simulate --help``."""
    return [(f"{fault.name}={fault.takes}" if fault.takes else fault.name, fault.description) for fault in CATALOGUE.values()]


class Faults:
    """The faults that are switched on now. Safe to use from a test's thread while the server runs."""

    def __init__(self) -> None:
        self._settings: dict[str, _Setting] = {}

    def set(self, name: str, value: Any = "", times: int | None = None) -> None:
        """Switch a fault on; ``value`` as text or typed; ``times``: for so many occasions only. Raises ValueError."""
        text = "+".join(value) if isinstance(value, tuple) else "" if value is True else str(value)
        name, typed, left = parse(f"{name}={text}")
        self._settings[name] = _Setting(typed, times if times is not None else left)

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all."""
        if name is None:
            self._settings.clear()
        else:
            self._settings.pop(name, None)

    def get(self, name: str) -> Any:
        """A fault's value, or None while it is off. Doesn't use up an occasion."""
        setting = self._settings.get(name)
        return setting.value if setting else None

    def take(self, name: str) -> Any:
        """A fault's value, or None while it is off; one occasion is used up."""
        setting = self._settings.get(name)
        if setting is None:
            return None
        if setting.left is not None:
            setting.left -= 1
            if setting.left <= 0:
                self.clear(name)
            if setting.left < 0:
                return None
        return setting.value

    def active(self) -> dict[str, Any]:
        """What is switched on: name and value."""
        return {name: setting.value for name, setting in self._settings.items()}
