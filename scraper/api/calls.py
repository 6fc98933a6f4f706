"""Calls to either family: signed in, at the common pace, tried again where that helps, their answers judged."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeVar

from scraper.api.answers import HTML_SECONDS, NotNow, SessionOver, check
from scraper.api.family import Family
from scraper.api.reply import JsonObject, Reply, name_of
from scraper.api.unpack import SOUND, another_recording, unpack_single
from scraper.errors import (
    AnswerCut,
    AnswerNotAsExpected,
    DownloadFailed,
    NetworkError,
    NotARecording,
    SessionEnded,
    Throttled,
    WebPageInstead,
)

_T = TypeVar("_T")

#: Sign-ins within one call: a session that ends that often is used by somebody else as well.
_RENEWALS = 2
#: What a network that fails for a moment is given: tries, and seconds between them.
_NETWORK_TRIES, _NETWORK_SECONDS = 2, 2.0
_DAMAGED_TRIES, _CUT_TRIES = 2, 3
_ARCHIVES = frozenset({"tar", "gzip"})


class Calls:
    """One user's calls. Not for several threads at once."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def begin(self) -> None:
        """Sign in now. Raises what signing in raises."""
        self._patiently(lambda: None)

    def ask(self, action: str, params: Mapping[str, str]) -> JsonObject:
        """The JSON answer to a call, its status checked.

        Raises :class:`~scraper.errors.PermissionMissing`, :class:`~scraper.errors.GoneAtPbx`, :class:`Throttled`,
        :class:`~scraper.errors.AnswerNotAsExpected` (of it :class:`~scraper.errors.NotUnderstood`),
        :class:`~scraper.errors.SignInError`, :class:`~scraper.errors.UnreachableError`, :class:`SessionEnded`.
        """

        def once() -> JsonObject:
            with self.family.open(action, params) as reply:
                _refuse_html(reply, Throttled(f"The API answers {action} with HTML pages."))
                answer = _json(reply)
            check(answer, action)
            return answer

        return self._patiently(once)

    def text(self, action: str, params: Mapping[str, str]) -> str | None:
        """The text that a call answers; None where it answers something else. Raises as :meth:`ask`."""

        def once() -> str | None:
            with self.family.open(action, params) as reply:
                _refuse_html(reply, Throttled(f"The API answers {action} with HTML pages."))
                if reply.kind == "json":
                    check(reply.json(), action)
                return reply.text() if reply.kind == "text" else None

        return self._patiently(once)

    def fetch(self, params: Mapping[str, str], name: str, sink: BinaryIO) -> int:
        """Write the recording ``name`` into ``sink`` (seekable; emptied first) and return its size in bytes.

        Raises as :meth:`ask`, and :class:`NotARecording`, :class:`WebPageInstead`, :class:`DownloadFailed` where it keeps breaking off.
        """

        def once() -> int:
            sink.seek(0)
            sink.truncate()
            try:
                with self.family.open("recapi", params) as reply:
                    _judge(reply, name)
                    for piece in reply.pieces():
                        sink.write(piece)
                    kind = reply.kind
            except AnswerCut as error:
                raise NotNow(DownloadFailed("The PBX broke off the recording."), _NETWORK_SECONDS, tries=_CUT_TRIES) from error
            if kind in _ARCHIVES:
                unpack_single(sink, name)
            return sink.seek(0, os.SEEK_END)

        return self._patiently(once)

    def _patiently(self, once: Callable[[], _T]) -> _T:
        """Call until there is an answer or no more patience, obeying the waits that the PBX asks for."""
        pace, tries, renewals = self.family.pace, 0, 0
        while True:
            try:
                self.family.ready()
                pace.wait()
                result = once()
            except SessionOver:
                renewals += 1
                if renewals > _RENEWALS:
                    raise SessionEnded("The PBX ends every session of the API user at once.") from None
                self.family.forget()
            except NotNow as later:
                tries += 1
                (pace.busy if later.throttled else pace.later)(later.wait)
                if tries >= later.tries:
                    raise later.error from later.__cause__
            except NetworkError:
                tries += 1
                pace.later(_NETWORK_SECONDS)
                if tries >= _NETWORK_TRIES:
                    raise
            else:
                pace.fine()
                return result


def _json(reply: Reply) -> JsonObject:
    """Its JSON; what is damaged or empty is asked for once more."""
    try:
        return reply.json()
    except AnswerNotAsExpected as error:
        if error.evidence.get("too_large"):
            raise
        raise NotNow(error, _NETWORK_SECONDS, tries=_DAMAGED_TRIES) from error


def _refuse_html(reply: Reply, error: Throttled | WebPageInstead) -> None:
    """HTML in place of an answer says, on CloudUCM, that calls follow each other too fast (field guide 1)."""
    if reply.kind == "html":
        raise NotNow(error, HTML_SECONDS, throttled=True)


def _judge(reply: Reply, name: str) -> None:
    """Raise unless a recording, or an archive of one, begins here."""
    _refuse_html(reply, WebPageInstead())
    if reply.kind == "empty":
        raise NotNow(NotARecording("The PBX sent nothing under the recording's name."), _NETWORK_SECONDS, tries=_DAMAGED_TRIES)
    if reply.kind == "json":
        check(reply.json(), "recapi")
    if reply.kind not in SOUND | _ARCHIVES:
        raise NotARecording(f"The PBX sent {name_of(reply.kind)} under the recording's name.", kind=reply.kind)
    if reply.file_name is not None and another_recording(reply.file_name, name):
        raise NotARecording("The PBX sent another recording than the one that was asked for.")
