"""A TURN client that speaks RFC 8489 and RFC 8656 by hand."""

import asyncio
import hashlib
import struct
from typing import Any

from aioice import stun

from peerdeck.localcloud.turn import TurnServer

UDP = 17 << 24
Address = tuple[str, int]
Tcp = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Socket(asyncio.DatagramProtocol):
    """A UDP socket whose datagrams wait in a queue."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address: Address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.heard.put_nowait((data, addr))

    async def next(self) -> tuple[bytes, Address]:
        async with asyncio.timeout(2):
            return await self.heard.get()

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> "Socket":
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(cls, local_addr=(host, 0))
        return protocol


class User:
    """A TURN client that signs by hand."""

    def __init__(self, server: TurnServer, socket: Socket) -> None:
        self.socket = socket
        self.to = ("127.0.0.1", server.port)
        self.realm = ""
        self.nonce = b""
        self.username = ""
        self.key: bytes | None = None

    def be(self, username: str, password: str) -> None:
        self.username = username
        self.key = hashlib.md5(f"{username}:{self.realm}:{password}".encode()).digest()

    def message(
        self, method: stun.Method, attributes: dict[str, Any], kind: stun.Class = stun.Class.REQUEST
    ) -> stun.Message:
        message = stun.Message(method, kind, attributes=dict(attributes))
        if self.key is not None and kind is stun.Class.REQUEST:
            message.attributes |= {
                "USERNAME": self.username,
                "REALM": self.realm,
                "NONCE": self.nonce,
            }
            message.add_message_integrity(self.key)
        return message

    def send(self, data: bytes) -> None:
        self.socket.transport.sendto(data, self.to)

    async def answer_to(self, data: bytes) -> bytes:
        self.send(data)
        return (await self.socket.next())[0]

    async def ask(self, method: stun.Method, attributes: dict[str, Any]) -> stun.Message:
        request = self.message(method, attributes)
        answer = stun.parse_message(await self.answer_to(bytes(request)))
        assert answer.transaction_id == request.transaction_id
        unsigned = answer.error_code in {401, 438} or self.key is None
        assert unsigned or answer.check_message_integrity(self.key or b"")
        return answer

    async def log_in(self, username: str, password: str) -> None:
        challenge = await self.ask(stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": UDP})
        assert challenge.error_code == 401
        self.realm = challenge.attributes["REALM"]
        self.nonce = challenge.attributes["NONCE"]
        self.be(username, password)

    async def allocate(self, **attributes: Any) -> stun.Message:
        return await self.ask(stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": UDP} | attributes)

    async def permit(self, *peers: Address) -> stun.Message:
        assert len(peers) == 1
        return await self.ask(stun.Method.CREATE_PERMISSION, {"XOR-PEER-ADDRESS": peers[0]})

    async def bind(self, number: int, peer: Address) -> stun.Message:
        return await self.ask(
            stun.Method.CHANNEL_BIND, {"CHANNEL-NUMBER": number, "XOR-PEER-ADDRESS": peer}
        )

    async def is_answered(self) -> None:
        """The server is alive, and nothing else was in the queue before its answer."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        answer = stun.parse_message(await self.answer_to(bytes(request)))
        assert answer.transaction_id == request.transaction_id


async def relayed(user: User) -> Address:
    address: Address = (await user.allocate()).attributes["XOR-RELAYED-ADDRESS"]
    return address


def with_raw(request: stun.Message, kind: int, value: bytes) -> bytes:
    """`request`'s header and attributes and one that the codec does not know."""
    data = bytes(request) + struct.pack("!HH", kind, len(value)) + value
    return stun.set_body_length(data, len(data) - stun.HEADER_LENGTH)


def signed(user: User, data: bytes) -> bytes:
    for kind, value in (
        (0x0006, user.username.encode()),
        (0x0014, user.realm.encode()),
        (0x0015, user.nonce),
    ):
        data += struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
    data = stun.set_body_length(data, len(data) - stun.HEADER_LENGTH)
    digest = stun.message_integrity(data, user.key or b"")
    data += struct.pack("!HH", 0x0008, 20) + digest
    return stun.set_body_length(data, len(data) - stun.HEADER_LENGTH)


def plain_allocate() -> stun.Message:
    return stun.Message(
        stun.Method.ALLOCATE, stun.Class.REQUEST, attributes={"REQUESTED-TRANSPORT": UDP}
    )
