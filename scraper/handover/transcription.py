"""Speech to text by a service that speaks as OpenAI's does; what it says is kept beside the recording, and may be summed up.

The service gets the sound under a neutral name, and nothing else: no number, no name, no call record. It may cost, so that a day's usage is
noted in the catalog before it is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import httpx

from scraper.catalog import Catalog, Transcript
from scraper.catalog.transcripts import Allowance, TranscriptKind
from scraper.errors import StorageError
from scraper.handover.http import Answer, client_of, post
from scraper.handover.interface import NotNow, Undelivered
from scraper.handover.subject import Farewell, Subject
from scraper.settings.sinks import Summary, Transcription
from scraper.store import Store
from scraper.threads import in_thread

#: Where the store keeps what is on its way: no UCM is called so.
INCOMING = "~handover"
_EXTENSIONS: dict[TranscriptKind, str] = {"text": ".transcript.txt", "json": ".transcript.json", "summary": ".summary.txt"}
_LONGEST_WAIT = 3600.0


class TranscriptionSink:
    """``clock`` tells the time in the zone whose days count."""

    def __init__(
        self, name: str, settings: Transcription, seconds: float, desk: tuple[Catalog, Store], clock: Callable[[], datetime]
    ) -> None:
        self._name = name
        self._settings = settings
        self._catalog, self._store = desk
        self._clock = clock
        self._http = client_of(settings.ca_file, seconds)
        minutes = settings.daily_minutes
        self._most = Allowance(settings.daily_count, None if minutes is None else minutes * 60)

    async def deliver(self, subject: Subject | Farewell) -> str:
        """See :meth:`~scraper.handover.interface.Sink.deliver`."""
        if isinstance(subject, Farewell):
            return "It keeps nothing."
        seconds = subject.seconds
        if seconds is None or seconds < self._settings.min_seconds:
            return "Left out: too short, or no sound that can be read."
        text = self._made_already(subject)
        if text is None:
            text = await self._transcribe(subject, seconds)
        if not text.strip():
            return "It heard no words."
        if self._settings.summary:
            summary = await self._sum_up(text, self._settings.summary)
            await in_thread(self._keep, subject, {"summary": summary.encode()})
        return ""

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def _made_already(self, subject: Subject) -> str | None:
        """The text that an earlier attempt at this very delivery made: it was paid for."""
        made = {one.kind: one for one in subject.transcripts}
        again = subject.delivery.attempts > 0 and "json" in made and made["json"].made_at >= subject.delivery.queued_at
        return (subject.texts or {}).get("text") if again else None

    async def _transcribe(self, subject: Subject, seconds: float) -> str:
        try:
            file = await in_thread(self._store.open, subject.recording.path)
        except OSError as error:
            raise StorageError("A recording's file in the store can't be read.") from error
        try:
            answer = await self._ask(file, PurePosixPath(subject.recording.path).suffix, seconds)
        finally:
            await in_thread(file.close)
        text = _object(answer).get("text")
        if not isinstance(text, str):
            raise Undelivered("It answered with JSON that holds no text.")
        await in_thread(self._keep, subject, {"json": answer.body, "text": text.encode()})
        return text

    async def _ask(self, file: BinaryIO, extension: str, seconds: float) -> Answer:
        """The service's answer to a file; what it may cost is noted before it is asked."""
        day = self._clock()
        await in_thread(self._take_allowance, day, seconds)
        form = {"model": self._settings.model, "response_format": "json"}
        if self._settings.language:
            form["language"] = self._settings.language
        # httpx forms the multipart body; it is read piece by piece in threads, for the store may be far away.
        request = httpx.Request("POST", self._settings.url, data=form, files={"file": (f"recording{extension or '.wav'}", file)})
        headers = {name: request.headers[name] for name in ("content-type", "content-length") if name in request.headers}
        pieces = _in_threads(iter(cast(httpx.SyncByteStream, request.stream)))
        try:
            return await post(self._http, f"{self._settings.url}/audio/transcriptions", pieces, headers | self._key())
        except Undelivered as error:
            if error.free:
                await in_thread(self._catalog.return_allowance, self._name, day.date(), seconds)
            raise

    def _take_allowance(self, day: datetime, seconds: float) -> None:
        if self._most.seconds is not None and seconds > self._most.seconds:
            raise Undelivered("It is longer than daily_minutes allows for a whole day.", lasting=True)
        if not self._catalog.take_allowance(self._name, day.date(), seconds, self._most):
            tomorrow = (day + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            wait = min((tomorrow - day).total_seconds(), _LONGEST_WAIT)
            raise NotNow("Today's allowance is used up: it waits until tomorrow.", wait, all_rest=True)

    async def _sum_up(self, text: str, summary: Summary) -> str:
        messages = [{"role": "system", "content": summary.prompt}, {"role": "user", "content": text}]
        body = json.dumps({"model": summary.model, "messages": messages}).encode()
        headers = {"Content-Type": "application/json"} | self._key()
        found = _object(await post(self._http, f"{self._settings.url}/chat/completions", body, headers))
        try:
            content = found["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            content = None
        if not isinstance(content, str) or not content.strip():
            raise Undelivered("It answered with JSON that holds no summary.")
        return content

    def _key(self) -> dict[str, str]:
        key = self._settings.api_key
        return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    def _keep(self, subject: Subject, texts: dict[TranscriptKind, bytes]) -> None:
        """Put them beside the recording. The catalog names them first, so that nothing lies there that it doesn't know of."""
        path, identifier = subject.recording.path, subject.recording.id
        made = [
            Transcript(identifier, kind, path + _EXTENSIONS[kind], hashlib.sha256(text).hexdigest(), len(text))
            for kind, text in texts.items()
        ]
        files = [self._store.receive(INCOMING) for _ in made]
        try:
            for file, text in zip(files, texts.values(), strict=True):
                file.file.write(text)
                file.seal()
            if not self._catalog.enter_transcripts(made):
                raise NotNow("The recording is there no more.", _LONGEST_WAIT)
            for file, one in zip(files, made, strict=True):
                if not self._store.place(file, one.path):
                    self._store.replace(file, one.path)
            self._store.sync([one.path for one in made])
        finally:
            for file in files:
                file.discard()
        paths = [one.path for one in made]
        if not self._catalog.keeps_transcripts(identifier, paths):  # erased meanwhile
            for path in paths:
                self._store.remove(path)
            self._store.sync(paths)


def _object(answer: Answer) -> dict[str, Any]:
    found = answer.json()
    if not isinstance(found, dict):
        raise Undelivered("It answered with JSON that is no object.")
    return found


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await in_thread(next, pieces, None)) is not None:
        yield piece
