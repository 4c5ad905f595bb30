"""The listening sockets of the TURN server."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

from peerdeck.localcloud.turn.credentials import Credentials
from peerdeck.localcloud.turn.faults import TurnFaults
from peerdeck.localcloud.turn.requests import Requests
from peerdeck.localcloud.turn.sockets import StreamConnection, UdpListener

SWEEP_S = 5.0
CLOSE_S = 1.0
_HANDSHAKE_S = 10.0
_PORT_ATTEMPTS = 20


class TurnServer:
    """STUN and TURN over UDP and TCP on one port of `host`, an IPv4 address of this machine.

    tls: makes a third listener, for `turns:…?transport=tcp`, on `tls_port`. faults: what goes wrong
    on purpose, shared by several servers where it is given. clock: POSIX seconds; it times
    credentials, nonces and allocations.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        realm: str = "peerdeck.local",
        clock: Callable[[], float] = time.time,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        tls_port: int = 0,
        faults: TurnFaults | None = None,
    ) -> None:
        self.faults = faults or TurnFaults()
        self._tls = tls
        self._asked_tls_port = tls_port
        self._host = host
        self._asked_port = port
        self._clock = clock
        self._credentials = Credentials(realm, clock)
        self._requests = Requests(self._credentials, host, clock, self.faults)
        self._udp: UdpListener | None = None
        self._servers: list[asyncio.Server] = []  # TCP, then TLS
        self._connections: set[StreamConnection] = set()
        self._allocator: asyncio.Task[None] | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """UDP and TCP port; 0 before `start()`."""
        return self._udp.port if self._udp is not None else 0

    @property
    def tls_port(self) -> int:
        """0 before `start()`, and where there is no TLS."""
        if len(self._servers) < 2:
            return 0
        port: int = self._servers[1].sockets[0].getsockname()[1]
        return port

    @property
    def silent(self) -> bool:
        """Whether nothing is answered or relayed; both silent faults at once."""
        return self.faults.deaf

    @silent.setter
    def silent(self, on: bool) -> None:
        self.faults.silent_stun = self.faults.silent_turn = on

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
        """Raises OSError where a port is taken; `aclose()` is needed then, too."""
        loop = asyncio.get_running_loop()
        self._udp, tcp = await self._listen()
        self._servers.append(tcp)
        if self._tls is not None:
            self._servers.append(await self._listen_stream("tls", self._asked_tls_port, self._tls))
        self._allocator = loop.create_task(self._requests.run(), name="turn/allocator")
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    async def aclose(self) -> None:
        """Closes every socket; idempotent, at most CLOSE_S seconds."""
        udp, servers, allocator = self._udp, self._servers, self._allocator
        self._servers, self._allocator = [], None
        if self._sweeper is not None:
            self._sweeper.cancel()
        if allocator is not None:
            allocator.cancel()
            await asyncio.wait([allocator], timeout=CLOSE_S)
        closing = self._requests.release_all()
        for server in servers:
            server.close()
        for connection in list(self._connections):
            connection.close()
            closing.append(connection.lost)
        if udp is not None:
            udp.close()
            closing.append(udp.lost)
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_S)

    async def _listen(self) -> tuple[UdpListener, asyncio.Server]:
        """Both listeners on one port number: any free one where none was asked for."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            udp = await self._listen_udp(self._asked_port)
            try:
                return udp, await self._listen_stream("tcp", udp.port)
            except BaseException as error:
                udp.close()
                await asyncio.wait([udp.lost], timeout=CLOSE_S)
                taken = isinstance(error, OSError) and not self._asked_port
                if not taken or attempt == _PORT_ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _listen_udp(self, port: int) -> UdpListener:
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: UdpListener(self._requests),
            local_addr=(self._host, port),
            family=socket.AF_INET,
        )
        return protocol

    async def _listen_stream(
        self, name: str, port: int, tls: ssl.SSLContext | None = None
    ) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            lambda: StreamConnection(name, self._requests, self._connections, self._clock),
            self._host,
            port,
            family=socket.AF_INET,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else _HANDSHAKE_S,
        )

    def _sweep(self) -> None:
        self._requests.sweep()
        for connection in list(self._connections):
            connection.close_if_idle()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
