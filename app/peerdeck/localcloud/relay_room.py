"""The two sides of one tunnel, and what passes between them.

Whole messages only: a side that is replaced in the middle of one must not leave half of it behind.
Backpressure: while one side takes no more, the other is not read. While the destination is absent,
a new stream waits for it, up to MAX_QUEUED bytes; beyond that the stream is reset. Whatever belongs
to a stream that one side has lost is dropped, and the other side is told when it comes back ("The
tunnel peer is replaced": V3 protocol guide, "StreamReset").
"""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.relay_faults import Allowance, Refusals, RelayFaults
from peerdeck.localcloud.tunnels import Admission
from peerdeck.protocol.frames import (
    MAX_PAYLOAD,
    Buffer,
    MalformedMessage,
    Message,
    MessageStream,
    MessageType,
    decode,
    encode,
)
from peerdeck.protocol.tunnel_events import Version

if TYPE_CHECKING:
    from peerdeck.localcloud.relay import TunnelRelay

MAX_QUEUED = 64 * 1024
_HIGH_WATER = 256 * 1024
_RECEIVE_BYTES = 256 * 1024
_FROM_CLIENTS = {
    MessageType.DATA,
    MessageType.STREAM_RESET,
    MessageType.CONNECTION_RESET,
    MessageType.STREAM_START,
    MessageType.CONNECTION_START,
}
_PEER = "the other side takes no more"
_FROM_SOURCES = {MessageType.STREAM_START, MessageType.CONNECTION_START}


