"""The one event loop: asyncio on Qt's, with callbacks in batches.

qasync makes a Qt timer of every callback, and disables and enables a socket notifier around every
event: half of what a tunnel's bytes and a picture's packets cost. `BatchingLoop` is qasync's loop
with these three done otherwise; everything else is qasync's own.
"""

import asyncio
import heapq
import logging
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

import PySide6.QtWidgets  # noqa: F401 - qasync takes whichever binding was imported before it
import qasync  # type: ignore[import-untyped]
from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QObject,
    QSocketNotifier,
    Qt,
    QThread,
    QTimerEvent,
)
from PySide6.QtWidgets import QApplication

_log = logging.getLogger(__name__)

# Of one turn: what is left then comes after Qt's own events. A frame of the screen lasts 16 ms.
BUDGET_S: Final = 0.003
_DRAIN: Final = QEvent.Type(QEvent.registerEventType())
_MOST_CANCELLED: Final = 100
_MOST_IDLE: Final = 256
_NO_TURN: Final = -1
_LONGEST_S: Final = 86_400.0  # Qt's timers count milliseconds in 32 bits


def make_loop(app: QApplication) -> asyncio.AbstractEventLoop:
    """For `asyncio.Runner(loop_factory=...)`, which closes it: an open one aborts the process."""
    # At DEBUG qasync writes its threads' callbacks with their arguments: signed URLs among them.
    logging.getLogger("qasync").setLevel(logging.INFO)
    # Windows completes its reads and writes instead of announcing them: no notifiers there.
    loop: asyncio.AbstractEventLoop = (
        BatchingLoop if sys.platform != "win32" else qasync.QEventLoop
    )(app)
    return loop


class _Turns(QObject):
    """Qt's end: an event that callbacks wait for, and one timer for the first that is due."""

    def __init__(self, run: Callable[[], None], run_due: Callable[[], None]) -> None:
        super().__init__()
        self._run = run
        self._run_due = run_due
        self._timer = 0

    def post(self) -> None:
        """From any thread."""
        QCoreApplication.postEvent(self, QEvent(_DRAIN))

    def wake_after(self, delay_s: float) -> None:
        """Instead of the time that was set before."""
        self.rest()
        milliseconds = math.ceil(1000 * min(max(0.0, delay_s), _LONGEST_S))
        self._timer = self.startTimer(milliseconds, Qt.TimerType.PreciseTimer)

    def rest(self) -> None:
        if self._timer:
            self.killTimer(self._timer)
            self._timer = 0

    def customEvent(self, event: QEvent) -> None:
        self._run()

    def timerEvent(self, event: QTimerEvent) -> None:
        self.rest()
        self._run_due()


class _Watch:
    """One direction of one descriptor, over all callbacks that ever wait for it."""

    def __init__(
        self, descriptor: int, kind: QSocketNotifier.Type, run: Callable[[asyncio.Handle], None]
    ) -> None:
        self.handle: asyncio.Handle | None = None
        self._run = run
        self._notifier = QSocketNotifier(descriptor, kind)
        self._notifier.setEnabled(False)
        self._notifier.activated["int"].connect(self._ready)  # type: ignore[index]

    def begin(self, handle: asyncio.Handle) -> None:
        if self.handle is not None:
            self.handle.cancel()
        else:
            self._notifier.setEnabled(True)
        self.handle = handle

    def end(self) -> None:
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None
            self._notifier.setEnabled(False)

    def _ready(self, _descriptor: int) -> None:
        if self.handle is not None and not self.handle.cancelled():
            self._run(self.handle)


class _Watches:
    """One direction of every descriptor. Those that rest are kept for a while: reading pauses and
    resumes all the time, and making a notifier is what costs."""

    def __init__(self, kind: QSocketNotifier.Type, run: Callable[[asyncio.Handle], None]) -> None:
        self._kind = kind
        self._run = run
        self._active: dict[int, _Watch] = {}
        self._idle: dict[int, _Watch] = {}

    def begin(self, descriptor: int, handle: asyncio.Handle) -> None:
        watch = self._active.get(descriptor)
        if watch is None:
            watch = self._idle.pop(descriptor, None) or _Watch(descriptor, self._kind, self._run)
            self._active[descriptor] = watch
        watch.begin(handle)

    def end(self, descriptor: int) -> bool:
        """Whether somebody waited."""
        watch = self._active.pop(descriptor, None)
        if watch is None:
            return False
        watch.end()
        self._idle[descriptor] = watch
        if len(self._idle) > _MOST_IDLE:
            del self._idle[next(iter(self._idle))]
        return True

    def end_all(self) -> None:
        for descriptor in tuple(self._active):
            self.end(descriptor)
        self._idle.clear()


