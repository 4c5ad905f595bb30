"""A session's signaling, over as many sockets as it takes; media never notices."""

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from peerdeck.engine.signaling import SignalingRefused, SignalingSocket, SignalingUnreachable
from peerdeck.engine.signaling_diary import SignalingDiary
from peerdeck.engine.tasks import TaskSet
from peerdeck.protocol.signaling import Kind, SignalingMessage

_log = logging.getLogger(__name__)

# Quotas: a socket lives 1 h, 10 min when idle; whether pings count against idleness is not settled.
MAX_AGE_S = 55 * 60
MAX_IDLE_S = 9 * 60
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_DRAIN_S = 5.0
_MAX_WAITING = 64


@dataclass(frozen=True, slots=True)
class SocketEnd:
    """How a socket ended that was not ours to end. code: of the WebSocket, 1006 where none came."""

    code: int
    reason: str
    age_s: float


class SignalingLink:
    """Call `open()`, then keep `run()` going; `on_message` gets every message but GO_AWAY.

    state: "open", "reconnecting" or "closed". open_url: returns a freshly signed URL; whatever it
    raises goes to the caller of `open()`, and means another try later while reconnecting. diary: is
    told everything; name: the client id, for it. on_drop: a socket is gone; what it raises ends
    `run()` instead of a new connection.
    """

    def __init__(
        self,
        open_url: Callable[[], Awaitable[str]],
        *,
        on_message: Callable[[SignalingMessage], None],
        on_state: Callable[[], None],
        clock: Callable[[], float],
        max_age_s: float = MAX_AGE_S,
        max_idle_s: float = MAX_IDLE_S,
        tls: ssl.SSLContext | None = None,
        diary: SignalingDiary | None = None,
        name: str = "",
        on_drop: Callable[[SocketEnd], None] = lambda _: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.state = "closed"
        self.reconnects = 0
        self._open_url = open_url
        self._diary = diary or SignalingDiary([], clock)
        self._name = name
        self._chance = chance
        self._tls = tls
        self._on_drop = on_drop
        self._on_message = on_message
        self._on_state = on_state
        self._clock = clock
        self._max_age_s = max_age_s
        self._max_idle_s = max_idle_s
        self._socket: SignalingSocket | None = None
        self._opened_at = 0.0
        self._used_at = 0.0
        self._waiting: deque[SignalingMessage] = deque(maxlen=_MAX_WAITING)
        self._tasks = TaskSet("signaling")

    async def open(self) -> None:
        """The first socket.

        Raises SignalingRefused, SignalingUnreachable, or what open_url raises.
        """
        await self._connect()

    async def run(self) -> None:
        """Reads and reconnects until cancelled."""
        while True:
            socket = self._socket
            if socket is None:
                raise RuntimeError("open() comes first")
            dropped = await self._read(socket)
            if dropped:
                self._diary.closed(_close_words(socket))
                age_s = self._clock() - self._opened_at
                end = SocketEnd(socket.close_code or 1006, socket.close_reason, age_s)
                await socket.aclose()
                self._on_drop(end)
                self._enter("reconnecting")
            # The newest connection of a client id wins: the old one is read until it is thrown out.
            await self._reconnect()
            if not dropped:
                self._tasks.start("drain", self._drain(socket))

    async def send(self, message: SignalingMessage) -> None:
        """Sent now, or as soon as there is a socket again. Raises PayloadTooLarge."""
        if self._socket is None or self.state != "open":
            self._waiting.append(message)
            return
        try:
            await self._send(self._socket, message)
        except ConnectionError:
            self._waiting.append(message)

    async def aclose(self) -> None:
        """Idempotent; at most half a second for each socket."""
        await self._tasks.aclose()
        socket, self._socket = self._socket, None
        if socket is not None:
            if not socket.closed:
                self._diary.closed("by us")
            await socket.aclose()
        self._enter("closed")

    async def _connect(self) -> None:
        try:
            socket = await SignalingSocket.open(await self._open_url(), tls=self._tls)
        except (SignalingRefused, SignalingUnreachable) as error:
            self._diary.failed(error)
            raise
        self._socket = socket
        self._diary.opened(self._name)
        self._opened_at = self._used_at = self._clock()
        self._enter("open")
        while self._waiting:
            message = self._waiting.popleft()
            try:
                await self._send(socket, message)
            except ConnectionError:
                self._waiting.appendleft(message)
                return

    async def _send(self, socket: SignalingSocket, message: SignalingMessage) -> None:
        await socket.send(message)
        self._diary.sent(message)
        self._used_at = self._clock()

    async def _reconnect(self) -> None:
        delay_s = 0.0
        while True:
            # ± half of it: what dropped one socket may have dropped those of many consoles.
            await asyncio.sleep(delay_s * (0.5 + self._chance()))
            try:
                await self._connect()
            except (SignalingRefused, SignalingUnreachable) as error:
                _log.info("signaling: %s", error)
            # open_url is the caller's and may fail in ways of its own; media goes on meanwhile.
            except Exception as error:  # noqa: BLE001
                _log.info("signaling: no URL: %s", type(error).__name__)
            else:
                self.reconnects += 1
                return
            self._enter("reconnecting")
            delay_s = min(_LONGEST_DELAY_S, 2 * delay_s or _FIRST_DELAY_S)

    async def _read(self, socket: SignalingSocket) -> bool:
        """Whether the socket is gone; False when it only is time for another one."""
        while True:
            ends_at = min(self._opened_at + self._max_age_s, self._used_at + self._max_idle_s)
            try:
                async with asyncio.timeout(max(0.0, ends_at - self._clock())):
                    message = await anext(socket, None)
            except TimeoutError:
                if self._clock() >= min(
                    self._opened_at + self._max_age_s, self._used_at + self._max_idle_s
                ):
                    return socket.closed
                continue  # something was sent meanwhile: not idle
            if message is None:
                return True
            self._used_at = self._clock()
            self._diary.received(message)
            if message.kind is Kind.GO_AWAY:
                return False
            self._on_message(message)

    async def _drain(self, socket: SignalingSocket) -> None:
        try:
            async with asyncio.timeout(_DRAIN_S):
                async for message in socket:
                    self._diary.received(message)
                    if message.kind is not Kind.GO_AWAY:
                        self._on_message(message)
        except TimeoutError:
            pass
        finally:
            self._diary.closed("replaced by a newer one")
            await socket.aclose()

    def _enter(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._on_state()


def _close_words(socket: SignalingSocket) -> str:
    code = socket.close_code
    return "" if code is None else f"by the service, close code {code}"
