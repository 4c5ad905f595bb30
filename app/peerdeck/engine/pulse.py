"""Whether the peer is still there, and how far away."""

import asyncio
from collections.abc import Callable

from peerdeck.engine.aiortc_adapter import PeerInternals
from peerdeck.engine.errors import PeerFailed, PeerFailure

INTERVAL_S = 1.0


class Pulse:
    """rtt_s: of the last answered STUN exchange, None before the first.

    aiortc needs 30 s to notice that a peer is gone. One exchange a second measures the round trip,
    and is a sign of life where no media flows.
    """

    def __init__(
        self, internals: PeerInternals, *, lost_after_s: float, clock: Callable[[], float]
    ) -> None:
        self.rtt_s: float | None = None
        self._internals = internals
        self._lost_after_s = lost_after_s
        self._clock = clock
        self._answered_at = 0.0

    async def measure(self) -> None:
        """Until cancelled."""
        while True:
            rtt_s = await self._internals.measure_rtt()
            if rtt_s is not None:
                self.rtt_s, self._answered_at = rtt_s, self._clock()
            await asyncio.sleep(INTERVAL_S)

    async def watch(self) -> None:
        """Raises PeerFailed(LOST) when for lost_after_s neither data nor answers came."""
        seen, seen_at = self._internals.datagrams_received, self._clock()
        while True:
            await asyncio.sleep(min(INTERVAL_S, self._lost_after_s / 4))
            if self._internals.datagrams_received != seen:
                seen, seen_at = self._internals.datagrams_received, self._clock()
            silent_s = self._clock() - max(seen_at, self._answered_at)
            if silent_s >= self._lost_after_s:
                raise PeerFailed(PeerFailure.LOST, f"nothing came for {silent_s:.0f} s")
