"""The signaling WebSocket of the channels.

In: signed GETs to an endpoint that GetSignalingChannelEndpoint answered, then JSON text frames.
Out: the other side's messages, and STATUS_RESPONSE for a message that was refused and carried a
correlation id. Rules: Kinesis Video Streams WebRTC developer guide, "WebSocket APIs".
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSCloseCode, WSMsgType, web

from peerdeck.core.channel import CLIENT_ID, Channel, Role
from peerdeck.localcloud import rooms, wire
from peerdeck.localcloud.channels import ChannelEndpoint, ChannelMissingError
from peerdeck.localcloud.gateway import signed_request, wrong_region
from peerdeck.localcloud.rooms import Room, TooManyViewersError
from peerdeck.localcloud.sigv4 import SignatureRefusedError, verify_query
from peerdeck.localcloud.state import CloudState
from peerdeck.localcloud.wire import ServiceError

MAX_PAYLOAD = 10_000  # characters, after base64
MAX_FRAME = 1 << 16  # bytes
MAX_QUEUED = 300  # messages that a peer may be behind
IDLE_S = 600.0
LIFE_S = 3600.0
CLOSE_S = 0.7
_ACTIONS = ("SDP_OFFER", "SDP_ANSWER", "ICE_CANDIDATE")
_PER_SECOND = {"SDP_OFFER": 5.0, "SDP_ANSWER": 5.0, "ICE_CANDIDATE": 20.0}
_BURST_S = 10.0  # the quotas are averages over this time
_PAYLOAD = re.compile(r"[a-zA-Z0-9+/=]+")
_CORRELATION_ID = re.compile(r"[a-zA-Z0-9_.-]{1,256}")
_log = logging.getLogger(__name__)


class _MessageRefusedError(Exception):
    """A frame that is not passed on; reported only where it carried a correlation id."""

    def __init__(self, error: str, description: str, correlation_id: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.correlation_id = correlation_id


@dataclass(frozen=True, slots=True)
class _Message:
    action: str
    payload: str
    recipient: str


class SignalingService:
    """Owns the rooms and every open signaling socket."""

    def __init__(self, state: CloudState) -> None:
        self._state = state
        self._rooms: dict[str, Room] = {}
        self._sockets: set[_Socket] = set()
        state.channels.on_deleted.append(self._channel_deleted)

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
        socket = _Socket(endpoint.role, client_id)
        if not socket.response.can_prepare(request):
            raise _refusal(400, "InvalidArgumentException", "A WebSocket upgrade is expected.")
        room = self._rooms.setdefault(channel.arn, Room(channel, self._state.clock))
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
            if not room.peers and not room.waiting:
                self._rooms.pop(channel.arn, None)
        return socket.response

    async def aclose(self) -> None:
        """Idempotent, at most CLOSE_S seconds."""
        for socket in tuple(self._sockets):
            socket.end("The service is going away", WSCloseCode.GOING_AWAY)
        ending = [socket.done for socket in self._sockets]
        if ending:
            await asyncio.wait(ending, timeout=CLOSE_S)

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
        return self._channel(values, endpoint), _client_id(values, endpoint.role)

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
        for peer in tuple(room.peers.values()) if room else ():
            peer.end("The channel was deleted")


@dataclass(slots=True, eq=False)
class _Socket:
    """One connection: a reader, and a writer behind a bounded queue."""

    role: Role
    client_id: str
    response: web.WebSocketResponse = field(
        default_factory=lambda: web.WebSocketResponse(max_msg_size=MAX_FRAME, timeout=CLOSE_S)
    )
    done: "asyncio.Future[None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _queue: "asyncio.Queue[str]" = field(default_factory=lambda: asyncio.Queue(MAX_QUEUED))
    _closing: tuple[int, str] = (WSCloseCode.OK, "")
    _ended: "asyncio.Event" = field(default_factory=asyncio.Event)

    def deliver(self, text: str) -> None:
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.end("Too slow to take its messages")

    def end(self, reason: str, code: int = WSCloseCode.POLICY_VIOLATION) -> None:
        if not self._ended.is_set():
            self._closing = (code, reason)
            self._ended.set()

    async def serve(self, request: web.Request, room: Room) -> None:
        """Until either side closes; afterwards `done` is set."""
        try:
            await self.response.prepare(request)
            await self._run(room)
        finally:
            self.done.set_result(None)

    async def _run(self, room: Room) -> None:
        async with asyncio.TaskGroup() as group:
            name = f"signaling/{self.client_id or 'master'}"
            writer = group.create_task(self._write(), name=f"{name}/write")
            reader = group.create_task(self._read(room), name=f"{name}/read")
            try:
                async with asyncio.timeout(LIFE_S):
                    await self._ended.wait()
            except TimeoutError:
                self.end("Connected for an hour", WSCloseCode.GOING_AWAY)
            writer.cancel()
            reader.cancel()
        code, reason = self._closing
        await self.response.close(code=code, message=reason.encode())

    async def _write(self) -> None:
        try:
            while True:
                await self.response.send_str(await self._queue.get())
        except ConnectionError:
            self.end("")

    async def _read(self, room: Room) -> None:
        allowance = SendAllowance(time.monotonic)
        try:
            while (frame := await self.response.receive(IDLE_S)).type in {
                WSMsgType.TEXT,
                WSMsgType.BINARY,
            }:
                self._received(room, frame.data, allowance)
        except TimeoutError:
            self.end("Idle for ten minutes", WSCloseCode.GOING_AWAY)
        self.end("", WSCloseCode.OK)

    def _received(self, room: Room, data: str | bytes, allowance: "SendAllowance") -> None:
        try:
            message = _parse(data, self.role)
            if message is None:
                return
            if not allowance.take(message.action):
                raise _MessageRefusedError(
                    "ClientLimitExceededException",
                    f"Too many {message.action} messages on this connection.",
                    _correlation_id(_lowered(data)),
                )
        except _MessageRefusedError as refusal:
            if refusal.correlation_id:
                self.deliver(
                    rooms.status_response(
                        refusal.correlation_id, 400, refusal.error, refusal.description
                    )
                )
            return
        room.send(
            message.recipient, rooms.delivery(message.action, message.payload, self.client_id)
        )


class SendAllowance:
    """Send quotas of one connection: 5 SDP messages and 20 candidates a second, with bursts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._filled_at = clock()
        self._left = {action: rate * _BURST_S for action, rate in _PER_SECOND.items()}

    def take(self, action: str) -> bool:
        now = self._clock()
        for name, rate in _PER_SECOND.items():
            grown = self._left[name] + rate * (now - self._filled_at)
            self._left[name] = min(grown, rate * _BURST_S)
        self._filled_at = now
        if self._left[action] < 1:
            return False
        self._left[action] -= 1
        return True


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


