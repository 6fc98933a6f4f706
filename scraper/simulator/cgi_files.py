"""The web UI's files: checkFile, packFile and downloadFile of recordings (field guide 1, *Recordings page*)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from scraper.models import RecordingClass

from .cgi import CLASSES, INVALID, Call, Handler, answer, filtered
from .delivery import ERROR_PAGE, Delivery, Effects, attachment, deliver_single, page_instead
from .packs import PackPlan, build, fingerprint, not_an_archive
from .recordings import Recording
from .state import Download, State

MISSING, ANOTHER_TASK = 2, -51

#: packFile's ``type``: the class it packs, the name for all of it, the name for ticked rows.
PACKS = {
    "cdr_pack": (RecordingClass.MONITOR, "allCdrRecordFiles.tgz", "batchCdrRecordFiles.tgz"),
    "queue_pack": (RecordingClass.QUEUE, "allQueueRecordFiles.tgz", "batchQueueRecordFiles.tgz"),
    "meetme_pack": (RecordingClass.MEETME, "allMeetmeRecordFiles.tgz", "batchMeetmeRecordFiles.tgz"),
    "conference_pack": (RecordingClass.MEETME, "allConferenceRecordFiles.tgz", "batchConferenceRecordFiles.tgz"),
}


@dataclass(slots=True)
class Files:
    """Packs made so far, by the name they are downloaded under; at most one is being made."""

    state: State
    packed: dict[str, Path] = field(default_factory=dict)
    running: asyncio.Task[int] | None = None
    stuck: bool = False
    last_single: float = 0.0

    def handlers(self) -> dict[str, Handler]:
        """The actions that this module answers."""
        return {"checkFile": self.check, "packFile": self.pack, "downloadFile": self.download}

    async def check(self, call: Call) -> Response:
        """Status 0, or 2 for a file that is missing. With ``pack_mode`` poll it also tells whether a pack is ready."""
        kind, name = call.params.get("type", ""), call.params.get("data", "")
        if kind in PACKS:
            return answer(0 if name in self.packed and not self._busy() else MISSING)
        return answer(0 if kind in CLASSES and self.state.find(name, CLASSES[kind]) else MISSING)

    async def pack(self, call: Call) -> Response:
        """Packs everything of a class, or the rows that ``data`` names. One at a time, as on the PBX (-51)."""
        kind, data = call.params.get("type", ""), call.params.get("data", "")
        if kind not in PACKS or not data:
            return answer(INVALID)
        if self._busy():
            return answer(ANOTHER_TASK)
        klass, all_name, batch_name = PACKS[kind]
        everything = data == all_name
        chosen = filtered(self.state.packable(klass), call.params.get("filter", ""), self.state)
        if not everything:
            wanted = set(data.split(","))
            chosen = [recording for recording in chosen if recording.path in wanted]
        target = all_name if everything else batch_name
        self.packed.pop(target, None)
        self.running = asyncio.create_task(self._pack(chosen, target, everything))
        if self.state.config.pack_mode == "poll":
            return answer(0, state="packing")
        return answer(await asyncio.shield(self.running))

    def _busy(self) -> bool:
        if self.running is not None and self.stuck and not self.state.faults.get("pack_never_ends"):
            self.running.cancel()  # the fault has been cleared: the PBX is itself again
            self.running = None
        return self.running is not None and not self.running.done()

    async def _pack(self, recordings: list[Recording], target: str, everything: bool) -> int:
        """The status that packing ends with."""
        config, faults = self.state.config, self.state.faults
        started = time.monotonic()
        self.stuck = bool(faults.take("pack_never_ends"))
        if self.stuck:
            await asyncio.Event().wait()
        hostile, plain, truncated = faults.take("hostile") or (), bool(faults.take("plain_tar")), faults.take("archive_truncated")
        plan = PackPlan(config.archive_paths, hostile, plain, truncated)
        path = config.pack_file if everything and config.pack_file else self.state.folder / f"{fingerprint(recordings, plan)}.tgz"
        if not path.exists():
            await run_in_threadpool(build, recordings, path, plan)
        await asyncio.sleep(max(0.0, config.pack_seconds - (time.monotonic() - started)))
        failed = faults.take("pack_fails")
        if failed is not None:
            return int(failed)
        self.packed[target] = path
        return 0

    async def download(self, call: Call) -> Response:
        """A pack, one recording, or a table of calls that was made before."""
        kind, name = call.params.get("type", ""), call.params.get("data", "")
        if kind in PACKS:
            return self._download_pack(kind, name)
        if kind in CLASSES:
            return self._download_single(call, kind, name)
        made = self.state.folder / f"csv-{Path(name).name}"
        if kind == "cdr_recording" and made.exists():
            return deliver_table(self.state, name, made)
        return answer(INVALID)

    def _download_pack(self, kind: str, name: str) -> Response:
        faults = self.state.faults
        path = self.packed.get(name)
        if path is None:
            return Response(ERROR_PAGE, media_type="text/html")
        instead = faults.take("archive_instead")
        if instead == "504":
            return Response(ERROR_PAGE, 504, media_type="text/html")
        if instead is not None:
            body, media = not_an_archive(instead)
            self.state.downloads.append(Download(kind, name, len(body), len(body)))
            return Response(body, media_type=media, headers={"content-disposition": attachment(name)})
        if moved := faults.get("archive_moved"):
            there = {
                "file": f"/packed/{quote(name)}",
                "deletion": "/cgi?action=removeFile&type=voice_recording&data=*",
                "page": "/login.php",
            }
            return Response(ERROR_PAGE, 302, {"location": there[moved]}, "text/html")
        return self._deliver(kind, name, path)

    async def moved(self, request: Request) -> Response:
        """A pack at the place that ``archive_moved`` sends the browser to."""
        name = request.path_params["name"]
        path = self.packed.get(name)
        return self._deliver("moved", name, path) if path else Response(ERROR_PAGE, 404, media_type="text/html")

    def _deliver(self, kind: str, name: str, path: Path) -> Response:
        faults, download = self.state.faults, Download(kind, name, path.stat().st_size)
        self.state.downloads.append(download)
        return Delivery(path, download, Effects(faults.take("archive_cut"), faults.take("archive_stalls"), faults.take("archive_slow")))

    def _download_single(self, call: Call, kind: str, name: str) -> Response:
        """Needs the two cookies that the page sets; too fast a sequence yields HTML (field guide 1)."""
        if not ({"username", "user_id"} <= call.request.cookies.keys()):
            return page_instead(self.state, kind, name)
        pace, now = self.state.faults.get("single_pace"), time.monotonic()
        hasty, self.last_single = pace is not None and now - self.last_single < pace, now
        if hasty:
            return Response(ERROR_PAGE, media_type="text/html", headers={"content-disposition": attachment(name)})
        recording = self.state.find(name, CLASSES[kind])
        if recording is None:
            return Response(ERROR_PAGE, media_type="text/html", headers={"content-disposition": attachment(name)})
        data = recording.riff() if self.state.config.single == "riff" else recording.stored()
        return deliver_single(self.state, kind, name, data)


def deliver_table(state: State, name: str, path: Path) -> Response:
    """A CSV that lies on the PBX."""
    download = Download("cdr_recording", name, path.stat().st_size)
    state.downloads.append(download)
    return Delivery(path, download)
