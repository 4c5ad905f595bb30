"""The signaling WebSocket of the channels.

In: signed GETs to an endpoint that GetSignalingChannelEndpoint answered, then JSON text frames
(messages.py). Out: the other side's messages, and STATUS_RESPONSE for a message that was refused
and carried a correlation id. signaling_socket.py is one connection, rooms.py who hears whom,
storage.py the peer that joins where media is stored.
Rules: Kinesis Video Streams WebRTC developer guide, "WebSocket APIs".
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import WSCloseCode, web

from peerdeck.core.channel import CLIENT_ID, Channel, Role
from peerdeck.localcloud import rooms, wire
from peerdeck.localcloud.channels import ChannelEndpoint, ChannelMissingError
from peerdeck.localcloud.gateway import signed_request, wrong_region
from peerdeck.localcloud.quotas import RateExceededError
from peerdeck.localcloud.rooms import Room, TooManyViewersError
from peerdeck.localcloud.signaling_socket import CLOSE_S, Socket
from peerdeck.localcloud.sigv4 import SignatureRefusedError, verify_query
from peerdeck.localcloud.state import CloudState
from peerdeck.localcloud.wire import ServiceError

if TYPE_CHECKING:
    from peerdeck.localcloud.storage import StorageSession

SWEEP_S = 0.5
_log = logging.getLogger(__name__)


class _Caller:
    """An offer from outside the channel's sockets that waits for the master's answer."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(self, kind: str, payload: str) -> None:
        if kind == "SDP_ANSWER" and not self.answer.done():
            self.answer.set_result(payload)

    def end(self, reason: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(TimeoutError(reason))


class SignalingService:
    """Owns the rooms, every open signaling socket and the storage peers."""

    def __init__(self, state: CloudState) -> None:
        self._state = state
        self._rooms: dict[str, Room] = {}
        self._sockets: set[Socket] = set()
        self._storage: dict[asyncio.Task[None], StorageSession] = {}
        self._timer: asyncio.TimerHandle | None = None
        state.signaling = self
        state.channels.on_deleted.append(self._channel_deleted)
        state.channels.on_changed.append(self._channel_changed)

    def connected(self, channel_arn: str) -> tuple[tuple[Role, str], ...]:
        """Role and client id of everyone on the channel."""
        room = self._rooms.get(channel_arn)
        return tuple((peer.role, peer.client_id) for peer in room.peers.values()) if room else ()

    def announce(self, channel_arn: str, kind: str) -> None:
        """Sends GO_AWAY or RECONNECT_ICE_SERVER to everyone there; for faults on demand."""
        room = self._rooms.get(channel_arn)
        for peer in tuple(room.peers.values()) if room else ():
            peer.deliver(rooms.delivery(kind))

    async def handle(self, request: web.Request, endpoint: ChannelEndpoint) -> web.StreamResponse:
        """The whole life of one connection; refusals are ServiceErrors before the upgrade."""
        channel, client_id = self._admit(request, endpoint)
        socket = Socket(endpoint.role, client_id, self._state.clock)
        if not socket.response.can_prepare(request):
            raise _refusal(400, "InvalidArgumentException", "A WebSocket upgrade is expected.")
        room = self._room(endpoint.region, channel)
        try:
            room.join(socket)  # before the upgrade, so that a full channel can still refuse it
        except TooManyViewersError as error:
            raise _refusal(
                400,
                "ClientLimitExceededException",
                "The maximum number of viewers is connected to the channel.",
            ) from error
        self._sockets.add(socket)
        try:
            await socket.serve(request, room)
        finally:
            room.leave(socket)
            self._sockets.discard(socket)
            self._tidy(room)
        return socket.response

    async def ask_master(self, channel: Channel, sender: str, payload: str) -> str:
        """Passes an offer on and returns the payload of its answer.

        Raises TimeoutError after the channel's message TTL, and where a newer offer of the same
        sender takes its place.
        """
        room = self._room_of(channel)
        caller = _Caller(self._state.clock() + channel.ttl_s)
        if (older := room.callers.pop(sender, None)) is not None:
            older.end("Replaced by a newer offer")
        room.callers[sender] = caller
        room.send("", rooms.delivery("SDP_OFFER", payload, sender))
        try:
            return await caller.answer
        finally:
            if room.callers.get(sender) is caller:
                del room.callers[sender]
            self._tidy(room)

    def start_storage(self, region: str, channel: Channel, viewer: str) -> None:
        """A storage peer offers to the master, or to a viewer; the newest join wins."""
        from peerdeck.localcloud.storage import StorageSession

        room = self._room(region, channel)
        if (older := room.storage.pop(viewer, None)) is not None:
            older.end("Replaced by a newer join")
        session = StorageSession(
            channel.arn,
            viewer,
            send=lambda kind, payload: room.send(viewer, rooms.delivery(kind, payload)),
            ice=self._state.ice_servers(f"storage-{viewer}"[:256]),
        )
        room.storage[viewer] = session
        task = asyncio.get_running_loop().create_task(
            session.run(), name=f"storage/{channel.name}/{viewer or 'master'}"
        )
        self._storage[task] = session

        def ended(task: asyncio.Task[None]) -> None:
            del self._storage[task]
            if room.storage.get(viewer) is session:
                del room.storage[viewer]
            self._tidy(room)
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("%s failed", task.get_name(), exc_info=error)

        task.add_done_callback(ended)

    def storage_sessions(self, channel_arn: str) -> "tuple[StorageSession, ...]":
        """Those that run now, with what they received."""
        return tuple(s for s in self._storage.values() if s.channel_arn == channel_arn)

    def sweep(self) -> None:
        """Applies the limits of time; goes on by itself every SWEEP_S seconds while needed."""
        for socket in tuple(self._sockets):
            socket.check_limits()
        now = self._state.clock()
        for room in tuple(self._rooms.values()):
            room.forget()
            for caller in tuple(room.callers.values()):
                if isinstance(caller, _Caller) and now >= caller.ends_at:
                    caller.end("The master did not answer")
            self._tidy(room)

    async def aclose(self) -> None:
        """Idempotent, at most CLOSE_S seconds."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ending: list[asyncio.Future[None]] = [socket.done for socket in self._sockets]
        for socket in tuple(self._sockets):
            socket.end("The service is going away", WSCloseCode.GOING_AWAY)
        for room in tuple(self._rooms.values()):
            room.end_all("The service is going away")
        ending += self._storage
        if ending:
            await asyncio.wait(ending, timeout=CLOSE_S)

    def _room(self, region: str, channel: Channel) -> Room:
        room = self._room_of(channel)
        room.stores = bool(self._state.channels.stream_of(region, channel.arn))
        return room

    def _room_of(self, channel: Channel) -> Room:
        room = self._rooms.setdefault(channel.arn, Room(channel, self._state.clock))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_again)
        return room

    def _sweep_again(self) -> None:
        self._timer = None
        self.sweep()
        if self._rooms and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_again)

    def _tidy(self, room: Room) -> None:
        if room.is_empty and self._rooms.get(room.channel.arn) is room:
            del self._rooms[room.channel.arn]

    def _admit(self, request: web.Request, endpoint: ChannelEndpoint) -> tuple[Channel, str]:
        """The channel and the client id ("" for a master) of a correctly signed request."""
        try:
            scope = verify_query(
                signed_request(request),
                self._state.keys,
                now=self._state.clock(),
                service="kinesisvideo",
            )
        except SignatureRefusedError as refusal:
            problem = wire.signature_error(wire.Protocol.REST_JSON, refusal)
            raise _refusal(problem.status, problem.code, problem.message) from refusal
        if scope.region != endpoint.region:
            raise wrong_region(scope.region)
        values = dict(parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True))
        channel, client_id = self._channel(values, endpoint), _client_id(values, endpoint.role)
        operation = "ConnectAsMaster" if endpoint.role is Role.MASTER else "ConnectAsViewer"
        try:
            self._state.quotas.take(operation, endpoint.region, channel.arn)
        except RateExceededError as error:
            raise _refusal(400, "ClientLimitExceededException", str(error)) from error
        return channel, client_id

    def _channel(self, values: Mapping[str, str], endpoint: ChannelEndpoint) -> Channel:
        arn = values.get("X-Amz-ChannelARN", "")
        if not arn:
            raise _refusal(400, "InvalidArgumentException", "X-Amz-ChannelARN must be specified.")
        try:
            channel = self._state.channels.by_arn(endpoint.region, arn)
        except ChannelMissingError as error:
            message = "The requested channel is not found or not active."
            raise _refusal(404, "ResourceNotFoundException", message) from error
        if channel.arn != endpoint.channel_arn:
            message = "The channel does not belong to this endpoint."
            raise _refusal(400, "InvalidArgumentException", message)
        return channel

    def _channel_deleted(self, channel: Channel) -> None:
        room = self._rooms.pop(channel.arn, None)
        if room is not None:
            room.end_all("The channel was deleted")

    def _channel_changed(self, region: str, channel: Channel) -> None:
        """A new message TTL holds for new messages; media storage begins or ends."""
        room = self._rooms.get(channel.arn)
        if room is None:
            return
        room.channel = channel
        room.stores = bool(self._state.channels.stream_of(region, channel.arn))
        if not room.stores:
            for session in tuple(room.storage.values()):
                session.end("Media storage was disabled")


def _client_id(values: Mapping[str, str], role: Role) -> str:
    client_id = values.get("X-Amz-ClientId", "")
    if role is Role.MASTER:
        if client_id:
            message = "X-Amz-ClientId is for viewers only."
            raise _refusal(400, "InvalidArgumentException", message)
        return ""
    if not client_id:
        raise _refusal(400, "InvalidArgumentException", "X-Amz-ClientId must be specified.")
    if len(client_id) > CLIENT_ID.maximum or not CLIENT_ID.pattern.fullmatch(client_id):
        message = "X-Amz-ClientId must match [a-zA-Z0-9_.-]{1,256} and not start with AWS_."
        raise _refusal(400, "InvalidArgumentException", message)
    return client_id


def _refusal(status: int, code: str, message: str) -> ServiceError:
    return ServiceError(status, code, message, in_body=True)
