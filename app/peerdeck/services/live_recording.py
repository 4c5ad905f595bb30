"""A session being written to a file, once a second, until it ends."""

import asyncio
import contextlib
import errno
import functools
import logging
from collections.abc import Callable
from pathlib import Path

from peerdeck import __version__
from peerdeck.cloud.threads import CallThreads
from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import SessionLog
from peerdeck.core.session import Recording, Session
from peerdeck.services.journal import JournalService
from peerdeck.storage.recordings.tail import Tail
from peerdeck.storage.recordings.writer import RecordingFile

_log = logging.getLogger(__name__)
PROGRAM = f"Peerdeck {__version__}"
WRITE_S = 1.0
# Uncompressed. A file that has grown so far goes on in another one: each is opened in seconds.
MAX_RAW_BYTES = 1 << 30


class LiveRecording:
    """`run()` once; it ends after `stop()` or when the file cannot be written any more.

    Nothing of it reaches the session: it reads the log between two turns of the loop and writes on
    threads. file: new; owned from now on. show: told of the file's size and of a problem, and of
    None at an orderly end. `ended` is set when the file is closed.
    """

    def __init__(
        self,
        session: Session,
        log: SessionLog,
        file: RecordingFile,
        *,
        show: Callable[[Recording | None], None],
        journal: JournalService,
        threads: CallThreads,
        clock: Callable[[], float],
        write_s: float = WRITE_S,
        from_beginning: bool = True,
    ) -> None:
        self.session = session
        self.path = file.path
        self.ended = asyncio.Event()
        self._log = log
        self._file = file
        self._show = show
        self._journal = journal
        self._threads = threads
        self._clock = clock
        self._write_s = write_s
        self._started_at = clock()
        self._tail = self._new_tail(from_beginning=from_beginning)
        self._before = 0  # bytes in the files before this one
        self._stop = asyncio.Event()
        self._show(self._shown())

    def stop(self) -> None:
        """Idempotent; what was not written yet will be."""
        self._stop.set()

    async def run(self) -> None:
        problem: UserError | None = None
        try:
            while not self._stop.is_set():
                await self._write()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._write_s):
                        await self._stop.wait()
            await self._write()
            ended_at = self._clock()
            await self._threads.run("close", lambda: self._file.close(ended_at))
        except OSError as error:
            problem = not_written(self._file.path, error, partly=True)
        except Exception:  # noqa: BLE001  whatever it is, the session goes on, and its user is told
            _log.exception("recording of %s failed", self.session.channel)
            problem = UserError(
                "The recording failed by a fault of Peerdeck's own.", "Record once more."
            )
        finally:
            self.ended.set()
        if problem is None:
            self._tell_end()
        else:
            await self._tell_problem(problem)

    async def _write(self) -> None:
        while True:
            batch = self._tail.take()
            await self._threads.run("write", functools.partial(self._file.write, batch))
            if not self._tail.behind:
                break
        if self._file.raw_size >= MAX_RAW_BYTES and not self._stop.is_set():
            await self._go_on_in_another()
        self._show(self._shown())

    async def _go_on_in_another(self) -> None:
        """Nothing is appended between, so the new file begins where the old one ends."""
        full, ended_at = self._file, self._clock()
        rest, self._tail = self._tail.take(), self._new_tail(from_beginning=False)

        def change() -> RecordingFile:
            full.write(rest)
            full.close(ended_at)
            return new_file(self.path)

        self._file = await self._threads.run("change", change)
        self._before += full.size
        what = f"Recording goes on in {self._file.path.name}"
        self._journal.record("session", what, result=str(full.path))

    def _new_tail(self, *, from_beginning: bool) -> Tail:
        return Tail(
            self._log, from_beginning=from_beginning, program=PROGRAM, created_at=self._clock()
        )

    def _shown(self, problem: UserError | None = None) -> Recording:
        size = self._before + self._file.size
        return Recording(str(self._file.path), self._started_at, size, problem)

    def _tell_end(self) -> None:
        self._show(None)
        self._journal.record(
            "session",
            f"Record {self.session.channel}",
            took_ms=1000 * (self._clock() - self._started_at),
            result=str(self._file.path),
        )

    async def _tell_problem(self, problem: UserError) -> None:
        self._show(self._shown(problem))
        self._journal.record(
            "session",
            f"Record {self.session.channel}",
            ok=False,
            took_ms=1000 * (self._clock() - self._started_at),
            result=problem.title,
            detail=f"{problem.remedy}\n{problem.detail}".strip(),
        )
        with contextlib.suppress(OSError):
            await self._threads.run("close", self._file.close)


def new_file(path: Path) -> RecordingFile:
    """At path, or where there is a file already, at "name 2", "name 3" … Blocks; raises OSError."""
    for number in range(1, 1_000):
        name = path.name if number == 1 else f"{path.stem} {number}{path.suffix}"
        with contextlib.suppress(FileExistsError):
            return RecordingFile(path.with_name(name))
    raise FileExistsError(errno.EEXIST, "there are too many files of that name")


def not_written(path: Path, error: OSError, *, partly: bool = False) -> UserError:
    """partly: what was written before is there, and good."""
    detail = f"{path}: {error.strerror or error}"
    if isinstance(error, FileExistsError):
        return UserError(f"{path.name} exists already.", "Choose another name.", detail=detail)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return UserError(
            f"The disk is full, so {path.name} {'ends here' if partly else 'was not written'}.",
            "Free some space, then record or export again.",
            detail=detail,
        )
    return UserError(
        f"{path.name} cannot be written: {error.strerror or type(error).__name__}.",
        "Look whether the folder is there and may be written, or choose another one.",
        detail=detail,
    )
