"""The TURN server's sockets: TCP, silence, garbage, the end."""

import asyncio
import contextlib
import struct

import pytest
from aioice import stun
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.localcloud.turn.dialogue import (
    UDP,
    Clock,
    Socket,
    Tcp,
    User,
    plain_allocate,
)

from peerdeck.localcloud.turn import TurnServer
from peerdeck.localcloud.turn.wire import StreamFrames


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