class Peer(WSListener):
    """The WebSocket of one side."""

    def __init__(self, relay: "TunnelRelay", admission: Admission, version: Version) -> None:
        self.admission = admission
        self.version = version
        self.room: Room | None = None
        self.blocked = False
        self._held: set[str] = set()
        self._relay = relay
        self._incoming = MessageStream()
        self._transport: WSTransport | None = None
        self._closed = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        under = transport.underlying_transport
        under.set_write_buffer_limits(high=_HIGH_WATER)
        # picows reads all that the kernel has at once, and delivers it even to a paused reader
        connection = under.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._relay.joined(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._closed = True
        self._relay.left(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closed or self.room is None:
            return
        if frame.msg_type in {WSMsgType.BINARY, WSMsgType.CONTINUATION}:
            self._receive(self.room, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            self.close(WSCloseCode.OK, "")
        elif frame.msg_type == WSMsgType.TEXT:
            self.close(WSCloseCode.UNSUPPORTED_DATA, "only binary frames are allowed")

    def pause_writing(self) -> None:
        self.blocked = True
        if self.room is not None:
            self.room.blocked(self, True)

    def resume_writing(self) -> None:
        self.blocked = False
        if self.room is not None:
            self.room.blocked(self, False)

    def send(self, data: Buffer) -> None:
        if self._transport is not None and not self._closed:
            self._transport.send(WSMsgType.BINARY, data)

    def hold(self, why: str, on: bool = True) -> None:
        """Nothing is read from this side while there is any reason not to."""
        (self._held.add if on else self._held.discard)(why)
        if self._transport is not None and not self._closed:
            under = self._transport.underlying_transport
            if self._held:
                under.pause_reading()
            else:
                under.resume_reading()

    def close(self, code: WSCloseCode, reason: str) -> None:
        if self._transport is not None and not self._closed:
            self._closed = True
            self._transport.send_close(code, reason)
            self._transport.disconnect()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def gone(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(WSError, OSError):
                await self._transport.wait_disconnected()

    def _receive(self, room: "Room", data: memoryview) -> None:
        room.allowance.spend(len(data), self)
        try:
            for whole in self._incoming.feed(data):
                message = decode(whole[2:], known_only=True)
                self._check(message)
                room.route(self, message, whole)
        except MalformedMessage as error:
            self.close(WSCloseCode.PROTOCOL_ERROR, str(error))

    def _check(self, message: Message) -> None:
        """V3 protocol guide, "ProtocolBuffers Message Schema", the rules below the schema."""
        if message.type not in _FROM_CLIENTS:
            raise MalformedMessage(f"a client must not send message type {message.type}")
        if message.type in _FROM_SOURCES and self.admission.mode is not Mode.SOURCE:
            raise MalformedMessage("a destination must not start streams")
        if message.stream_id == 0:
            raise MalformedMessage("stream id 0 is invalid")
        if len(message.payload) > MAX_PAYLOAD:
            raise MalformedMessage("the payload is larger than 63 kB")


class Room:
    """One tunnel. services: its ids; none for a tunnel without destination configuration."""

    def __init__(self, services: tuple[str, ...], faults: RelayFaults) -> None:
        self.allowance = Allowance(faults, asyncio.get_running_loop())
        self._services = services
        self._faults = faults
        self._refusals = Refusals()
        self._sides: dict[Mode, Peer] = {}
        self._streams: dict[str, int] = {}  # that both sides may know, by service
        self._queue: list[tuple[str, bytes]] = []  # for the absent destination: service, message
        self._queued_bytes = 0
        self._queued: dict[str, int] = {}  # streams that began while it was absent

    @property
    def is_empty(self) -> bool:
        return not self._sides

    def join(self, peer: Peer) -> None:
        mode = peer.admission.mode
        replaced = self._sides.get(mode)
        if replaced is not None:
            replaced.close(WSCloseCode.POLICY_VIOLATION, "another connection took over")
        self._sides[mode] = peer
        if peer.version is not Version.V1:
            ids = Message(MessageType.SERVICE_IDS, available_service_ids=self._services)
            peer.send(encode(ids))
        self._reset_lost_streams(peer)
        if mode is Mode.SOURCE:
            self._forget_queue()
        else:
            self._deliver_queue(peer)
        other = self._other(peer)
        if other is not None:
            peer.hold(_PEER, other.blocked)
            other.hold(_PEER, False)

    def leave(self, peer: Peer) -> None:
        mode = peer.admission.mode
        if self._sides.get(mode) is not peer:
            return
        del self._sides[mode]
        if mode is Mode.SOURCE:
            self._forget_queue()
        other = self._other(peer)
        if other is not None:
            other.hold(_PEER, False)
        if self.is_empty:
            self.allowance.close()

    def blocked(self, peer: Peer, is_blocked: bool) -> None:
        other = self._other(peer)
        if other is not None and self._sides.get(peer.admission.mode) is peer:
            other.hold(_PEER, is_blocked)

    def route(self, sender: Peer, message: Message, whole: memoryview) -> None:
        if self._sides.get(sender.admission.mode) is not sender:
            return
        if sender.admission.mode is Mode.SOURCE and (self._faults.refuses or self._refusals):
            whole = self._refusals.judge(message, whole, self._faults, sender)
            if not whole:
                return
        service = message.service_id
        other = self._other(sender)
        if message.type == MessageType.STREAM_START:
            self._streams[service] = message.stream_id
        if other is not None:
            if message.type == MessageType.STREAM_RESET:
                self._forget_stream(service, message.stream_id)
            other.send(whole)
        elif sender.admission.mode is Mode.SOURCE:
            self._queue_for_destination(sender, message, whole)

    def _other(self, peer: Peer) -> Peer | None:
        mine = peer.admission.mode
        return self._sides.get(Mode.SOURCE if mine is Mode.DESTINATION else Mode.DESTINATION)

    def _queue_for_destination(self, source: Peer, message: Message, whole: memoryview) -> None:
        service = message.service_id
        if message.type == MessageType.STREAM_START:
            self._drop_queued(service)
            self._queued[service] = message.stream_id
        if self._queued.get(service) != message.stream_id:
            return
        if message.type == MessageType.STREAM_RESET:
            self._drop_queued(service)
            self._forget_stream(service, message.stream_id)
            return
        self._queue.append((service, bytes(whole)))
        self._queued_bytes += len(whole)
        if self._queued_bytes > MAX_QUEUED:
            self._drop_queued(service)
            self._forget_stream(service, message.stream_id)
            source.send(encode(Message(MessageType.STREAM_RESET, message.stream_id, service)))

    def _deliver_queue(self, destination: Peer) -> None:
        for _, whole in self._queue:
            destination.send(whole)
        self._forget_queue()

    def _drop_queued(self, service: str) -> None:
        self._queued.pop(service, None)
        self._queue = [entry for entry in self._queue if entry[0] != service]
        self._queued_bytes = sum(len(whole) for _, whole in self._queue)

    def _forget_queue(self) -> None:
        self._queue.clear()
        self._queued.clear()
        self._queued_bytes = 0

    def _forget_stream(self, service: str, stream_id: int) -> None:
        if self._streams.get(service) == stream_id:
            del self._streams[service]

    def _reset_lost_streams(self, newcomer: Peer) -> None:
        """The newcomer knows nothing of the streams that its predecessor had: the other side is
        told so; those that wait in the queue are new to both.
        """
        other = self._other(newcomer)
        waits = self._queued if newcomer.admission.mode is Mode.DESTINATION else {}
        for service, stream_id in tuple(self._streams.items()):
            if waits.get(service) == stream_id:
                continue
            del self._streams[service]
            if other is not None:
                other.send(encode(Message(MessageType.STREAM_RESET, stream_id, service)))
