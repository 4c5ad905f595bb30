"""RFC 8489 and RFC 8656 dialogues with the TURN server over real sockets, spoken by hand."""

import asyncio
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aioice import stun
from aioice.ice import get_host_addresses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerdeck.localcloud.turn import TurnServer, requests
from peerdeck.localcloud.turn.wire import StreamFrames

UDP = 17 << 24
Address = tuple[str, int]


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server(clock: Clock) -> AsyncIterator[TurnServer]:
    server = TurnServer(clock=clock)
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def sockets() -> AsyncIterator[list[Socket]]:
    opened: list[Socket] = []
    yield opened
    for socket in opened:
        socket.transport.abort()


@pytest.fixture
async def user(server: TurnServer, sockets: list[Socket]) -> User:
    sockets.append(await Socket.open())
    user = User(server, sockets[-1])
    await user.log_in(*server.issue(label="viewer"))
    return user


@pytest.fixture
async def peer(sockets: list[Socket]) -> Socket:
    sockets.append(await Socket.open())
    return sockets[-1]


async def relayed(user: User) -> Address:
    address: Address = (await user.allocate()).attributes["XOR-RELAYED-ADDRESS"]
    return address


async def test_binding_tells_the_senders_address(server: TurnServer, peer: Socket) -> None:
    answer = await User(server, peer).ask(stun.Method.BINDING, {})
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == peer.address


async def test_allocation_names_relayed_and_mapped_address_and_lifetime(
    user: User, server: TurnServer
) -> None:
    answer = await user.allocate()
    assert answer.message_class is stun.Class.RESPONSE
    assert answer.attributes["XOR-RELAYED-ADDRESS"][0] == "127.0.0.1"
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == user.socket.address
    assert answer.attributes["LIFETIME"] == 600
    assert server.allocations == 1


async def test_lifetime_is_granted_within_bounds_and_zero_ends_it(
    user: User, server: TurnServer
) -> None:
    assert (await user.allocate(LIFETIME=10)).attributes["LIFETIME"] == 600
    for asked, granted in ((700, 700), (99_999, 3600), (1, 600)):
        answer = await user.ask(stun.Method.REFRESH, {"LIFETIME": asked})
        assert answer.attributes["LIFETIME"] == granted
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})).attributes["LIFETIME"] == 0
    assert server.allocations == 0
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})).error_code == 437


async def test_allocation_ends_with_its_lifetime(
    user: User, server: TurnServer, clock: Clock, peer: Socket
) -> None:
    address = await relayed(user)
    await user.permit(peer.address)
    clock.now += 599
    assert (await user.bind(0x4000, peer.address)).error_code is None
    clock.now += 2
    user.nonce = (await user.ask(stun.Method.REFRESH, {})).attributes["NONCE"]
    user.send(b"\x40\x00\x00\x01x")
    peer.transport.sendto(b"late", address)
    assert (await user.bind(0x4000, peer.address)).error_code == 437
    assert peer.heard.empty()
    assert server.allocations == 0


async def test_retransmitted_allocate_is_answered_identically(user: User) -> None:
    request = bytes(user.message(stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": UDP}))
    assert await user.answer_to(request) == await user.answer_to(request)
    assert (await user.allocate()).error_code == 437


@pytest.mark.parametrize("method", ["REFRESH", "CREATE_PERMISSION", "CHANNEL_BIND"])
async def test_requests_without_an_allocation_mismatch(user: User, method: str) -> None:
    answer = await user.ask(stun.Method[method], {"XOR-PEER-ADDRESS": ("127.0.0.1", 9)})
    assert answer.attributes["ERROR-CODE"] == (437, "Allocation Mismatch")


async def test_wrong_password_and_unknown_user_are_unauthorized(
    user: User, server: TurnServer
) -> None:
    name, password = server.issue()
    user.be(name, password + "x")
    assert (await user.allocate()).attributes["ERROR-CODE"] == (401, "Unauthorized")
    user.be("9999999999:mallory", password)
    assert (await user.allocate()).error_code == 401
    user.be("mallory", password)
    assert (await user.allocate()).error_code == 401


async def test_expired_credentials_are_refused_with_a_reason(
    user: User, server: TurnServer, clock: Clock
) -> None:
    user.be(*server.issue(ttl_s=30))
    clock.now += 31
    answer = await user.allocate()
    assert answer.attributes["ERROR-CODE"] == (401, "Credentials Expired")
    assert server.allocations == 0


async def test_a_session_outlives_its_credentials(
    user: User, server: TurnServer, clock: Clock
) -> None:
    user.be(*server.issue(ttl_s=300))
    await user.allocate()
    clock.now += 500
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 600})).error_code is None


