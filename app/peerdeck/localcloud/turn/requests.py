"""Answers to STUN and TURN requests; knows clients and allocations, no listening sockets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioice import stun

from peerdeck.localcloud.turn.addresses import OwnAddresses
from peerdeck.localcloud.turn.allocation import Allocation, Client
from peerdeck.localcloud.turn.credentials import Credentials
from peerdeck.localcloud.turn.faults import TurnFaults
from peerdeck.localcloud.turn.wire import (
    CHANNEL_NUMBERS,
    UDP_RELAY,
    Address,
    Packet,
    StunError,
    parse,
    refused,
    success,
)

MAX_ALLOCATIONS = 50  # Kinesis Video Streams' quota for a channel
DEFAULT_LIFETIME_S = 600  # RFC 8656 §7.2
MAX_LIFETIME_S = 3600
_MAX_WAITING = 64
_IPV4 = 1


@dataclass(slots=True)
class _Exchange:
    """A request on its way to an answer; username and key once its signature is checked."""

    client: Client
    packet: Packet
    username: str = ""
    key: bytes | None = None

    def succeed(self, attributes: dict[str, Any] | None = None) -> bytes:
        answer = success(self.packet, attributes or {}, self.key)
        self.client.send(answer)
        return answer


class Requests:
    """Owns the allocations. `run()` must be running: it makes them, one after the other."""

    def __init__(
        self, credentials: Credentials, host: str, clock: Callable[[], float], faults: TurnFaults
    ) -> None:
        self.faults = faults
        self._credentials = credentials
        self._host = host
        self._clock = clock
        self._own = OwnAddresses(clock)
        self._allocations: dict[tuple[str, Address], Allocation] = {}
        self._waiting: asyncio.Queue[_Exchange] = asyncio.Queue(_MAX_WAITING)
        self._handlers: dict[stun.Method, Callable[[_Exchange], None]] = {
            stun.Method.ALLOCATE: self._queue_allocation,
            stun.Method.REFRESH: self._refresh,
            stun.Method.CREATE_PERMISSION: self._create_permission,
            stun.Method.CHANNEL_BIND: self._bind_channel,
        }

    def __len__(self) -> int:
        return len(self._allocations)

    async def run(self) -> None:
        """Makes allocations, which takes waiting for their sockets; ends by being cancelled."""
        while True:
            exchange = await self._waiting.get()
            try:
                await self._allocate(exchange)
            except StunError as refusal:
                self._refuse(exchange, refusal)

    def handle(self, client: Client, data: bytes) -> None:
        """A STUN message, or garbage, from `client`. Never raises."""
        packet = parse(data)
        if packet is None or self._is_silent(packet):
            return
        if packet.message.message_class == stun.Class.REQUEST:
            exchange = _Exchange(client, packet)
            try:
                self._answer(exchange)
            except StunError as refusal:
                self._refuse(exchange, refusal)
        elif packet.message.message_class == stun.Class.INDICATION and not packet.unknown:
            self._indicated(client, packet)

    def relay_channel(self, transport_name: str, address: Address, data: bytes) -> None:
        """ChannelData from the client at `address`: the hot path."""
        allocation = self._allocations.get((transport_name, address))
        if allocation is None or allocation.is_over or self.faults.silent_turn:
            return
        allocation.relay_channel(data)

    def has_allocation(self, client: Client) -> bool:
        return self._allocation_of(client) is not None

    def release(self, client: Client) -> None:
        """Ends the client's allocation, if there is one."""
        allocation = self._allocations.pop((client.transport_name, client.address), None)
        if allocation is not None:
            allocation.close()

    def sweep(self) -> None:
        """Closes the allocations whose lifetime has ended."""
        for allocation in [a for a in self._allocations.values() if a.is_over]:
            self.release(allocation.client)

    def release_all(self) -> list[asyncio.Future[None]]:
        """Closes every allocation; each result is done when its socket is closed."""
        allocations = list(self._allocations.values())
        for allocation in allocations:
            self.release(allocation.client)
        return [allocation.lost for allocation in allocations]

    def _is_silent(self, packet: Packet) -> bool:
        if packet.message.message_method == stun.Method.BINDING:
            return self.faults.silent_stun
        return self.faults.silent_turn

    def _answer(self, exchange: _Exchange) -> None:
        packet, client = exchange.packet, exchange.client
        if packet.malformed:
            raise StunError(400, "Bad Request: malformed attributes")
        handler = self._handlers.get(packet.message.message_method)
        if handler is not None:
            exchange.username, exchange.key = self._credentials.key_of(packet, client.address)
        elif packet.message.message_method != stun.Method.BINDING:
            return
        # After authentication: RFC 8489 §6.3.
        if packet.unknown:
            raise StunError(420, "Unknown Attribute", unknown=packet.unknown)
        if handler is None:
            exchange.succeed({"XOR-MAPPED-ADDRESS": client.address})
        else:
            handler(exchange)

    def _refuse(self, exchange: _Exchange, refusal: StunError) -> None:
        client = exchange.client
        challenge: dict[str, Any] = {}
        key = exchange.key
        if refusal.challenge:
            challenge, key = self._credentials.challenge(client.address), None
        client.send(refused(exchange.packet, refusal, challenge, key))

    def _allocation_of(self, client: Client) -> Allocation | None:
        allocation = self._allocations.get((client.transport_name, client.address))
        if allocation is not None and allocation.is_over:
            self.release(client)
            return None
        return allocation

    def _own_allocation(self, exchange: _Exchange) -> Allocation:
        """The allocation that a request is about (RFC 8656 §5)."""
        allocation = self._allocation_of(exchange.client)
        if allocation is None:
            raise StunError(437, "Allocation Mismatch")
        if allocation.username != exchange.username:
            raise StunError(441, "Wrong Credentials")
        return allocation

    def _queue_allocation(self, exchange: _Exchange) -> None:
        if self._credentials.expired(exchange.username):
            raise StunError(401, "Credentials Expired", challenge=True)
        try:
            self._waiting.put_nowait(exchange)
        except asyncio.QueueFull:
            raise StunError(508, "Insufficient Capacity") from None

    async def _allocate(self, exchange: _Exchange) -> None:
        """RFC 8656 §7.2, in its order."""
        client, message = exchange.client, exchange.packet.message
        if not client.is_open():
            return
        existing = self._allocation_of(client)
        if existing is not None:
            if existing.transaction_id != message.transaction_id:
                raise StunError(437, "Allocation Mismatch")
            client.send(existing.answer)
            return
        lifetime_s = self._check_allocate(exchange.packet)
        allocation = Allocation(
            client,
            exchange.username,
            message.transaction_id,
            clock=self._clock,
            faults=self.faults,
        )
        try:
            await allocation.open(self._host, even=exchange.packet.even_port is not None)
        except OSError:
            raise StunError(508, "Insufficient Capacity") from None
        if not client.is_open():  # a TCP client that left meanwhile
            allocation.close()
            return
        allocation.ends_at = self._clock() + lifetime_s
        self._allocations[client.transport_name, client.address] = allocation
        allocation.answer = exchange.succeed(
            {
                "XOR-RELAYED-ADDRESS": allocation.relayed,
                "XOR-MAPPED-ADDRESS": client.address,
                "LIFETIME": lifetime_s,
            }
        )

    def _check_allocate(self, packet: Packet) -> int:
        """Lifetime in seconds to be granted; raises StunError."""
        transport = packet.attributes.get("REQUESTED-TRANSPORT")
        if transport is None:
            raise StunError(400, "Bad Request: REQUESTED-TRANSPORT is missing")
        if transport >> 24 != UDP_RELAY:
            raise StunError(442, "Unsupported Transport Protocol")
        if packet.family not in {None, _IPV4}:
            raise StunError(440, "Address Family not Supported")
        if packet.even_port:  # the next port is to be reserved too: RFC 8656 §7.2, step 8
            raise StunError(508, "Insufficient Capacity")
        if self.faults.no_allocations:
            raise StunError(508, "Insufficient Capacity")
        self.sweep()
        if len(self._allocations) >= MAX_ALLOCATIONS:
            raise StunError(486, "Allocation Quota Reached")
        return _granted(packet)

    def _refresh(self, exchange: _Exchange) -> None:
        allocation = self._own_allocation(exchange)
        if exchange.packet.family not in {None, _IPV4}:
            raise StunError(443, "Peer Address Family Mismatch")
        lifetime_s = 0
        if exchange.packet.attributes.get("LIFETIME") == 0:
            self.release(exchange.client)
        else:
            lifetime_s = _granted(exchange.packet)
            allocation.ends_at = self._clock() + lifetime_s
        exchange.succeed({"LIFETIME": lifetime_s})

    def _create_permission(self, exchange: _Exchange) -> None:
        allocation = self._own_allocation(exchange)
        if not exchange.packet.peers:
            raise StunError(400, "Bad Request: XOR-PEER-ADDRESS is missing")
        for peer in exchange.packet.peers:  # all of them or none: RFC 8656 §10.2
            self._check_peer(peer)
        for peer in exchange.packet.peers:
            allocation.permit(peer[0])
        exchange.succeed()

    def _bind_channel(self, exchange: _Exchange) -> None:
        allocation = self._own_allocation(exchange)
        number = exchange.packet.attributes.get("CHANNEL-NUMBER")
        if (
            not isinstance(number, int)
            or number not in CHANNEL_NUMBERS
            or len(exchange.packet.peers) != 1
        ):
            raise StunError(400, "Bad Request: one channel number and one peer are needed")
        peer = exchange.packet.peers[0]
        self._check_peer(peer)
        allocation.bind(number, peer)
        exchange.succeed()

    def _check_peer(self, peer: Address) -> None:
        if ":" in peer[0]:
            raise StunError(443, "Peer Address Family Mismatch")
        if self.faults.forbidden:
            raise StunError(403, "Forbidden")
        if not self._own.allows(peer[0]):
            raise StunError(403, "Forbidden: only this machine's addresses are relayed to")

    def _indicated(self, client: Client, packet: Packet) -> None:
        """A Send indication (RFC 8656 §11.2); everything else is dropped without a word."""
        payload = packet.attributes.get("DATA")
        if packet.message.message_method != stun.Method.SEND or payload is None:
            return
        allocation = self._allocation_of(client)
        if allocation is not None and len(packet.peers) == 1:
            allocation.relay(payload, packet.peers[0])


def _granted(packet: Packet) -> int:
    """Lifetime in seconds (RFC 8656 §7.2): what is asked for, within 600 and 3600."""
    asked: int = packet.attributes.get("LIFETIME", DEFAULT_LIFETIME_S)
    return max(DEFAULT_LIFETIME_S, min(asked, MAX_LIFETIME_S))
