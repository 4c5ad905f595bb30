"""Whether the peer is still there, and how far away."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from peerdeck.engine.errors import PeerFailed, PeerFailure
from peerdeck.engine.tasks import TaskSet

LOST_AFTER_S = 2.5
INTERVAL_S = 1.0  # between two measurements while all is well
_TICK_S = 0.25
_DOUBT_AFTER_S = 0.6  # of silence: from then on every tick asks


class Alive(Protocol):
    """engine.aiortc_adapter.PeerInternals."""

    @property
    def datagrams_received(self) -> int: ...

    async def measure_rtt(self) -> float | None: ...


class Pulse:
    """rtt_s: of the last answered STUN exchange, None before the first.

    aiortc needs 30 s to notice that a peer is gone. One exchange a second measures the round trip,
    and is a sign of life where no media flows; in doubt there are four a second, since on a bad
    network single ones get lost.
    """

    def __init__(
        self,
        internals: Alive,
        *,
        lost_after_s: float = LOST_AFTER_S,
        clock: Callable[[], float],
    ) -> None:
        self.rtt_s: float | None = None
        self._internals = internals
        self._lost_after_s = lost_after_s
        self._clock = clock
        self._answers = 0
        self._tasks = TaskSet("pulse")

    async def watch(self) -> None:
        """Raises PeerFailed(LOST) when for lost_after_s neither data nor answers came.

        Silence is summed tick by tick: while the loop itself stood still, nobody listened, and what
        came meanwhile is read right after.
        """
        tick_s = min(_TICK_S, self._lost_after_s / 8)
        silent_s, asked_at, now = 0.0, float("-inf"), self._clock()
        signs = self._signs()
        try:
            while silent_s < self._lost_after_s:
                in_doubt = silent_s >= min(_DOUBT_AFTER_S, self._lost_after_s / 3)
                if in_doubt or now - asked_at >= INTERVAL_S:
                    self._tasks.start("ask", self._ask())
                    asked_at = now
                await asyncio.sleep(tick_s)
                before, now = now, self._clock()
                silent_s = (
                    0.0 if signs != self._signs() else silent_s + min(now - before, 2 * tick_s)
                )
                signs = self._signs()
        finally:
            await self._tasks.aclose()
        raise PeerFailed(PeerFailure.LOST, f"nothing came for {self._lost_after_s:g} s")

    def _signs(self) -> tuple[int, int]:
        return self._internals.datagrams_received, self._answers

    async def _ask(self) -> None:
        rtt_s = await self._internals.measure_rtt()
        if rtt_s is not None:
            self.rtt_s = rtt_s
            self._answers += 1