async def test_nonce_goes_stale_and_the_next_one_works(user: User, clock: Clock) -> None:
    await user.allocate(LIFETIME=3600)
    clock.now += 601
    stale = await user.ask(stun.Method.REFRESH, {})
    assert stale.attributes["ERROR-CODE"] == (438, "Stale Nonce")
    user.nonce = stale.attributes["NONCE"]
    assert (await user.ask(stun.Method.REFRESH, {})).error_code is None


async def test_a_nonce_serves_one_client_only(user: User, server: TurnServer, peer: Socket) -> None:
    other = User(server, peer)
    other.realm, other.nonce = user.realm, user.nonce
    other.be(*server.issue())
    assert (await other.allocate()).error_code == 438


async def test_another_users_credentials_do_not_touch_an_allocation(
    user: User, server: TurnServer
) -> None:
    await user.allocate()
    user.be(*server.issue(label="other"))
    assert (await user.ask(stun.Method.REFRESH, {"LIFETIME": 0})).error_code == 441
    assert server.allocations == 1


async def test_signed_request_without_user_name_is_bad(user: User) -> None:
    request = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    request.attributes["REQUESTED-TRANSPORT"] = UDP
    request.add_message_integrity(b"k")
    answer = stun.parse_message(await user.answer_to(bytes(request)))
    assert answer.error_code == 400


@pytest.mark.parametrize(
    ("attributes", "code"),
    [({}, 400), ({"REQUESTED-TRANSPORT": 6 << 24}, 442)],
)
async def test_only_udp_is_relayed(user: User, attributes: dict[str, Any], code: int) -> None:
    assert (await user.ask(stun.Method.ALLOCATE, attributes)).error_code == code


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


async def test_unknown_comprehension_required_attributes_are_named(user: User) -> None:
    data = with_raw(plain_allocate(), 0x001A, b"")  # DONT-FRAGMENT
    answer = await user.answer_to(signed(user, data))
    parsed = stun.parse_message(answer)
    assert parsed.error_code == 420
    assert parsed.check_message_integrity(user.key or b"")
    assert struct.pack("!HHH", 0x000A, 2, 0x001A) in answer


async def test_unknown_optional_attributes_are_ignored(user: User) -> None:
    data = with_raw(plain_allocate(), 0x8099, b"abcd")
    assert stun.parse_message(await user.answer_to(signed(user, data))).error_code is None


async def test_even_port_and_ipv6_family(user: User) -> None:
    six = with_raw(plain_allocate(), 0x0017, b"\x02\0\0\0")
    assert stun.parse_message(await user.answer_to(signed(user, six))).error_code == 440
    reserve = with_raw(plain_allocate(), 0x0018, b"\x80\0\0\0")
    assert stun.parse_message(await user.answer_to(signed(user, reserve))).error_code == 508
    even = with_raw(plain_allocate(), 0x0018, b"\0\0\0\0")
    answer = stun.parse_message(await user.answer_to(signed(user, even)))
    assert answer.attributes["XOR-RELAYED-ADDRESS"][1] % 2 == 0


