"""Our end of a session, by the console's own services."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from tests.waiting import until

from peerdeck.core.errors import UserError
from peerdeck.core.join import JoinOptions
from peerdeck.core.rtc_stats import StatsReport
from peerdeck.core.session import Phase, Session
from peerdeck.core.stats import PeerStats
from peerdeck.wiring import Console

BOUND_S = 20.0


class Joined:
    """A session of a console."""

    def __init__(self, console: Console, arn: str, options: JoinOptions) -> None:
        self._sessions = console.sessions
        self._framed = asyncio.Event()
        self._frames = 0
        self.id = console.sessions.join(arn, options)
        console.sessions.watch_frames(self.id, self._frame)

    @property
    def now(self) -> Session:
        return next(s for s in self._sessions.state.value if s.id == self.id)

    async def until(self, condition: Callable[[Session], object]) -> Session:
        """AssertionError where it fails before; TimeoutError after BOUND_S."""
        await until(
            self._sessions.state,
            lambda _: condition(self.now) or self.now.phase is Phase.FAILED,
        )
        assert condition(self.now), self.now.problem
        return self.now

    async def failed(self) -> UserError:
        """Why."""
        await until(self._sessions.state, lambda _: self.now.phase is Phase.FAILED)
        assert self.now.problem is not None
        return self.now.problem

    async def frames(self, count: int) -> None:
        """Returns when so many more have come."""
        wanted = self._frames + count
        async with asyncio.timeout(BOUND_S):
            while self._frames < wanted:
                assert self.now.phase is not Phase.FAILED, self.now.problem
                self._framed.clear()
                await self._framed.wait()

    async def text(self, part: str) -> str:
        """The last text, as soon as it holds `part`."""
        return (await self.until(lambda s: part in s.telemetry)).telemetry

    def send(self, text: str) -> None:
        self._sessions.send(self.id, text)

    async def report(self, peer_id: str = "master") -> StatsReport:
        """The next one."""
        table = self._sessions.log(self.id).peer(peer_id).table
        rows = len(table)
        await self.until(lambda _: len(table) > rows)
        return table.report()

    async def stats(self) -> PeerStats:
        """Figures of the next sample."""
        before = self.now.stats
        session = await self.until(lambda s: s.stats is not before)
        assert session.stats is not None
        return session.stats

    async def leave(self) -> None:
        await self._sessions.leave(self.id)

    def _frame(self) -> None:
        self._frames += 1
        self._framed.set()


class Join(Protocol):
    """relay: "udp", "tcp" or "tls", and no other path; "" for any. options: of JoinOptions."""

    async def __call__(self, *, relay: str = "", **options: object) -> Joined: ...
