"""Rows of bulk DATA are read by their shape: never otherwise than message by message.

And whatever comes, whenever: nothing raises, nothing grows.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from peerdeck.protocol.frames import (
    MAX_MESSAGE,
    Message,
    MessageType,
    data_shape,
    decode,
    encode,
    payload_in,
)
from peerdeck.protocol.tunnel import DestinationTunnel, SourceTunnel, Tunnel
from peerdeck.protocol.tunnel_events import Connection, DataReceived, Failed, Version

T = MessageType
IDS = encode(Message(T.SERVICE_IDS, available_service_ids=("SSH", "HTTP")))
BULK = bytes(9000)


def schema_order(message: Message) -> bytes:
    return encode(message)


def payload_last(message: Message) -> bytes:
    """As our own side sends it."""
    bare = encode(message._replace(payload=b""))[2:]
    size = len(message.payload)
    length = bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14))
    body = bare + b"\x22" + length + message.payload
    return len(body).to_bytes(2, "big") + body


MESSAGES = st.builds(
    Message,
    type=st.sampled_from([T.DATA] * 6 + [T.STREAM_START, T.STREAM_RESET, T.CONNECTION_START]
                         + [T.CONNECTION_RESET, T.SESSION_RESET]),
    stream_id=st.integers(1, 2),
    service_id=st.sampled_from(["", "SSH", "HTTP"]),
    connection_id=st.integers(0, 2),
    payload=st.sampled_from([b"", b"x", BULK, BULK + b"y"]),
    ignorable=st.just(False),
    available_service_ids=st.just(()),
)  # fmt: skip


def fresh(is_source: bool, version: Version) -> Tunnel:
    tunnel = SourceTunnel(1, version=version) if is_source else DestinationTunnel(version=version)
    tunnel.link_up()
    tunnel.receive(IDS)
    if isinstance(tunnel, SourceTunnel):
        for service in tunnel.services or ():
            tunnel.open(service)
            tunnel.open(service)
    return tunnel


def told(events) -> list[object]:
    return [(e.connection, bytes(e.payload)) if isinstance(e, DataReceived) else e for e in events]


@given(
    st.lists(st.tuples(MESSAGES, st.booleans()), max_size=25),
    st.booleans(),
    st.sampled_from(Version),
)
@settings(max_examples=150, deadline=None)
def test_a_row_is_read_as_its_messages_one_by_one(rows, is_source, version):
    wire = [payload_last(m) if last else schema_order(m) for m, last in rows]
    together, alone = fresh(is_source, version), fresh(is_source, version)
    one_by_one = []
    for part in wire:
        alone._forget_last()
        one_by_one += told(alone.receive(part))
    assert told(together.receive(b"".join(wire))) == one_by_one
    assert together.connections == alone.connections
    assert together.data_to_send() == alone.data_to_send()


@given(MESSAGES.filter(lambda m: m.type == T.DATA and m.payload), st.booleans())
def test_the_payload_is_found_where_it_lies(message, last):
    whole = memoryview(payload_last(message) if last else schema_order(message))[2:]
    if len(message.payload) < 16384 and last:  # its length was written in a longer form than needed
        assert payload_in(whole, data_shape(message, whole)) in {None, message.payload}
    else:
        assert payload_in(whole, data_shape(message, whole)) == message.payload


@given(MESSAGES.filter(lambda m: m.type == T.DATA and m.payload), st.binary(max_size=40))
def test_what_only_looks_like_a_row_is_left_to_the_decoder(message, other):
    shape = data_shape(message, memoryview(encode(message))[2:])
    payload = payload_in(memoryview(other), shape)
    if payload is not None:
        assert decode(other).payload == payload


COMMANDS = st.one_of(
    st.tuples(st.just("bytes"), st.binary(max_size=60)),
    st.tuples(st.just("message"), MESSAGES.map(encode)),
    st.tuples(st.just("open"), st.sampled_from(["SSH", "HTTP", ""])),
    st.tuples(st.just("reset"), st.integers(1, 3)),
    st.tuples(st.just("lost"), st.just(b"")),
    st.tuples(st.just("up"), st.just(b"")),
)


@given(st.lists(COMMANDS, max_size=40), st.booleans(), st.sampled_from(Version))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_whenever_nothing_raises_and_nothing_grows(steps, is_source, version):
    tunnel = fresh(is_source, version)
    for what, value in steps:
        if what in {"bytes", "message"}:
            had_failed = tunnel.failure is not None
            events = tunnel.receive(value)
            assert sum(isinstance(event, Failed) for event in events) == (
                tunnel.failure is not None and not had_failed
            )
        elif what == "open":
            if isinstance(tunnel, SourceTunnel) and value in (tunnel.services or ()):
                tunnel.open(value)
        elif what == "reset":
            tunnel.reset(Connection("SSH", 1, value))
        elif what == "lost":
            tunnel.link_lost()
            assert not tunnel.connections
        else:
            tunnel.link_up()
        assert len(tunnel._incoming) <= MAX_MESSAGE + 2
        assert len(tunnel.connections) <= 3 + len(steps) + 4
        assert len(tunnel.data_to_send()) < 4096
