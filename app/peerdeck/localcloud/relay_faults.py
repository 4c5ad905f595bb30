"""What the tunnel relay does wrong on purpose, and the arithmetic of its bandwidth cap."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from peerdeck.core.tunnel import Mode
from peerdeck.localcloud.tunnels import Refused
from peerdeck.protocol.frames import Buffer, Message, MessageType, encode
from peerdeck.protocol.tunnel_events import Version

CAP = "bandwidth cap"
_MAX_REFUSED = 1000
_STARTS = {MessageType.STREAM_START, MessageType.CONNECTION_START}


class Sender(Protocol):
    """The side that a message came from."""

    version: Version

    def send(self, data: Buffer) -> None: ...

    def hold(self, why: str, on: bool = True) -> None: ...


@dataclass(slots=True)
class RelayFaults:
    """All off at first. token_used: every source is refused. v1_only: the demo's devices, which ask
    for it, speak V1. refuses: the destination's service refuses every new connection.
    bytes_per_s: for each tunnel.
    """

    token_used: bool = False
    v1_only: bool = False
    refuses: bool = False
    stalled: bool = False
    bytes_per_s: float | None = None

    def admit(self, mode: Mode) -> None:
        """Raises Refused."""
        if self.token_used and mode is Mode.SOURCE:
            raise Refused(
                400,
                "Invalid access token: The access token was previously used "
                "and cannot be used again.",
            )


class Allowance:
    """A tunnel's bandwidth: who sends more is not read until the rest has been paid for."""

    def __init__(self, faults: RelayFaults, loop: asyncio.AbstractEventLoop) -> None:
        self._faults = faults
        self._loop = loop
        self._paid_until = 0.0  # when what was sent is paid for, by the loop's clock
        self._held: dict[Sender, asyncio.TimerHandle] = {}

    def spend(self, size: int, sender: Sender) -> None:
        rate = self._faults.bytes_per_s
        if rate is None:
            return
        now = self._loop.time()
        self._paid_until = max(self._paid_until, now) + size / rate
        if sender not in self._held:
            sender.hold(CAP)
        else:
            self._held[sender].cancel()
        self._held[sender] = self._loop.call_at(self._paid_until, self._release, sender)

    def reset(self) -> None:
        """Forgets all debts, for instance when the cap was changed."""
        self._paid_until = 0.0
        for sender, timer in tuple(self._held.items()):
            timer.cancel()
            self._release(sender)

    close = reset

    def _release(self, sender: Sender) -> None:
        self._held.pop(sender, None)
        sender.hold(CAP, False)


@dataclass(slots=True)
class Refusals:
    """Connections that "the device's service" refused; a real device would not know them either."""

    _connections: dict[tuple[str, int, int], None] = field(default_factory=dict)
    _streams: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._connections)

    def judge(
        self, message: Message, whole: memoryview, faults: RelayFaults, source: Sender
    ) -> memoryview:
        """What goes on to the destination: `whole`, its equivalent, or nothing.

        A destination whose dial fails answers CONNECTION_RESET, in V1 and V2 STREAM_RESET.
        """
        service, stream_id = message.service_id, message.stream_id
        key = (service, stream_id, message.connection_id)
        if message.type in _STARTS and faults.refuses:
            self._note(key, message)
            kind = MessageType.CONNECTION_RESET
            if source.version is not Version.V3:
                kind = MessageType.STREAM_RESET
            source.send(encode(Message(kind, stream_id, service, message.connection_id)))
            return whole[:0]
        if key in self._connections:
            return whole[:0]
        if message.type == MessageType.CONNECTION_START:
            if self._streams.get(service) == stream_id:  # the destination never heard its start
                del self._streams[service]
                start = message._replace(type=MessageType.STREAM_START)
                return memoryview(encode(start))
        elif message.type == MessageType.STREAM_START:
            self._streams.pop(service, None)
        return whole

    def _note(self, key: tuple[str, int, int], message: Message) -> None:
        if len(self._connections) >= _MAX_REFUSED:
            del self._connections[next(iter(self._connections))]
        self._connections[key] = None
        if message.type == MessageType.STREAM_START:
            self._streams[message.service_id] = message.stream_id
