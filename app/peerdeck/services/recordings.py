"""Recordings of sessions: made while they live, opened again; other formats in and out."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from peerdeck.cloud.threads import CallThreads
from peerdeck.core.errors import UserError
from peerdeck.core.observable import Observable
from peerdeck.core.peer_log import PeerLog, SessionLog
from peerdeck.core.rtc_stats import Member
from peerdeck.core.session import Phase, Recording, Session
from peerdeck.core.stats_definitions import definition_of
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.journal import JournalService
from peerdeck.services.live_recording import (
    PROGRAM,
    WRITE_S,
    LiveRecording,
    new_file,
    not_written,
)
from peerdeck.storage.recordings.records import MAGIC, SUFFIX
from peerdeck.storage.recordings.writer import RecordingFile

T = TypeVar("T")
CLOSE_S = 3.0
RECORDING = "recording"
_OVER = frozenset({Phase.LEFT, Phase.FAILED})


class LiveSessions(Protocol):
    """What is recorded: SessionsService."""

    state: Observable[tuple[Session, ...]]

    def log(self, session_id: str) -> SessionLog: ...

    def show_recording(self, session_id: str, recording: Recording | None) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A log that came out of a file. kind: "recording", "webrtc-internals" or "rtcstats".

    starts_at, ends_at: POSIX seconds of the first and the last thing in it. note: what of the file
    is missing, "" where it is whole.
    """

    id: str
    title: str
    path: str
    kind: str
    starts_at: float
    ends_at: float
    note: str = ""
    log: SessionLog = field(default_factory=SessionLog, compare=False, repr=False)


