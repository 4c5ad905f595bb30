"""Our viewer on the channel, by the console's own cloud and engine rooms."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from peerdeck.core.ice import IceServer
from peerdeck.engine.viewer import ViewerSession

BOUND_S = 20.0


class Joined:
    """A session in a running task."""

    def __init__(self, make: Callable[[Callable[[], None]], ViewerSession]) -> None:
        self._changed = asyncio.Event()
        self.session = make(self._changed.set)
        self.session.on_frame = self._changed.set
        self.task = asyncio.get_running_loop().create_task(self.session.run(), name="test/join")
        self.task.add_done_callback(lambda _: self._changed.set())

    async def frames(self, count: int) -> None:
        """Returns when so many more have come."""
        wanted = self.session.frames + count
        await self._until(lambda: self.session.frames >= wanted)

    async def text(self, part: str) -> str:
        """The last text, as soon as it holds `part`."""
        await self._until(lambda: part in self.session.telemetry)
        return self.session.telemetry

    async def leave(self) -> None:
        await self.session.leave()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """What `run()` raises, if it ends before; TimeoutError after BOUND_S."""
        async with asyncio.timeout(BOUND_S):
            while not condition():
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the session ended")
                self._changed.clear()
                await self._changed.wait()


class Join(Protocol):
    """relay: "udp", "tcp" or "tls", and no other path; "" for any path."""

    async def __call__(self, *, relay: str = "") -> Joined: ...


def only(servers: tuple[IceServer, ...], relay: str) -> tuple[IceServer, ...]:
    """The TURN servers with their URIs of that transport."""
    kept = (
        replace(s, uris=tuple(u for u in s.uris if u.is_turn and u.transport_name == relay.upper()))
        for s in servers
    )
    return tuple(server for server in kept if server.uris)
