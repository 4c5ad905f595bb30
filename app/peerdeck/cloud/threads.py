"""Threads that blocking calls run on."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_MOST_RESTING = 4


class CallThreads:
    """One daemon thread per call, at most `limit` at once. A few rest for the next call: to start
    one takes the loop half a millisecond.

    Daemons, unlike an executor's threads, never hold up the end of the program: a call into a dead
    network lasts until its timeouts, and nothing can interrupt it.
    """

    def __init__(self, owner: str, *, limit: int = 16) -> None:
        self._owner = owner
        self._slots = asyncio.Semaphore(limit)
        self._running: set[_Worker] = set()
        self._resting: list[_Worker] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def run(self, name: str, call: Callable[[], T]) -> T:
        """The result or the exception of `call()`, run on a thread.

        A cancelled caller does not wait; its call keeps its slot until it ends by itself.
        """
        await self._slots.acquire()
        if self._closed:
            self._slots.release()
            raise RuntimeError(f"{self._owner} is closed")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        worker = self._resting.pop() if self._resting else _Worker()

        def body() -> None:
            result: T | None = None
            failure: BaseException | None = None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  belongs to the caller, who gets it below
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                loop.call_soon_threadsafe(self._ended, worker, outcome, result, failure)

        self._running.add(worker)
        self._idle.clear()
        worker.take(f"{self._owner}/{name}", body)
        return await outcome

    def _ended(
        self,
        worker: "_Worker",
        outcome: "asyncio.Future[Any]",
        result: Any,
        failure: BaseException | None,
    ) -> None:
        self._running.discard(worker)
        if self._closed or len(self._resting) >= _MOST_RESTING:
            worker.end()
        else:
            self._resting.append(worker)
        self._slots.release()
        if not self._running:
            self._idle.set()
        if outcome.cancelled():
            return
        if failure is not None:
            outcome.set_exception(failure)
        else:
            outcome.set_result(result)

    async def aclose(self, timeout_s: float = 2.0) -> None:
        """Refuses new calls and waits a while for running ones. Idempotent."""
        self._closed = True
        while self._resting:
            self._resting.pop().end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()


class _Worker:
    """A thread that takes calls until `end()`; also when nobody knows it any more."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[str, Callable[[], None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._calls,), daemon=True)
        self._thread.start()

    def take(self, name: str, call: Callable[[], None]) -> None:
        self._calls.put((name, call))

    def end(self) -> None:
        """It has nothing to do, so that this takes no time."""
        self._calls.put(None)
        self._thread.join()

    def __del__(self) -> None:
        self._calls.put(None)


def _work(calls: "SimpleQueue[tuple[str, Callable[[], None]] | None]") -> None:
    thread = threading.current_thread()
    while (found := calls.get()) is not None:
        thread.name, call = found
        call()
        del call, found  # what it holds is not kept until the next one
        thread.name = "resting"