class BatchingLoop(qasync.QEventLoop):  # type: ignore[misc]
    """Callbacks run in turns of at most BUDGET_S, between which Qt does its own work.

    A turn begins with a socket, a timer, or the event that is posted for callbacks. What a socket's
    own callback calls for runs in its turn: an event costs two system calls and another poll.
    """

    def __init__(self, app: QApplication) -> None:
        self._batch: deque[asyncio.Handle] = deque()
        self._due: list[asyncio.TimerHandle] = []
        self._cancelled = 0
        self._posted = False
        self._readers = _Watches(QSocketNotifier.Type.Read, self._run_ready)
        self._writers = _Watches(QSocketNotifier.Type.Write, self._run_ready)
        self._thread = QThread.currentThread()
        self._turn_level = _NO_TURN  # of nested Qt loops, at which a turn is going on
        self._turns = _Turns(self._run_batch, self._run_due)
        super().__init__(app)

    # -- callbacks -------------------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._add_callback(handle)
        return handle

    def _add_callback(self, handle: asyncio.Handle, _delay: float = 0) -> None:
        self._batch.append(handle)
        # Where a callback started a loop of Qt's, its turn goes on only when that one has ended.
        if not self._posted and self._turn_level != self._thread.loopLevel():
            self._post()

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Appending to a deque and posting an event are safe from every thread. It is appended
        first: either the turn that is beginning sees it, or this sees that there is none posted.
        """
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._batch.append(handle)
        if not self._posted:
            self._post()
        return handle

    def _post(self) -> None:
        self._posted = True
        self._turns.post()

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_closed()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]  # it tells us when it is cancelled
        heapq.heappush(self._due, handle)
        if self._due[0] is handle:
            self._turns.wake_after(when - self.time())
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Most timers are deadlines that are met: they would fill the heap."""
        self._cancelled += 1
        if self._cancelled > max(_MOST_CANCELLED, len(self._due) // 2):
            self._due = [waiting for waiting in self._due if not waiting.cancelled()]
            heapq.heapify(self._due)
            self._cancelled = 0

    def _run_batch(self) -> None:
        self._posted = False
        self._take_turn()

    def _run_ready(self, handle: asyncio.Handle) -> None:
        """What waited for a descriptor, and what it calls for."""
        self._take_turn(handle)

    def _run_due(self) -> None:
        now = self.time()
        due = self._due
        while due and (due[0].cancelled() or due[0].when() <= now):
            handle = heapq.heappop(due)
            handle._scheduled = False  # type: ignore[attr-defined]
            if handle.cancelled():
                self._cancelled -= 1
            else:
                self._batch.append(handle)
        if due:
            self._turns.wake_after(due[0].when() - now)
        self._take_turn()

    def _take_turn(self, first: asyncio.Handle | None = None) -> None:
        batch, clock = self._batch, time.monotonic
        level, self._turn_level = self._turn_level, self._thread.loopLevel()
        ends_at = clock() + BUDGET_S
        try:
            if first is not None:
                self._run_handle(first)
            # Those that come meanwhile wait for the next turn, as in asyncio: who waits for one
            # finds that Qt has had its own.
            for _ in range(len(batch)):
                if not batch or clock() > ends_at:
                    break  # a nested event loop took them; or it is Qt's turn
                handle = batch.popleft()
                if not handle.cancelled():
                    self._run_handle(handle)
        finally:
            self._turn_level = level
            if batch and not self._posted and not self.is_closed():
                self._post()

    def _run_handle(self, handle: asyncio.Handle) -> None:
        if not self.get_debug():
            handle._run()
            return
        begun = time.monotonic()
        handle._run()
        took_s = time.monotonic() - begun
        if took_s >= self.slow_callback_duration:
            _log.warning("Executing %r took %.3f seconds", handle, took_s)

    # -- descriptors -----------------------------------------------------------------------------

    def _add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return self._watch(self._readers, fd, callback, args)

    def _add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return self._watch(self._writers, fd, callback, args)

    def _remove_reader(self, fd: Any) -> bool:
        return not self.is_closed() and self._readers.end(qasync._fileno(fd))

    def _remove_writer(self, fd: Any) -> bool:
        return not self.is_closed() and self._writers.end(qasync._fileno(fd))

    def _watch(
        self, watches: _Watches, fd: Any, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> asyncio.Handle:
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, None)
        watches.begin(qasync._fileno(fd), handle)
        return handle

    def close(self) -> None:
        if self.is_closed():
            return
        super().close()
        self._turns.rest()
        QCoreApplication.removePostedEvents(self._turns)
        self._readers.end_all()
        self._writers.end_all()
        self._batch.clear()
        self._due.clear()
