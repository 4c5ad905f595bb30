"""Keeps within what a signaling socket may send, where many viewers come at once."""

import asyncio
from collections import deque
from collections.abc import Callable

from peerdeck.protocol.signaling import Kind

# Quotas of a socket: 20 candidates and 5 descriptions a second; a little less, since clocks differ.
_PER_SECOND = {Kind.ICE_CANDIDATE: 18, Kind.SDP_OFFER: 4, Kind.SDP_ANSWER: 4}
_WINDOW_S = 1.0


class SendRate:
    """`turn(kind)` before each message; those of a kind go in the order in which they asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: dict[Kind, deque[float]] = {
            kind: deque(maxlen=limit) for kind, limit in _PER_SECOND.items()
        }
        self._locks = {kind: asyncio.Lock() for kind in _PER_SECOND}

    async def turn(self, kind: Kind) -> None:
        """Returns when a message of this kind may be sent."""
        sent = self._sent.get(kind)
        if sent is None:
            return
        async with self._locks[kind]:
            if len(sent) == sent.maxlen:
                await asyncio.sleep(max(0.0, sent[0] + _WINDOW_S - self._clock()))
            sent.append(self._clock())
