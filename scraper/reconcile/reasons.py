"""Why a recording can't be had, in words: a reason, one sentence, one remedy with the menu path in the PBX's web UI."""

from __future__ import annotations

from scraper.models import GapReason, RecordingClass
from scraper.reconcile.inventory import Obstacle, Way, Ways

#: What keeps a recording is the way, not the recording: as soon as the way works, it is due. Of several obstacles the first of these
#: stands for all: what a person can remove soonest.
WAY_REASONS = (
    GapReason.PERSON_NEEDED,
    GapReason.SIGN_IN,
    GapReason.NO_PERMISSION,
    GapReason.API_OFF,
    GapReason.THROTTLED,
    GapReason.UNREACHABLE,
)
#: Of the recording itself, found by looking at it; a way that stands still later doesn't undo that.
OF_THE_RECORDING = frozenset({GapReason.GONE, GapReason.TOO_SHORT, GapReason.UNDECODABLE, GapReason.CORRUPT})

_API_MENU = "Value-added Features (newer firmware: Integrations) → API Configuration → HTTPS API Settings (New)"
_SWITCH_ON = f"Switch the HTTPS API on under {_API_MENU}, tick `recapi` under Recordings for its user, and set `api` in the configuration."
_KEEP_LONGER = "If the PBX deletes recordings too soon, let it keep them longer, or run more often."
_CLASS = {RecordingClass.MONITOR: "ordinary", RecordingClass.QUEUE: "queue", RecordingClass.MEETME: "conference"}


def most_telling(obstacles: list[Obstacle]) -> Obstacle:
    """The obstacle that stands for several; its detail names the others too."""
    first = min(obstacles, key=lambda one: WAY_REASONS.index(one.reason) if one.reason in WAY_REASONS else len(WAY_REASONS))
    details = dict.fromkeys([first.detail, *(one.detail for one in obstacles)])
    return Obstacle(first.reason, "; ".join(details), first.remedy)


def obstacles(ways: Ways, klass: RecordingClass) -> list[Obstacle]:
    """What keeps the ways that could fetch this class from working."""
    found = [ways[way].obstacle for way in Way if way in ways and klass in ways[way].classes]
    return [obstacle for obstacle in found if obstacle is not None]


def blocked(ways: Ways, klass: RecordingClass) -> Obstacle:
    """No way can fetch this class now."""
    if found := obstacles(ways, klass):
        return most_telling(found)
    return Obstacle(GapReason.API_OFF, f"no page of the web UI offers {_CLASS[klass]} recordings, and the API is not set up", _SWITCH_ON)


def not_listed(ways: Ways, klass: RecordingClass) -> Obstacle:
    """The PBX's list lacks it, and the API, which could tell, can't be asked."""
    recapi = ways.get(Way.RECAPI)
    if recapi is None or klass not in recapi.classes or recapi.obstacle is None:
        return Obstacle(GapReason.NOT_LISTED, "the PBX's list lacks it; only the API could tell whether it is gone", _SWITCH_ON)
    detail = f"the PBX's list lacks it, and the API can't be asked whether it is gone: {recapi.obstacle.detail}"
    return Obstacle(GapReason.NOT_LISTED, detail, recapi.obstacle.remedy)


def not_asked() -> Obstacle:
    """The PBX's list lacks it, and this run has asked for enough of that kind."""
    return Obstacle(GapReason.NOT_LISTED, "the PBX's list lacks it; a later run asks the API whether it is gone", _KEEP_LONGER)


def too_short(ways: Ways, klass: RecordingClass) -> Obstacle:
    """What is held is shorter than its call, and no other way can look."""
    found = obstacles(ways, klass)
    detail = "the copy that is held is shorter than its call, and no other way can fetch it"
    if not found:
        return Obstacle(
            GapReason.TOO_SHORT, detail, "Listen to it on the PBX; if it is as short there, the call was recorded in part only."
        )
    return Obstacle(GapReason.TOO_SHORT, f"{detail}: {most_telling(found).detail}", most_telling(found).remedy)
