"""Threads that blocking calls run on."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class CallThreads:
    """One daemon thread per call, at most `limit` at once; none stays when there is no call.

    Daemons, unlike an executor's threads, never hold up the end of the program: a call into a dead
    network lasts until its timeouts, and nothing can interrupt it.
    """

    def __init__(self, owner: str, *, limit: int = 16) -> None:
        self._owner = owner
        self._slots = asyncio.Semaphore(limit)
        self._running: set[threading.Thread] = set()
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

        def body() -> None:
            result: T | None = None
            failure: BaseException | None = None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  belongs to the caller, who gets it below
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                loop.call_soon_threadsafe(self._ended, thread, outcome, result, failure)

        thread = threading.Thread(target=body, name=f"{self._owner}/{name}", daemon=True)
        self._running.add(thread)
        self._idle.clear()
        thread.start()
        return await outcome

    def _ended(
        self,
        thread: threading.Thread,
        outcome: "asyncio.Future[Any]",
        result: Any,
        failure: BaseException | None,
    ) -> None:
        thread.join()  # it has nothing left to do
        self._running.discard(thread)
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
