"""One local TCP connection: a client's at the source, to a target at the destination."""

import asyncio
import socket
import struct
import sys
from typing import Protocol, cast

from peerdeck.engine.tunnel.sockets import AT_ONCE, Settling
from peerdeck.protocol.frames import Buffer
from peerdeck.protocol.tunnel_events import Connection

_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LINGER_S = 2.0


class Board(Protocol):
    """What a connection tells its switchboard."""

    def made(self, local: "LocalConnection") -> None: ...
    def turn(self, local: "LocalConnection") -> memoryview: ...
    def read(self, local: "LocalConnection", size: int) -> None: ...
    def finished_sending(self, local: "LocalConnection") -> None: ...
    def lost(self, local: "LocalConnection") -> None: ...
    def lags(self, local: "LocalConnection") -> None: ...
    def caught_up(self, local: "LocalConnection") -> None: ...


class LocalConnection(asyncio.BufferedProtocol, Settling):
    """identity: None before it has a place in the tunnel, and again when it has none any more."""

    def __init__(
        self, board: Board, service: str, window_bytes: int, identity: Connection | None = None
    ) -> None:
        self.service = service
        self.identity = identity
        self.is_half_closed = False
        self.is_broken = False
        self.problem = ""  # why the target could not be reached
        self.client = ""  # address of who or what is at the other end of the socket
        self.sent = 0  # bytes, into the tunnel
        self.delivered = 0  # bytes, out of it
        self.ahead = 0  # bytes, sent since the link has been blocked
        self._board = board
        self._window_bytes = window_bytes
        self._loop = asyncio.get_running_loop()
        self._new: asyncio.Transport | None = None  # until begin()
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()  # what came before the target answered the dial
        self._finishing: float | None = None
        self._aborted = False
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def unsent(self) -> int:
        """Bytes that wait for the local side to take them."""
        if self._transport is None:
            return len(self._early)
        return self._transport.get_write_buffer_size()

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    @property
    def is_ending(self) -> bool:
        return self.is_half_closed or self._finishing is not None

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # WORKAROUND: asyncio of Python 3.11.2 (Debian 12) and aiofastnet 1.2 begin to read after
        # connection_made() even where that has paused or aborted. Goes when both do not.
        self._new = cast("asyncio.Transport", transport)
        if not AT_ONCE:
            self._loop.call_soon(self.begin)

    def begin(self) -> None:
        """The socket is there and its transport has settled; idempotent."""
        transport, self._new = self._new, None
        if transport is None:
            return
        self._transport = transport
        self.client = address_text(transport.get_extra_info("peername"))
        transport.set_write_buffer_limits(high=self._window_bytes)
        if self._aborted:
            transport.abort()
            return
        self._board.made(self)
        if self._early:
            early, self._early = bytes(self._early), bytearray()
            transport.write(early)
            if self.unsent <= self._window_bytes:
                self._board.caught_up(self)
        if self._finishing is not None:
            self.finish(self._finishing)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._new is not None:
            self.begin()
        return self._board.turn(self)

    def buffer_updated(self, nbytes: int) -> None:
        if self.identity is not None:
            self._board.read(self, nbytes)

    def eof_received(self) -> bool:
        self.begin()
        self.is_half_closed = True
        if self.identity is None and self._finishing is not None:
            return False  # both sides are through
        self._board.finished_sending(self)
        return True  # what the peer still sends is delivered

    def connection_lost(self, exc: Exception | None) -> None:
        self._new = None
        for timer in self._timers:
            timer.cancel()
        self.is_broken = self.is_broken or exc is not None
        self._board.lost(self)

    def pause_writing(self) -> None:
        self._board.lags(self)

    def resume_writing(self) -> None:
        self._board.caught_up(self)

    # What the switchboard does

    def deliver(self, payload: Buffer) -> None:
        self.delivered += len(payload)
        if self._transport is None:
            self._early += payload
            if len(self._early) > self._window_bytes:
                self._board.lags(self)
        else:
            self._transport.write(payload)

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def finish(self, flush_s: float) -> None:
        """The other side is through: delivers what is there, then closes; bounded by flush_s.

        "SHOULD perform an orderly shutdown of the connection and flush any local connection buffers
        before closing". Closing at once would answer bytes of the client that nobody read with a
        RST, which may overtake what it has not read yet: so our direction is closed first.
        """
        self.identity = None
        self._finishing = flush_s
        if self._transport is None:
            return  # connection_made() comes back here
        self._timers.append(self._loop.call_later(flush_s, self.abort))
        if self.is_half_closed:
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._timers.append(self._loop.call_later(min(_LINGER_S, flush_s), self._transport.close))

    def abort(self) -> None:
        """Ends it with a RST: the local side must not take a broken transfer for a whole one."""
        self.identity = None
        self._aborted = self.is_broken = True
        if self._transport is None or (self._transport.is_closing() and not self.unsent):
            return
        connection = self._transport.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()


def address_text(address: object) -> str:
    """ "127.0.0.1:50022", "[::1]:50022", the path of a unix socket, or "" where there is none."""
    match address:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case str():
            return address
    return ""
