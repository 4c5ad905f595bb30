"""One allocation: a relayed address, who may send to it, and its channels (RFC 8656 §3.2)."""

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from peerdeck.localcloud.turn.faults import TurnFaults
from peerdeck.localcloud.turn.wire import Address, StunError, data_indication

PERMISSION_LIFETIME_S = 300.0  # RFC 8656 §9
CHANNEL_LIFETIME_S = 600.0  # RFC 8656 §12
MAX_PERMISSIONS = 64
MAX_CHANNELS = 64
_PORT_ATTEMPTS = 32
BUFFER_BYTES = 1 << 20  # kernel's receive buffer: a burst of some 700 full packets


class Client(Protocol):
    """The client's end of a 5-tuple."""

    address: Address
    transport_name: str

    def send(self, data: bytes) -> None:
        """Sends an answer."""

    def relay(self, data: bytes) -> None:
        """Sends what a peer sent; drops it where the client reads too slowly."""

    def is_open(self) -> bool:
        """False once a TCP client has gone."""


@dataclass(slots=True)
class _Channel:
    peer: Address
    ends_at: float


class Allocation(asyncio.DatagramProtocol):
    """Protocol of the relay socket. Times are seconds of `clock`.

    answer: the response to the Allocate request `transaction_id`, for its retransmissions.
    """

    def __init__(
        self,
        client: Client,
        username: str,
        transaction_id: bytes,
        *,
        clock: Callable[[], float],
        faults: TurnFaults,
    ) -> None:
        self.client = client
        self.username = username
        self.transaction_id = transaction_id
        self.answer = b""
        self.ends_at = 0.0
        self.relayed: Address = ("", 0)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clock = clock
        self._faults = faults
        self._transport: asyncio.DatagramTransport | None = None
        self._paused = False
        self._permissions: dict[str, float] = {}
        self._channels: dict[int, _Channel] = {}
        self._numbers: dict[Address, int] = {}

    async def open(self, host: str, *, even: bool = False) -> None:
        """Binds the relay socket to a port of `host`, an even one if asked for; raises OSError."""
        sock = _bound(host, even=even)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        """Idempotent; `lost` is done once the socket is closed."""
        if self._transport is not None:
            self._transport.abort()
        elif not self.lost.done():
            self.lost.set_result(None)

    @property
    def is_over(self) -> bool:
        return self.ends_at <= self._clock()

    def permit(self, host: str, lifetime_s: float = PERMISSION_LIFETIME_S) -> None:
        """Lets `host` send to the relayed address, from any port. Raises StunError over the cap."""
        if host not in self._permissions and len(self._permissions) >= MAX_PERMISSIONS:
            self._forget_ended()
            if len(self._permissions) >= MAX_PERMISSIONS:
                raise StunError(508, "Insufficient Capacity")
        self._permissions[host] = max(self._permissions.get(host, 0.0), self._clock() + lifetime_s)

    def bind(self, number: int, peer: Address) -> None:
        """Binds or refreshes a channel and its permission; raises StunError (RFC 8656 §12.2)."""
        self._forget_ended()
        bound = self._channels.get(number)
        if (bound is not None and bound.peer != peer) or self._numbers.get(peer, number) != number:
            raise StunError(400, "Bad Request: channel or peer is bound otherwise")
        if bound is None and len(self._channels) >= MAX_CHANNELS:
            raise StunError(508, "Insufficient Capacity")
        # The permission lasts as long as the channel, as with coturn: aioice refreshes channels
        # every 500 s and permissions never.
        self.permit(peer[0], CHANNEL_LIFETIME_S)
        self._channels[number] = _Channel(peer, self._clock() + CHANNEL_LIFETIME_S)
        self._numbers[peer] = number

    def relay_channel(self, data: bytes) -> None:
        """ChannelData of the client to its peer; the 4-byte header is all that is looked at."""
        if len(data) < 4:
            return
        channel = self._channels.get(data[0] << 8 | data[1])
        end = 4 + (data[2] << 8 | data[3])
        if channel is None or end > len(data) or channel.ends_at <= self._clock():
            return
        self._send(data[4:end], channel.peer)

    def relay(self, payload: bytes, peer: Address) -> None:
        """Payload of a Send indication to `peer`, if permitted (RFC 8656 §11.2)."""
        if self._permissions.get(peer[0], 0.0) > self._clock():
            self._send(payload, peer)

    def _send(self, payload: bytes, peer: Address) -> None:
        path = self._faults.to_peer
        if path is None:
            self._put(payload, peer)
        else:
            path.carry(lambda: self._put(payload, peer))

    def _put(self, payload: bytes, peer: Address) -> None:
        if self._transport is not None and not self._paused:
            self._transport.sendto(payload, peer)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._permissions.get(addr[0], 0.0) <= (now := self._clock()) or self.ends_at <= now:
            return
        if self._faults.silent_turn:
            return
        number = self._numbers.get(addr)
        if number is not None and self._channels[number].ends_at > now:
            packet = number.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
        elif len(data) <= 65_000:  # room for the indication's own attributes
            packet = data_indication(addr, data)
        else:
            return
        path = self._faults.to_client
        if path is None:
            self.client.relay(packet)
        else:
            path.carry(lambda: self.client.relay(packet))

    def _forget_ended(self) -> None:
        now = self._clock()
        for number in [n for n, channel in self._channels.items() if channel.ends_at <= now]:
            del self._numbers[self._channels.pop(number).peer]
        self._permissions = {h: end for h, end in self._permissions.items() if end > now}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.relayed = transport.get_extra_info("sockname")[:2]
        widen(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None  # a slow path may still hold datagrams
        if not self.lost.done():
            self.lost.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """A peer's port is closed: UDP promises nothing."""

    # A full socket buffer means loss, as on any network, rather than a growing queue.
    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False


def _bound(host: str, *, even: bool) -> socket.socket:
    for _ in range(_PORT_ATTEMPTS):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind((host, 0))
        except OSError:
            sock.close()
            raise
        if not even or sock.getsockname()[1] % 2 == 0:
            return sock
        sock.close()
    raise OSError(errno.EADDRINUSE, "no even port is free")


def widen(transport: asyncio.BaseTransport) -> None:
    """Gives a datagram socket room for bursts."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