async def test_malformed_attributes_of_a_request_are_a_bad_request(user: User) -> None:
    data = with_raw(plain_allocate(), 0x000D, b"\0")  # LIFETIME of one byte
    data = stun.set_body_length(data + b"\0\0\0", len(data) + 3 - stun.HEADER_LENGTH)
    assert stun.parse_message(await user.answer_to(data)).error_code == 400


async def test_a_wrong_fingerprint_is_not_answered(user: User) -> None:
    request = plain_allocate()
    request.add_fingerprint()
    data = bytearray(bytes(request))
    data[-1] ^= 1
    user.send(bytes(data))
    await user.is_answered()


async def test_the_fifty_first_allocation_is_over_the_quota(
    user: User, server: TurnServer, sockets: list[Socket], clock: Clock
) -> None:
    credentials = server.issue()
    for _ in range(requests.MAX_ALLOCATIONS):
        sockets.append(await Socket.open())
        other = User(server, sockets[-1])
        await other.log_in(*credentials)
        assert (await other.allocate()).error_code is None
    assert (await user.allocate()).attributes["ERROR-CODE"] == (486, "Allocation Quota Reached")
    await other.ask(stun.Method.REFRESH, {"LIFETIME": 0})
    assert (await user.allocate()).error_code is None


# What is relayed, and what is not


async def test_send_and_data_indications_carry_a_conversation(user: User, peer: Socket) -> None:
    address = await relayed(user)
    await user.permit(peer.address)
    indication = user.message(
        stun.Method.SEND,
        {"XOR-PEER-ADDRESS": peer.address, "DATA": b"ping"},
        stun.Class.INDICATION,
    )
    user.send(bytes(indication))
    assert await peer.next() == (b"ping", address)
    peer.transport.sendto(b"pong", address)
    data = stun.parse_message((await user.socket.next())[0])
    assert data.message_method is stun.Method.DATA
    assert data.attributes == {"XOR-PEER-ADDRESS": peer.address, "DATA": b"pong"}


async def test_channel_data_carries_a_conversation(user: User, peer: Socket) -> None:
    address = await relayed(user)
    assert (await user.bind(0x4001, peer.address)).error_code is None
    user.send(b"\x40\x01\x00\x05hello" + b"pad")
    assert await peer.next() == (b"hello", address)
    peer.transport.sendto(b"world!", address)
    assert (await user.socket.next())[0] == b"\x40\x01\x00\x06world!"


@pytest.mark.parametrize("own", [*get_host_addresses(use_ipv4=True, use_ipv6=False)])
async def test_the_relay_reaches_the_machines_own_addresses(
    user: User, sockets: list[Socket], own: str
) -> None:
    sockets.append(peer := await Socket.open(own))
    address = await relayed(user)
    await user.bind(0x4000, peer.address)
    user.send(b"\x40\x00\x00\x02hi")
    assert await peer.next() == (b"hi", address)
    peer.transport.sendto(b"back", address)
    assert (await user.socket.next())[0] == b"\x40\x00\x00\x04back"


async def test_nothing_is_relayed_without_permission(user: User, peer: Socket) -> None:
    address = await relayed(user)
    attributes = {"XOR-PEER-ADDRESS": peer.address, "DATA": b"ping"}
    user.send(bytes(user.message(stun.Method.SEND, attributes, stun.Class.INDICATION)))
    user.send(b"\x40\x00\x00\x01x")
    peer.transport.sendto(b"pong", address)
    await user.is_answered()
    assert peer.heard.empty()


async def test_permissions_end_after_five_minutes(user: User, peer: Socket, clock: Clock) -> None:
    address = await relayed(user)
    await user.permit(peer.address)
    clock.now += 301
    peer.transport.sendto(b"late", address)
    await user.is_answered()
    await user.permit(peer.address)
    peer.transport.sendto(b"again", address)
    assert stun.parse_message((await user.socket.next())[0]).attributes["DATA"] == b"again"


