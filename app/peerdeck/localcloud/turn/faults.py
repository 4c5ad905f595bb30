"""What the TURN server does wrong on purpose."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_HELD = 4000  # datagrams on a slow path; more are lost, as in any router


@dataclass(slots=True)
class Path:
    """One direction of what is relayed. loss: 0–1; a datagram takes delay_s to delay_s + jitter_s.

    Jitter reorders, as it does on real paths.
    """

    loss: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    chance: Callable[[], float] = random.random
    _held: int = field(default=0, init=False)

    def carry(self, send: Callable[[], None]) -> None:
        """Calls `send` at once, later or never."""
        if self.loss and self.chance() < self.loss:
            return
        wait_s = self.delay_s + (self.jitter_s * self.chance() if self.jitter_s else 0.0)
        if wait_s <= 0:
            send()
        elif self._held < MAX_HELD:
            self._held += 1
            asyncio.get_running_loop().call_later(wait_s, self._let_go, send)

    def _let_go(self, send: Callable[[], None]) -> None:
        self._held -= 1
        send()


@dataclass(slots=True)
class TurnFaults:
    """All off at first; read at every packet, so that a switch works at once.

    silent_stun: Binding requests stay unanswered. silent_turn: everything else does, and nothing is
    relayed. no_allocations: refused with 508. forbidden: every peer is refused with 403.
    to_peer, to_client: the path of relayed datagrams, or None for a perfect one.
    """

    silent_stun: bool = False
    silent_turn: bool = False
    no_allocations: bool = False
    forbidden: bool = False
    to_peer: Path | None = None
    to_client: Path | None = None

    @property
    def deaf(self) -> bool:
        """Whether nothing at all is listened to, not even what is no STUN."""
        return self.silent_stun and self.silent_turn