class RecordingsService:
    """`state`: what is open, in order of opening. What is being recorded is `Session.recording`."""

    def __init__(
        self,
        sessions: LiveSessions,
        journal: JournalService,
        *,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
        write_s: float = WRITE_S,
    ) -> None:
        self._sessions = sessions
        self._journal = journal
        self._folder = folder
        self._clock = clock
        self._write_s = write_s
        self._tasks = TaskSet("recordings")
        self._threads = CallThreads("recordings")
        self._running: dict[str, LiveRecording] = {}
        self._starting: set[str] = set()
        self._unsubscribe = sessions.state.subscribe(self._follow)
        self.state: Observable[tuple[OpenRecording, ...]] = Observable(())

    # -- recording -------------------------------------------------------------------------------

    async def start(
        self, session_id: str, path: Path | None = None, *, from_beginning: bool = True
    ) -> Path:
        """Records a session until `stop()` or its end; returns the file. Does nothing more where
        the session is being recorded.

        path: never overwritten; None for one in the user's documents, named by channel and time.
        from_beginning: what the session's histories still hold comes first. Raises UserError.
        """
        session = next((s for s in self._sessions.state.value if s.id == session_id), None)
        if session is None or not session.is_live:
            raise UserError("The session is over.", "Join again, then record.")
        running = self._running.get(session_id)
        if running is not None and not running.ended.is_set():
            return running.path
        if session_id in self._starting:
            raise UserError("The recording is already starting.", "Wait a moment.")
        self._starting.add(session_id)
        try:
            file = await self._thread("create", lambda: self._created(session, path))
        except OSError as error:
            raise not_written(path or self._own_folder(), error) from error
        finally:
            self._starting.discard(session_id)
        running = LiveRecording(
            session,
            self._sessions.log(session_id),
            file,
            show=lambda shown: self._sessions.show_recording(session_id, shown),
            journal=self._journal,
            threads=self._threads,
            clock=self._clock,
            write_s=self._write_s,
            from_beginning=from_beginning,
        )
        self._running[session_id] = running
        self._tasks.start(f"record {session_id}", self._run(running))
        self._follow(self._sessions.state.value)  # it may have ended meanwhile
        return file.path

    async def stop(self, session_id: str) -> Path | None:
        """Writes the rest and closes the file, which it returns. Idempotent."""
        running = self._running.get(session_id)
        if running is None:
            return None
        running.stop()
        await running.ended.wait()
        return running.path

    # -- opening ---------------------------------------------------------------------------------

    async def open(self, path: Path) -> tuple[str, ...]:
        """Opens a recording or a browser's dump; a file that is open is read anew.

        Raises UserError that names the file and what is wrong with it.
        """
        path = Path(path)
        with self._journal.timed("session", f"Open {path.name}") as result:
            try:
                found = await self._thread("open", lambda: _opened(path))
            except OSError as error:
                raise UserError(
                    f"{path.name} cannot be read: {error.strerror or error}.",
                    "Look whether it is there and may be read.",
                ) from error
            result.text = found.kind
            result.detail = found.note
        others = tuple(other for other in self.state.value if other.path != found.path)
        self.state.publish((*others, found))
        return (found.id,)

    def close(self, recording_id: str) -> None:
        """Idempotent."""
        self.state.publish(tuple(r for r in self.state.value if r.id != recording_id))

    # -- other formats ---------------------------------------------------------------------------

    async def export_internals(self, log: SessionLog, path: Path) -> None:
        """As chrome://webrtc-internals writes it; gzip where the name ends in .gz.

        Replaces a file that is there. Raises UserError.
        """
        from peerdeck.storage.dumps import internals

        copy = await _copied(log)
        await self._export(path, lambda: internals.write(copy, path, program=PROGRAM))

    async def export_csv(
        self, log: SessionLog, path: Path, members: Sequence[Member], peer_id: str = ""
    ) -> None:
        """Series of one peer ("" for the first) as a table. Replaces a file. Raises UserError."""
        from peerdeck.storage.dumps import series

        peer = log.peers.get(peer_id) or next(iter(log.peers.values()), None)
        if peer is None:
            raise UserError("There are no statistics yet.", "Export when the peer is connected.")
        copy = peer.copy()

        def unit_of(kind: str, member: str) -> str:
            return definition_of(kind, member).unit

        await self._export(path, lambda: series.write(copy, path, members, unit_of=unit_of))

    async def aclose(self) -> None:
        """Ends recordings in order, within a few seconds; forgets what is open. Idempotent."""
        self._unsubscribe()
        running = tuple(self._running.values())
        for one in running:
            one.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(one.ended.wait() for one in running))
        await self._tasks.aclose()
        await self._threads.aclose()
        self.state.publish(())

    # -- inside ----------------------------------------------------------------------------------

    def _follow(self, sessions: tuple[Session, ...]) -> None:
        """A session that is over, or was dismissed, is recorded no longer."""
        if not self._running:
            return
        going_on = {session.id for session in sessions if session.phase not in _OVER}
        for session_id, running in self._running.items():
            if session_id not in going_on:
                running.stop()

    async def _run(self, running: LiveRecording) -> None:
        try:
            await running.run()
        finally:
            if self._running.get(running.session.id) is running:
                del self._running[running.session.id]

    def _created(self, session: Session, path: Path | None) -> RecordingFile:
        """Blocks."""
        if path is not None:
            return RecordingFile(Path(path))
        folder = self._own_folder()
        folder.mkdir(parents=True, exist_ok=True)
        at = datetime.fromtimestamp(self._clock()).astimezone()
        return new_file(folder / f"{session.channel} {at:%Y-%m-%d %H.%M}{SUFFIX}")

    def _own_folder(self) -> Path:
        if self._folder is None:
            import platformdirs

            self._folder = platformdirs.user_documents_path() / "Peerdeck"
        return self._folder

    async def _export(self, path: Path, write: Callable[[], None]) -> None:
        with self._journal.timed("session", f"Export {path.name}"):
            try:
                await self._thread("export", write)
            except OSError as error:
                raise not_written(path, error) from error

    async def _thread(self, name: str, call: Callable[[], T]) -> T:
        return await self._threads.run(name, call)


async def _copied(log: SessionLog) -> SessionLog:
    """For a thread to read while the log goes on; other things have their turn between peers."""
    peers: dict[str, PeerLog] = {}
    for name, peer in tuple(log.peers.items()):
        peers[name] = peer.copy()
        await asyncio.sleep(0)
    return replace(log, facts=dict(log.facts), signaling=list(log.signaling), peers=peers)


def _opened(path: Path) -> OpenRecording:
    """Blocks. Raises UserError and OSError."""
    from peerdeck.storage.dumps import reading
    from peerdeck.storage.recordings.reader import read

    with path.open("rb") as file:
        start = file.read(len(MAGIC))
    note = ""
    if start[:4] == MAGIC[:4] or not start:
        restored = read(path)
        kind, log = RECORDING, restored.log
        if restored.damaged:
            note = "The file is damaged; what could be read is here."
        elif restored.ended_at is None:
            note = "The recording was not ended in order; all that was written is here."
    else:
        kind, log = reading.read(path)
    starts_at, ends_at = log.span()
    return OpenRecording(
        id=f"recording-{secrets.token_hex(4)}",
        title=log.title or path.stem,
        path=str(path),
        kind=kind,
        starts_at=starts_at,
        ends_at=ends_at,
        note=note,
        log=log,
    )
