"""One signaling connection: a reader, and a writer behind a bounded queue."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from peerdeck.core.channel import Role
from peerdeck.localcloud import rooms
from peerdeck.localcloud.messages import Message, MessageRefusedError, SendAllowance, parse
from peerdeck.localcloud.rooms import NobodyThereError, Room

MAX_FRAME = 1 << 16  # bytes
MAX_QUEUED = 300  # messages that a peer may be behind
CLOSE_S = 0.7
# "Maximum connection duration", "Maximum idle connection timeout period" and "Maximum GO_AWAY
# message grace period" of the service quotas.
LIFE_S = 3600.0
IDLE_S = 600.0
GRACE_S = 60.0


@dataclass(slots=True, eq=False)
class Socket:
    """clock: seconds; what the limits of age and idleness are judged by, see `check_limits()`."""

    role: Role
    client_id: str
    clock: Callable[[], float]
    response: web.WebSocketResponse = field(
        default_factory=lambda: web.WebSocketResponse(
            max_msg_size=MAX_FRAME, timeout=CLOSE_S, autoping=False
        )
    )
    done: "asyncio.Future[None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _queue: "asyncio.Queue[str]" = field(default_factory=lambda: asyncio.Queue(MAX_QUEUED))
    _closing: tuple[int, str] = (WSCloseCode.OK, "")
    _ended: "asyncio.Event" = field(default_factory=asyncio.Event)
    _opened_at: float = 0.0
    _heard_at: float = 0.0
    _warned: bool = False

    def __post_init__(self) -> None:
        self._opened_at = self._heard_at = self.clock()

    def deliver(self, text: str) -> None:
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.end("Too slow to take its messages")

    def end(self, reason: str, code: int = WSCloseCode.POLICY_VIOLATION) -> None:
        if not self._ended.is_set():
            self._closing = (code, reason)
            self._ended.set()

    def check_limits(self) -> None:
        """GO_AWAY a minute before the hour is over, then the end; the end where nobody talks.

        Pings count as talk: the guide does not say, and the SDKs rely on it.
        """
        now = self.clock()
        if now - self._opened_at >= LIFE_S:
            self.end("Connected for an hour", WSCloseCode.GOING_AWAY)
        elif now - self._heard_at >= IDLE_S:
            self.end("Idle for ten minutes", WSCloseCode.GOING_AWAY)
        elif now - self._opened_at >= LIFE_S - GRACE_S and not self._warned:
            self._warned = True
            self.deliver(rooms.delivery("GO_AWAY"))

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
            await self._ended.wait()
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
        allowance = SendAllowance(self.clock)
        try:
            async for frame in self.response:
                self._heard_at = self.clock()
                if frame.type is WSMsgType.PING:
                    await self.response.pong(frame.data)
                elif frame.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    self._received(room, frame.data, allowance)
        except ConnectionError:
            pass
        self.end("", WSCloseCode.OK)

    def _received(self, room: Room, data: str | bytes, allowance: SendAllowance) -> None:
        try:
            message = parse(data, self.role)
            if message is not None:
                self._pass_on(room, message, allowance)
        except MessageRefusedError as refusal:
            if refusal.correlation_id:
                self.deliver(
                    rooms.status_response(
                        refusal.correlation_id, 400, refusal.error, refusal.description
                    )
                )

    def _pass_on(self, room: Room, message: Message, allowance: SendAllowance) -> None:
        if not allowance.take(message.action):
            raise MessageRefusedError(
                "ClientLimitExceededException",
                f"Too many {message.action} messages on this connection.",
                message.correlation_id,
            )
        try:
            room.pass_on(self.client_id, message.recipient, message.action, message.payload)
        except NobodyThereError as error:
            raise MessageRefusedError(
                "InvalidArgumentException", str(error), message.correlation_id
            ) from error
