"""The listening sockets of the TURN server."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import cast

from peerdeck.localcloud.turn.allocation import widen
from peerdeck.localcloud.turn.credentials import Credentials
from peerdeck.localcloud.turn.requests import Requests
from peerdeck.localcloud.turn.wire import CHANNEL_FIRST_BYTES, Address, StreamFrames

SWEEP_S = 5.0
MAX_CONNECTIONS = 200
IDLE_S = 60.0
CLOSE_S = 1.0
_PORT_ATTEMPTS = 20
_WRITE_HIGH_BYTES = 1 << 18


class TurnServer:
    """STUN and TURN over UDP and TCP on one port of `host`, an IPv4 address of this machine.

    silent: a fault for tests and demonstrations: nothing is answered or relayed while it is set.
    clock: POSIX seconds; it times credentials, nonces and allocations.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        realm: str = "peerdeck.local",
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        self.silent = False
        self._host = host
        self._asked_port = port
        self._clock = clock
        self._credentials = Credentials(realm, clock)
        self._requests = Requests(self._credentials, host, clock)
        self._udp: _UdpListener | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: set[_TcpConnection] = set()
        self._allocator: asyncio.Task[None] | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """UDP and TCP port; 0 before `start()`."""
        return self._udp.port if self._udp is not None else 0

    @property
    def allocations(self) -> int:
        """How many there are now."""
        return len(self._requests)

    def issue(self, *, ttl_s: int = 300, label: str = "") -> tuple[str, str]:
        """User name and password (RFC 8489 §9.2) that make allocations for `ttl_s` seconds.

        The name is "<expiry, POSIX seconds>:<label>"; without a label a random one. Raises
        ValueError for a label that is longer than 256 or not printable ASCII.
        """
        return self._credentials.issue(ttl_s, label)

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        self._udp, self._tcp = await self._listen()
        self._allocator = loop.create_task(self._requests.run(), name="turn/allocator")
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    async def aclose(self) -> None:
        """Closes every socket; idempotent, at most CLOSE_S seconds."""
        udp, tcp, allocator = self._udp, self._tcp, self._allocator
        self._tcp = self._allocator = None
        if self._sweeper is not None:
            self._sweeper.cancel()
        if allocator is not None:
            allocator.cancel()
            await asyncio.wait([allocator], timeout=CLOSE_S)
        closing = self._requests.release_all()
        if tcp is not None:
            tcp.close()
        for connection in list(self._connections):
            connection.close()
            closing.append(connection.lost)
        if udp is not None:
            udp.close()
            closing.append(udp.lost)
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_S)

    async def _listen(self) -> tuple["_UdpListener", asyncio.Server]:
        """Both listeners on one port number: any free one where none was asked for."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            udp = await self._listen_udp(self._asked_port)
            try:
                return udp, await self._listen_tcp(udp.port)
            except BaseException as error:
                udp.close()
                await asyncio.wait([udp.lost], timeout=CLOSE_S)
                taken = isinstance(error, OSError) and not self._asked_port
                if not taken or attempt == _PORT_ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _listen_udp(self, port: int) -> "_UdpListener":
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _UdpListener(self, self._requests),
            local_addr=(self._host, port),
            family=socket.AF_INET,
        )
        return protocol

    async def _listen_tcp(self, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            lambda: _TcpConnection(self, self._requests, self._connections, self._clock),
            self._host,
            port,
            family=socket.AF_INET,
        )

    def _sweep(self) -> None:
        self._requests.sweep()
        for connection in list(self._connections):
            connection.close_if_idle()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)


class _UdpListener(asyncio.DatagramProtocol):
    def __init__(self, server: TurnServer, requests: Requests) -> None:
        self.port = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
        self._requests = requests
        self._transport: asyncio.DatagramTransport | None = None
        self._paused = False

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._server.silent or not data:
            return
        if data[0] in CHANNEL_FIRST_BYTES:
            self._requests.relay_channel("udp", addr, data)
        else:
            self._requests.handle(_UdpClient(addr, self), data)

    def send(self, data: bytes, address: Address) -> None:
        if self._transport is not None and not self._paused and not self._server.silent:
            self._transport.sendto(data, address)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]
        widen(transport)

    def connection_lost(self, exc: Exception | None) -> None:
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

    def __init__(self, address: Address, listener: _UdpListener) -> None:
        self.address = address
        self._listener = listener

    def send(self, data: bytes) -> None:
        self._listener.send(data, self.address)

    relay = send

    def is_open(self) -> bool:
        return True


class _TcpConnection(asyncio.Protocol):
    """A TCP client; its allocation ends with the connection (RFC 8656 §7.2)."""

    transport_name = "tcp"

    def __init__(
        self,
        server: TurnServer,
        requests: Requests,
        connections: "set[_TcpConnection]",
        clock: Callable[[], float],
    ) -> None:
        self.address: Address = ("", 0)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server = server
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
        if self._server.silent:
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
                self._requests.relay_channel("tcp", self.address, frame)
            else:
                self._requests.handle(self, frame)

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._server.silent:
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