async def test_channels_end_after_ten_minutes(user: User, peer: Socket, clock: Clock) -> None:
    address: Address = (await user.allocate(LIFETIME=3600)).attributes["XOR-RELAYED-ADDRESS"]
    await user.bind(0x4000, peer.address)
    clock.now += 599
    user.send(b"\x40\x00\x00\x01a")
    assert (await peer.next())[0] == b"a"
    clock.now += 2
    user.send(b"\x40\x00\x00\x01b")
    peer.transport.sendto(b"c", address)
    await user.is_answered()
    assert peer.heard.empty()


@pytest.mark.parametrize("host", ["8.8.8.8", "0.0.0.0", "224.0.0.1", "255.255.255.255"])
async def test_strangers_are_never_relayed_to(user: User, host: str) -> None:
    await user.allocate()
    assert (await user.permit((host, 9))).error_code == 403
    assert (await user.bind(0x4000, (host, 9))).error_code == 403


async def test_an_ipv6_peer_is_of_the_wrong_family(user: User) -> None:
    await user.allocate()
    assert (await user.permit(("::1", 9))).error_code == 443


async def test_all_peers_of_a_request_are_permitted_or_none(user: User, peer: Socket) -> None:
    address = await relayed(user)
    request = stun.Message(
        stun.Method.CREATE_PERMISSION,
        stun.Class.REQUEST,
        attributes={"XOR-PEER-ADDRESS": peer.address},
    )
    outside = stun.pack_xor_address(("8.8.8.8", 9), request.transaction_id)
    data = with_raw(request, 0x0012, outside)
    assert stun.parse_message(await user.answer_to(signed(user, data))).error_code == 403
    peer.transport.sendto(b"x", address)
    await user.is_answered()
    loopback = stun.pack_xor_address(("127.0.0.2", 9), request.transaction_id)
    data = with_raw(request, 0x0012, loopback)
    assert stun.parse_message(await user.answer_to(signed(user, data))).error_code is None
    peer.transport.sendto(b"y", address)
    assert stun.parse_message((await user.socket.next())[0]).attributes["DATA"] == b"y"


async def test_channel_and_peer_are_bound_one_to_one(user: User, peer: Socket) -> None:
    await user.allocate()
    assert (await user.bind(0x4000, peer.address)).error_code is None
    assert (await user.bind(0x4000, peer.address)).error_code is None
    assert (await user.bind(0x4001, peer.address)).error_code == 400
    assert (await user.bind(0x4000, ("127.0.0.1", 9))).error_code == 400
    assert (await user.bind(0x3FFF, ("127.0.0.1", 9))).error_code == 400
    assert (await user.bind(0x8000, ("127.0.0.1", 9))).error_code == 400


async def test_channels_and_permissions_are_bounded(user: User) -> None:
    await user.allocate()
    for i in range(64):
        assert (await user.bind(0x4000 + i, ("127.0.0.1", 1000 + i))).error_code is None
    assert (await user.bind(0x5000, ("127.0.0.1", 9))).error_code == 508
    for i in range(2, 65):
        assert (await user.permit((f"127.0.0.{i}", 9))).error_code is None
    assert (await user.permit(("127.0.1.1", 9))).error_code == 508


# TCP


