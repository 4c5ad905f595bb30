"""Connecting that ends when its connection is closed."""

import asyncio

from aiortc import RTCPeerConnection


class Connecting:
    """Holds the tasks in which aiortc connects, and which it forgets.

    Closed amid one of them, it would stop what has not begun, and then begin it: a receiver that
    reports once a second, to nobody and for ever.
    """

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connect = connection._RTCPeerConnection__connect  # type: ignore[attr-defined]
        self._running: set[asyncio.Task[None]] = set()
        self._ended = False
        connection._RTCPeerConnection__connect = self._run  # type: ignore[attr-defined]

    async def end(self) -> None:
        """Before the connection is closed. Idempotent."""
        self._ended = True
        running = tuple(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _run(self) -> None:
        task = asyncio.current_task()
        if self._ended or task is None:
            return
        self._running.add(task)
        try:
            await self._connect()
        finally:
            self._running.discard(task)