def _parse(data: str | bytes, role: Role) -> _Message | None:
    """None for an empty frame. Raises _MessageRefusedError."""
    if not data.strip():
        return None
    fields = _lowered(data)
    correlation_id = _correlation_id(fields)

    def refuse(description: str) -> _MessageRefusedError:
        return _MessageRefusedError("InvalidArgumentException", description, correlation_id)

    action, payload = fields.get("action"), fields.get("messagepayload")
    recipient = fields.get("recipientclientid") or ""
    if action not in _ACTIONS:
        raise refuse(f"The action must be one of {', '.join(_ACTIONS)}.")
    if not isinstance(payload, str) or not payload:
        raise refuse("The messagePayload must not be empty.")
    if len(payload) > MAX_PAYLOAD:
        raise refuse(
            f"The messagePayload has {len(payload)} characters; the limit is {MAX_PAYLOAD}."
        )
    if not _PAYLOAD.fullmatch(payload):
        raise refuse("The messagePayload must be base64-encoded.")
    if role is Role.VIEWER:  # whatever a viewer names, only the master hears it
        return _Message(action, payload, "")
    if not isinstance(recipient, str) or not CLIENT_ID.pattern.fullmatch(recipient[:300]):
        raise refuse("A master must name a valid recipientClientId.")
    if len(recipient) > CLIENT_ID.maximum:
        raise refuse("The recipientClientId is too long.")
    return _Message(action, payload, recipient)


def _lowered(data: str | bytes) -> dict[str, Any]:
    """The frame's fields by lower-case name (both casings occur); {} for anything but an object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return {k.lower(): v for k, v in value.items()} if isinstance(value, dict) else {}


def _correlation_id(fields: Mapping[str, Any]) -> str:
    value = fields.get("correlationid")
    return value if isinstance(value, str) and _CORRELATION_ID.fullmatch(value) else ""