@pytest.fixture
async def tcp(
    server: TurnServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield reader, writer
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


Tcp = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read_message(reader: asyncio.StreamReader) -> stun.Message:
    async with asyncio.timeout(2):
        head = await reader.readexactly(20)
        return stun.parse_message(head + await reader.readexactly(int.from_bytes(head[2:4])))


async def test_an_allocation_over_tcp_ends_with_its_connection(
    server: TurnServer, user: User, peer: Socket, tcp: Tcp
) -> None:
    reader, writer = tcp
    writer.write(bytes(plain_allocate()))
    user.nonce = (await read_message(reader)).attributes["NONCE"]
    writer.write(bytes(user.message(stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": UDP})))
    assert (await read_message(reader)).error_code is None
    assert server.allocations == 1
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(2):
        while server.allocations:
            await User(server, peer).is_answered()


async def test_tcp_answers_byte_by_byte_requests_on_the_same_port(tcp: Tcp) -> None:
    reader, writer = tcp
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    for byte in bytes(request):
        writer.write(bytes([byte]))
        await writer.drain()
    answer = await read_message(reader)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == writer.get_extra_info("sockname")


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\1\0\3" * 9])
async def test_tcp_hangs_up_on_what_is_not_turn(tcp: Tcp, first: bytes) -> None:
    reader, writer = tcp
    writer.write(first)
    async with asyncio.timeout(2):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""


@pytest.mark.parametrize("size", [1, 3, 4, 5, 7, 8, 1000])
def test_stream_frames_do_not_depend_on_where_the_stream_is_cut(size: int) -> None:
    message = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    channel = b"\x40\x02\x00\x05hello\0\0\0"
    empty = b"\x40\x03\x00\x00"
    stream = message + channel + empty + message
    frames = StreamFrames()
    found = []
    for start in range(0, len(stream), size):
        found += frames.feed(stream[start : start + size])
    assert found == [message, channel, empty, message]


# Faults, garbage, the end


async def test_a_silent_server_answers_nothing_until_it_speaks_again(
    server: TurnServer, user: User, tcp: Tcp
) -> None:
    server.silent = True
    request = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    user.send(request)
    tcp[1].write(request)
    for silence in (user.socket.heard.get, lambda: tcp[0].read(1)):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await silence()
    server.silent = False
    await user.is_answered()


GARBAGE = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda kind, body: kind + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + body,
        st.sampled_from([b"\0\1", b"\0\3", b"\0\4", b"\0\x08", b"\0\x09", b"\0\x16", b"\1\1"]),
        st.binary(max_size=120),
    ),
    st.builds(
        lambda kind, tid, attributes: (
            kind
            + sum(4 + len(v) + -len(v) % 4 for _, v in attributes).to_bytes(2, "big")
            + b"\x21\x12\xa4\x42"
            + tid
            + b"".join(
                struct.pack("!HH", t, len(v)) + v + bytes(-len(v) % 4) for t, v in attributes
            )
        ),
        st.sampled_from([b"\0\1", b"\0\3", b"\0\4", b"\0\x08", b"\0\x09", b"\0\x16"]),
        st.binary(min_size=12, max_size=12),
        st.lists(
            st.tuples(st.integers(0, 0x30) | st.integers(0x8020, 0x8030), st.binary(max_size=24)),
            max_size=6,
        ),
    ),
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.lists(GARBAGE, min_size=1, max_size=8))
async def test_garbage_neither_stops_nor_feeds_the_server(
    data: list[bytes], user: User, server: TurnServer
) -> None:
    for datagram in data:
        user.send(datagram)
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    user.send(bytes(request))
    while True:
        answer, _ = await user.socket.next()
        if request.transaction_id in answer:
            break
    assert server.allocations == 0


async def test_closing_is_idempotent_and_frees_the_port(
    server: TurnServer, user: User, tcp: Tcp
) -> None:
    await user.allocate()
    port = server.port
    await server.aclose()
    await server.aclose()
    assert server.allocations == 0
    again = TurnServer(port=port)
    await again.start()
    assert again.port == port
    await again.aclose()
    assert await tcp[0].read() == b""


async def test_a_taken_port_is_an_error(server: TurnServer) -> None:
    with pytest.raises(OSError, match="in use"):
        await TurnServer(port=server.port).start()


@pytest.mark.parametrize("label", ["x" * 257, "ä", "a\nb"])
async def test_labels_that_no_user_name_holds_are_refused(server: TurnServer, label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        server.issue(label=label)


async def test_issued_names_tell_when_they_end(server: TurnServer, clock: Clock) -> None:
    name, password = server.issue(ttl_s=300, label="pump")
    assert name == f"{int(clock.now) + 300}:pump"
    assert len(password) >= 20
    assert server.issue()[0] != server.issue()[0]
