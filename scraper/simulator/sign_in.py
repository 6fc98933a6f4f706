"""Who may come in: challenge and answer, failed attempts counted per address, the ban (field guide 1 and 2, *Lockout* and status codes)."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any

from .state import Failures, SignIn, State

OK, WRONG, RESTRICTED, FORBIDDEN, UNKNOWN = 0, -37, -68, -70, -71


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: by which way (``web``, ``api``, ``old-api``), as whom, from where."""

    way: str
    user: str
    address: str


def challenge(state: State, attempt: Attempt) -> str:
    """A new challenge for this user; any earlier one is void."""
    text = f"{state.number():016d}"
    state.challenges[_key(attempt)] = text
    return text


def password_of(state: State, attempt: Attempt) -> str | None:
    """The password that this way wants of this user. Web users are unknown to the API and the reverse (field guide 2)."""
    config = state.config
    known = {config.web_user: config.web_password} if attempt.way == "web" else {config.api_user: config.api_password}
    return known.get(attempt.user)


def token_fits(state: State, attempt: Attempt, token: str) -> bool:
    """Whether ``token`` is md5hex(challenge + password). The challenge is used up."""
    text = state.challenges.pop(_key(attempt), None)
    password = password_of(state, attempt)
    if text is None or password is None:
        return False
    expected = hashlib.md5((text + password).encode(), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(expected, token.lower())


def judge(state: State, attempt: Attempt, good: bool) -> dict[str, Any]:
    """The answer to an attempt whose credentials were ``good`` or not: ``{"status": …, "response": {…}}``. Counts it, and bans."""
    banned = _ban(state, attempt)
    if banned is None and good:
        state.failures.pop(attempt.address, None)
        answer: dict[str, Any] = {"status": OK, "response": {}}
    else:
        answer = banned or _failed(state, attempt)
    state.sign_ins.append(SignIn(attempt.way, answer["status"] == OK, attempt.address, answer["status"], time.time()))
    return answer


def is_banned(state: State, attempt: Attempt) -> bool:
    """Whether this address is banned now."""
    return _ban(state, attempt) is not None


def _key(attempt: Attempt) -> str:
    return f"{attempt.way}|{attempt.user}|{attempt.address}"


def _ban(state: State, attempt: Attempt) -> dict[str, Any] | None:
    fault = state.faults.get("lockout")
    if fault == "forever":
        return _answer(state, FORBIDDEN, {})
    if fault == "ban":
        return _answer(state, RESTRICTED, {"remain_time": state.config.lockout_seconds})
    failures = state.failures.get(attempt.address)
    if failures is None or failures.banned_until <= time.monotonic():
        return None
    return _answer(state, FORBIDDEN, {"remain_time": round(failures.banned_until - time.monotonic())})


def _failed(state: State, attempt: Attempt) -> dict[str, Any]:
    config = state.config
    failures = state.failures.setdefault(attempt.address, Failures())
    if failures.banned_until:  # a ban that is over: the count starts again
        failures.count, failures.banned_until = 0, 0.0
    failures.count += 1
    if failures.count >= config.lockout_limit:
        failures.banned_until = time.monotonic() + config.lockout_seconds
        return _answer(state, RESTRICTED, {"remain_time": config.lockout_seconds})
    unknown = state.faults.get("unknown_user") and password_of(state, attempt) is None
    return _answer(state, UNKNOWN if unknown else WRONG, {"remain_num": config.lockout_limit - failures.count})


def _answer(state: State, status: int, remain: dict[str, int]) -> dict[str, Any]:
    """remain_num and remain_time stand in ``response``, or at the top level (field guide 1)."""
    where = state.faults.get("remain_fields")
    if where == "missing":
        return {"status": status, "response": {}}
    return {"status": status, "response": {}, **remain} if where == "top" else {"status": status, "response": remain}
