"""Connects local TCP connections with the protocol's state machine, and counts what passes."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.tunnel.dialer import Dialer
from peerdeck.engine.tunnel.ledger import Ledger, Traffic
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.link import HEAD_ROOM, Link
from peerdeck.engine.tunnel.local import LocalConnection
from peerdeck.engine.tunnel.silence import Silence
from peerdeck.engine.tunnel.waiting import HalfClosed, Held, Leisure, SlowReaders, Turns
from peerdeck.protocol.frames import MAX_PAYLOAD
from peerdeck.protocol.tunnel import DestinationTunnel, SourceTunnel
from peerdeck.protocol.tunnel_events import (
    Connection,
    ConnectionClosed,
    ConnectionStarted,
    DataReceived,
    Event,
    Failed,
    ServicesAvailable,
)

_log = logging.getLogger(__name__)


class Switchboard:
    """Owns every local connection of a proxy, whichever link carries it.

    on_services is called with the tunnel's services each time a link has become usable.
    """

    def __init__(
        self,
        machine: SourceTunnel | DestinationTunnel,
        limits: Limits,
        tasks: TaskSet,
        on_services: Callable[[tuple[str, ...]], None],
        ledger: Ledger,
        silence: Silence,
    ) -> None:
        self.machine = machine
        self.traffic: dict[str, Traffic] = {}
        self._limits = limits
        self._tasks = tasks
        self._ledger = ledger
        self.silence = silence
        self._on_services = on_services
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._ready = False
        self._locals: set[LocalConnection] = set()
        self._by_identity: dict[Connection, LocalConnection] = {}
        self.dialer = Dialer(limits, tasks, on_failed=self.lost)
        self._held = Held(limits.held)
        self._turns = Turns(limits.small_bytes)
        self._half_closed = HalfClosed(limits, self._end_at_leisure)
        self._leisure = Leisure(limits.leisure_s)
        self._slow = SlowReaders(
            limits,
            on_first=lambda: self._receive(False),
            on_none=lambda: self._receive(True),
            on_stalled=self._stalled,
        )
        self._empty: asyncio.Future[None] | None = None
        # Every connection reads into the same memory: what was read is sent before the next reads.
        self._buffer = bytearray(HEAD_ROOM + MAX_PAYLOAD)
        self._payload = memoryview(self._buffer)[HEAD_ROOM:]
        self._small = self._payload[: limits.small_bytes]

    # The link's side

    def link_up(self, link: Link) -> None:
        self._link = link
        if isinstance(self.machine, SourceTunnel):
            self.silence.begin()
        self._dispatch(self.machine.link_up())

    def link_lost(self) -> None:
        """Ends every connection: bytes may be missing on either side. Held ones stay."""
        self._link, self._ready = None, False
        self.silence.end()
        for event in self.machine.link_lost():
            self._dispatch_one(event)
        self._turns.clear()

    def services_ready(self) -> None:
        """The owner has its ports and targets: connections may start; held ones do so now."""
        self._ready = True
        for local in self._held:
            self._held.discard(local)
            local.resume_reading()
            self._begin(local)

    def hold(self, on: bool) -> None:
        """Whether clients that come while there is no link wait for it; else all are refused."""
        self._held.hold = on
        for local in () if on else self._held:
            self._end(local)

    def received(self, data: memoryview) -> None:
        self._dispatch(self.machine.receive(data))

    def writable(self) -> None:
        """The link takes more: those that waited read again."""
        if self._link is not None:
            self._turns.go_on(self._link)

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            self._dispatch_one(event)
        self._flush()

    def _dispatch_one(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            if not self.silence.over:
                self.silence.heard()
            local = self._by_identity.get(event.connection)
            if local is not None:
                self.traffic[local.service].bytes_down += len(event.payload)
                local.deliver(event.payload)
        elif isinstance(event, ConnectionStarted):
            self._start_dialing(event.connection)
        elif isinstance(event, ConnectionClosed):
            self._closed_by_peer(event)
        elif isinstance(event, ServicesAvailable):
            self._on_services(event.services)
        else:
            self._failed(event)

    def _failed(self, event: Failed) -> None:
        if self._link is not None:
            self._link.fail(f"the other side broke the tunnel protocol: {event.reason}")

    def _closed_by_peer(self, event: ConnectionClosed) -> None:
        if self._link is not None:
            self.silence.heard()
        local = self._by_identity.pop(event.connection, None)
        if local is None:
            return
        self._detach(local)
        if event.orderly and isinstance(self.machine, SourceTunnel):
            local.finish(self._limits.flush_s)
        elif event.orderly:
            self._leisure.do(partial(local.finish, self._limits.flush_s))  # the client is gone
        else:
            self._abort(local)

    def _flush(self) -> None:
        data = self.machine.data_to_send()
        if data and self._link is not None:
            self._link.send(data)

    # The local side: calls of LocalConnection

    def accept(self, service: str) -> LocalConnection:
        """A source's listener has a new client."""
        return self._new_local(service, None)

    def made(self, local: LocalConnection) -> None:
        self.dialer.made(local)
        self.traffic[local.service].problem = ""
        self._ledger.opened(local)
        if local.identity is not None or not isinstance(self.machine, SourceTunnel):
            return
        if self._ready:
            self._begin(local)
        elif not self._held.add(local):
            self._abort(local)

    def turn(self, local: LocalConnection) -> memoryview:
        """Where a connection reads to, hence how much it may send in this turn."""
        link = self._link
        if link is None or local.identity is None:
            return self._payload
        if link.blocked:
            return self._small[local.ahead :]
        room = link.room()
        return self._payload if room == MAX_PAYLOAD else self._payload[:room]

    def read(self, local: LocalConnection, size: int) -> None:
        """`size` bytes of `local` lie in the buffer that `turn()` gave it."""
        if self._link is None or local.identity is None:
            return
        local.sent += size
        if not self.silence.over:
            self.silence.asked()
        self.traffic[local.service].bytes_up += size
        header = self.machine.data_header(local.identity, size)
        if size == MAX_PAYLOAD:  # bulk: masked and sent from where it lies
            self._flush()
            start = HEAD_ROOM - len(header)
            self._buffer[start:HEAD_ROOM] = header
            self._link.send_from(self._buffer, start)
        else:
            before = self.machine.data_to_send()  # its own start, it may be
            self._link.send(b"".join((before, header, self._payload[:size])))
        if self._link.blocked:
            self._turns.count(local, size)

    def finished_sending(self, local: LocalConnection) -> None:
        """End of file from the local side; the protocol cannot carry a half-close.

        A client may still wait for its answer, so a source goes on delivering for a while. A
        server that has finished is through: its client may be waiting for just that.
        """
        if local.identity is None or not isinstance(self.machine, SourceTunnel):
            self._end(local)
            return
        self._half_closed.add(local)

    def lost(self, local: LocalConnection) -> None:
        """The local socket is gone."""
        self._end(local)
        self._ledger.closed(local)
        self.traffic[local.service].problem = local.problem or self.traffic[local.service].problem
        self._locals.discard(local)
        if not self._locals and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def lags(self, local: LocalConnection) -> None:
        """Its window is full: nothing more is read from the tunnel until it has caught up."""
        if local.identity is not None:
            self._slow.add(local)

    def caught_up(self, local: LocalConnection) -> None:
        self._slow.discard(local)

    def _receive(self, go_on: bool) -> None:
        if self._link is not None:
            (self._link.resume_reading if go_on else self._link.pause_reading)()

    def _stalled(self, local: LocalConnection) -> None:
        """A local socket that takes nothing is cut, but only where others have to wait for it."""
        if len(self._by_identity) > 1:
            _log.warning("a connection of %s took nothing and held up the others", local.service)
            self._end(local)
            self._abort(local)

    # Life of a connection

    def _new_local(self, service: str, identity: Connection | None) -> LocalConnection:
        limits = self._limits
        share = limits.window_total_bytes // (len(self._locals) + 1)
        window = max(limits.window_least_bytes, min(limits.window_bytes, share))
        local = LocalConnection(self, service, window, identity)
        self._locals.add(local)
        self._ledger.add(local)
        traffic = self.traffic.setdefault(service, Traffic())
        traffic.connections += 1
        traffic.connections_total += 1
        return local

    def _begin(self, local: LocalConnection) -> None:
        """Source: gives a client its place in the tunnel, or hangs up where there is none."""
        machine = self.machine
        if not isinstance(machine, SourceTunnel) or local not in self._locals:
            return
        identity = machine.open(local.service)
        if identity is None:  # V1 and V2: one per service; a half-closed one gives way
            for old in self._half_closed.of(local.service):
                self._end(old)
            identity = machine.open(local.service)
        if identity is None:
            self._abort(local)
            return
        local.identity = identity
        self._by_identity[identity] = local
        # Most clients speak first: one frame carries the start and their first words, which are
        # read in the next turn.
        self._loop.call_soon(self._loop.call_soon, self._flush)
        if local.is_half_closed:
            self.finished_sending(local)

    def _start_dialing(self, identity: Connection) -> None:
        local = self._new_local(identity.service, identity)
        self._by_identity[identity] = local
        self.dialer.start(local)

    def _end_at_leisure(self, local: LocalConnection) -> None:
        self._end(local, at_leisure=True)

    def _end(self, local: LocalConnection, *, at_leisure: bool = False) -> None:
        """Our side of a connection is over: tells the peer, lets the local socket finish."""
        identity = local.identity
        if identity is not None:
            self._by_identity.pop(identity, None)
            self.machine.reset(identity)
            self._leisure.do(self._flush) if at_leisure else self._flush()
            self._detach(local)
            local.finish(self._limits.flush_s)
        elif self._held.discard(local):
            self.traffic[local.service].connections -= 1
            local.abort()

    def _detach(self, local: LocalConnection) -> None:
        """It has no place in the tunnel any more."""
        local.identity = None
        self.traffic[local.service].connections -= 1
        self._slow.discard(local)
        self._half_closed.discard(local)
        self._turns.discard(local)

    def _abort(self, local: LocalConnection) -> None:
        local.abort()
        self.dialer.cancel(local)

    # The end

    def hang_up(self) -> None:
        """Tells the peer that every stream is over and aborts every local connection."""
        self._leisure.end()
        self.machine.reset_all()
        self._flush()
        for local in tuple(self._locals):
            if local.identity is not None:
                self._by_identity.pop(local.identity, None)
                self._detach(local)
            self._held.discard(local)
            self._abort(local)

    async def emptied(self) -> None:
        """Returns when the last local socket is closed."""
        if self._locals:
            if self._empty is None:
                self._empty = self._loop.create_future()
            await self._empty
