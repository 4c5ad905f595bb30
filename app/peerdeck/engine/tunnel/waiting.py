"""Local connections that wait: for their client, their turn, or the rest of an answer."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.link import Link
from peerdeck.engine.tunnel.local import LocalConnection


class Held:
    """Clients that came while the tunnel cannot take them, at most `most`; read once it can.

    hold: whether any may wait at all.
    """

    def __init__(self, most: int) -> None:
        self.hold = True
        self._most = most
        self._waiting: dict[LocalConnection, None] = {}  # in order

    def __iter__(self) -> Iterator[LocalConnection]:
        return iter(tuple(self._waiting))

    def add(self, local: LocalConnection) -> bool:
        """Whether it may wait."""
        if not self.hold or len(self._waiting) >= self._most:
            return False
        local.pause_reading()
        self._waiting[local] = None
        return True

    def discard(self, local: LocalConnection) -> bool:
        """Whether it waited."""
        return self._waiting.pop(local, local) is None


class SlowReaders:
    """Local sockets whose window is full. While there is one, the tunnel is not read.

    on_first, on_none: to stop and to go on reading. on_stalled: one took nothing at all for
    limits.stall_s; it stays here unless the callback discards it.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        on_first: Callable[[], None],
        on_none: Callable[[], None],
        on_stalled: Callable[[LocalConnection], None],
    ) -> None:
        self._stall_s = limits.stall_s
        self._on_first = on_first
        self._on_none = on_none
        self._on_stalled = on_stalled
        self._timers: dict[LocalConnection, asyncio.TimerHandle] = {}

    def __bool__(self) -> bool:
        return bool(self._timers)

    def add(self, local: LocalConnection) -> None:
        if local in self._timers:
            return
        self._watch(local)
        if len(self._timers) == 1:
            self._on_first()

    def discard(self, local: LocalConnection) -> None:
        timer = self._timers.pop(local, None)
        if timer is None:
            return
        timer.cancel()
        if not self._timers:
            self._on_none()

    def _watch(self, local: LocalConnection) -> None:
        loop = asyncio.get_running_loop()
        self._timers[local] = loop.call_later(self._stall_s, self._look, local, local.unsent)

    def _look(self, local: LocalConnection, unsent: int) -> None:
        stalled = local.unsent >= unsent
        self._watch(local)
        if stalled:
            self._on_stalled(local)


class HalfClosed:
    """Clients that have finished sending and may still wait for answers.

    The kernel does not tell a client that is gone from one that only shut its sending side. So each
    is given limits.half_closed_s after the last byte that it took, and only limits.half_closed of
    them at a time: beyond that the oldest goes. on_over: its time is up.
    """

    def __init__(self, limits: Limits, on_over: Callable[[LocalConnection], None]) -> None:
        self._limits = limits
        self._on_over = on_over
        self._timers: dict[LocalConnection, asyncio.TimerHandle] = {}

    def add(self, local: LocalConnection) -> None:
        self._watch(local)
        if len(self._timers) > self._limits.half_closed:
            self._on_over(next(iter(self._timers)))

    def discard(self, local: LocalConnection) -> None:
        timer = self._timers.pop(local, None)
        if timer is not None:
            timer.cancel()

    def of(self, service: str) -> list[LocalConnection]:
        return [local for local in self._timers if local.service == service]

    def _watch(self, local: LocalConnection) -> None:
        loop = asyncio.get_running_loop()
        self._timers[local] = loop.call_later(
            self._limits.half_closed_s, self._look, local, local.delivered
        )

    def _look(self, local: LocalConnection, delivered: int) -> None:
        if local.delivered == delivered and not local.unsent:
            self._on_over(local)
        else:
            self._watch(local)


class Turns:
    """While the link is blocked each connection may add `small_bytes`, then it waits for its turn.

    So a keystroke goes at once, and bulk finds its way into the queue no faster than it leaves.
    """

    def __init__(self, small_bytes: int) -> None:
        self._small_bytes = small_bytes
        self._waiting: deque[LocalConnection] = deque()  # in order
        self._ahead: list[LocalConnection] = []  # sent something while the link was blocked

    def count(self, local: LocalConnection, size: int) -> None:
        """`local` has sent `size` bytes over the blocked link."""
        local.ahead += size
        self._ahead.append(local)
        if local.ahead >= self._small_bytes:
            local.pause_reading()
            self._waiting.append(local)

    def go_on(self, link: Link) -> None:
        """The link takes more: those that waited read again, the longest waiting first.

        A selector reports them in the order in which they were registered; who waited longest has
        the next turn, and a fast one cannot starve the others.
        """
        for local in self._ahead:
            local.ahead = 0
        self._ahead.clear()
        while self._waiting and not link.blocked:
            self._waiting.popleft().resume_reading()

    def discard(self, local: LocalConnection) -> None:
        """Idempotent."""
        if local in self._waiting:
            self._waiting.remove(local)

    def clear(self) -> None:
        self._waiting.clear()
        self._ahead.clear()


class Leisure:
    """What nobody waits for is done together, `delay_s` later: what somebody waits for goes first.

    The ends of connections whose client is gone, above all: they cost as much as a beginning.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._deeds: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None

    def do(self, deed: Callable[[], None]) -> None:
        self._deeds.append(deed)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self.end)

    def end(self) -> None:
        """Does at once what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deeds, self._deeds = self._deeds, []
        for deed in deeds:
            deed()
