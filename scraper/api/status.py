"""The API's status codes as a type: what each means, whether trying again helps, and how long to wait first (field guide 2a)."""

from __future__ import annotations

import re
from enum import IntEnum

_WHOLE = re.compile(r"\s*([+-]?\d{1,9})(?:\.0*)?\s*")


class ApiStatus(IntEnum):
    """The ``status`` of an answer. Errors come with HTTP 200."""

    OK = 0
    INVALID_PARAMETERS = -1
    NOT_AUTHENTICATED = -5
    COOKIE_DEAD = -6
    CLOSED = -7
    TIMEOUT = -8
    SYSTEM = -9
    INVALID_VALUE = -15
    NO_SUCH_ITEM = -16
    UNSUPPORTED = -19
    OPERATION_FAILED = -24
    DATA_MISSING = -25
    DATA_FAILED = -26
    WRONG_ACCOUNT = -37
    TOO_FREQUENT = -45
    TOO_MANY = -46
    NO_PERMISSION = -47
    SENSITIVE_CHARACTERS = -50
    ANOTHER_TASK = -51
    RETRY_LATER = -57
    RESTRICTED = -68
    FORBIDDEN = -70
    UNKNOWN_USER = -71

    @classmethod
    def read(cls, value: object) -> ApiStatus | int | None:
        """A status as it stands in an answer, number or text; an unknown number stays a number, anything else is None."""
        found = _WHOLE.fullmatch(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
        if found is None:
            return None
        number = int(found[1])
        return cls(number) if number in cls._value2member_map_ else number

    @property
    def meaning(self) -> str:
        """In a few words."""
        return _MEANINGS[self]

    @property
    def wait_seconds(self) -> float | None:
        """How long to wait before the same call may be tried again; None where trying again doesn't help."""
        return _WAITS.get(self)

    @property
    def throttled(self) -> bool:
        """Whether the PBX asks for fewer calls."""
        return self in (ApiStatus.TOO_FREQUENT, ApiStatus.TOO_MANY, ApiStatus.ANOTHER_TASK, ApiStatus.RETRY_LATER)

    @property
    def session_ended(self) -> bool:
        """Whether a new sign-in is needed."""
        return self in (ApiStatus.NOT_AUTHENTICATED, ApiStatus.COOKIE_DEAD)

    @property
    def gone(self) -> bool:
        """Whether what was asked for doesn't exist (any more)."""
        return self in (ApiStatus.NO_SUCH_ITEM, ApiStatus.DATA_MISSING)

    @property
    def no_permission(self) -> bool:
        """Whether the API user lacks a permission."""
        return self is ApiStatus.NO_PERMISSION

    @property
    def refused(self) -> bool:
        """Whether the account or its password is wrong."""
        return self in (ApiStatus.WRONG_ACCOUNT, ApiStatus.UNKNOWN_USER)

    @property
    def locked(self) -> bool:
        """Whether this address or user is banned."""
        return self in (ApiStatus.RESTRICTED, ApiStatus.FORBIDDEN)

    @property
    def not_understood(self) -> bool:
        """Whether this form of the call is nothing to this PBX."""
        return self in (ApiStatus.INVALID_PARAMETERS, ApiStatus.INVALID_VALUE, ApiStatus.UNSUPPORTED, ApiStatus.SENSITIVE_CHARACTERS)


#: Seconds. The manual gives those of -45, -46 and -57; the others are ours.
_WAITS = {
    ApiStatus.CLOSED: 5.0,
    ApiStatus.TIMEOUT: 5.0,
    ApiStatus.SYSTEM: 5.0,
    ApiStatus.TOO_FREQUENT: 15.0,
    ApiStatus.TOO_MANY: 15.0,
    ApiStatus.ANOTHER_TASK: 15.0,
    ApiStatus.RETRY_LATER: 60.0,
}

_MEANINGS = {
    ApiStatus.OK: "done",
    ApiStatus.INVALID_PARAMETERS: "invalid parameters",
    ApiStatus.NOT_AUTHENTICATED: "a sign-in is needed",
    ApiStatus.COOKIE_DEAD: "the cookie is dead",
    ApiStatus.CLOSED: "closed",
    ApiStatus.TIMEOUT: "timeout",
    ApiStatus.SYSTEM: "system error",
    ApiStatus.INVALID_VALUE: "invalid value",
    ApiStatus.NO_SUCH_ITEM: "no such item",
    ApiStatus.UNSUPPORTED: "unsupported",
    ApiStatus.OPERATION_FAILED: "data operation failed",
    ApiStatus.DATA_MISSING: "data operation failed: nothing there",
    ApiStatus.DATA_FAILED: "data operation failed",
    ApiStatus.WRONG_ACCOUNT: "wrong account or password",
    ApiStatus.TOO_FREQUENT: "too frequent",
    ApiStatus.TOO_MANY: "too frequent",
    ApiStatus.NO_PERMISSION: "no permission",
    ApiStatus.SENSITIVE_CHARACTERS: "sensitive characters",
    ApiStatus.ANOTHER_TASK: "another task runs",
    ApiStatus.RETRY_LATER: "try again later",
    ApiStatus.RESTRICTED: "login restricted",
    ApiStatus.FORBIDDEN: "login forbidden",
    ApiStatus.UNKNOWN_USER: "unknown user",
}
