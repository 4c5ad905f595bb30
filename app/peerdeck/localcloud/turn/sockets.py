"""The TURN server's clients, as its sockets see them: UDP listener, TCP and TLS connections."""

import asyncio
from collections.abc import Callable
from typing import cast

from peerdeck.localcloud.turn.allocation import widen
from peerdeck.localcloud.turn.requests import Requests
from peerdeck.localcloud.turn.wire import CHANNEL_FIRST_BYTES, Address, StreamFrames

MAX_CONNECTIONS = 200
IDLE_S = 60.0
_WRITE_HIGH_BYTES = 1 << 18


class UdpListener(asyncio.DatagramProtocol):
    def __init__(self, requests: Requests) -> None:
        self.port = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._transport: asyncio.DatagramTransport | None = None
        self._paused = False

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if not data:
            return
        if data[0] in CHANNEL_FIRST_BYTES:
            self._requests.relay_channel("udp", addr, data)
        else:
            self._requests.handle(_UdpClient(addr, self), data)

    def send(self, data: bytes, address: Address) -> None:
        if self._transport is not None and not self._paused:
            self._transport.sendto(data, address)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]
        widen(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """A client's port is closed: its allocation ends with its lifetime."""

    # A full socket buffer means loss, as on any network, rather than a growing queue.
    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False


class _UdpClient:
    """A UDP client is its address."""

    transport_name = "udp"

    def __init__(self, address: Address, listener: UdpListener) -> None:
        self.address = address
        self._listener = listener

    def send(self, data: bytes) -> None:
        self._listener.send(data, self.address)

    relay = send

    def is_open(self) -> bool:
        return True


class StreamConnection(asyncio.Protocol):
    """A TCP or TLS client; its allocation ends with the connection (RFC 8656 §7.2).

    transport_name: "tcp" or "tls". connections: every open one of the server.
    """

    def __init__(
        self,
        transport_name: str,
        requests: Requests,
        connections: "set[StreamConnection]",
        clock: Callable[[], float],
    ) -> None:
        self.transport_name = transport_name
        self.address: Address = ("", 0)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._connections = connections
        self._clock = clock
        self._heard_at = clock()
        self._frames = StreamFrames()
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._is_new = True

    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        if self._requests.faults.deaf:
            return
        self._heard_at = self._clock()
        try:
            if self._is_new and data[0] in CHANNEL_FIRST_BYTES:
                raise ValueError("a channel before any allocation: HTTP, perhaps")
            self._is_new = False
            frames = self._frames.feed(data)
        except ValueError:  # not a TURN client: nothing after this can be understood
            self.close()
            return
        for frame in frames:
            if frame[0] in CHANNEL_FIRST_BYTES:
                self._requests.relay_channel(self.transport_name, self.address, frame)
            else:
                self._requests.handle(self, frame)

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data + bytes(-len(data) % 4))

    def relay(self, data: bytes) -> None:
        if not self._paused:
            self.send(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close_if_idle(self) -> None:
        """Closes a connection that has neither an allocation nor anything to say."""
        if not self._requests.has_allocation(self) and self._clock() - self._heard_at > IDLE_S:
            self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self.address = transport.get_extra_info("peername")[:2]
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)
        if len(self._connections) > MAX_CONNECTIONS:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        self._requests.release(self)
        if not self.lost.done():
            self.lost.set_result(None)

    # Media that the client is too slow for is dropped; its requests wait until it reads again.
    def pause_writing(self) -> None:
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
