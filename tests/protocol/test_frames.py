"""The codec against bytes made by hand from the protobuf specification, and against Google's."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.google_message import GoogleMessage

from peerdeck.protocol.frames import (
    MAX_MESSAGE,
    MAX_PAYLOAD,
    MalformedMessage,
    Message,
    MessageStream,
    MessageType,
    data_fields,
    data_header,
    decode,
    encode,
)

GOLDEN = {
    # what the reference proxy sends, field by field: tag = number << 3 | wire type
    "start": (
        Message(MessageType.STREAM_START, 1, "SSH1", 1),
        "000c 0802 1001 2a04 53534831 3801",
    ),
    "data": (
        Message(MessageType.DATA, 1, "SSH1", 1, b"hi"),
        "0010 0801 1001 2202 6869 2a04 53534831 3801",
    ),
    "second connection": (
        Message(MessageType.CONNECTION_START, 1, "SSH1", 2),
        "000c 0806 1001 2a04 53534831 3802",
    ),
    "close": (
        Message(MessageType.CONNECTION_RESET, 1, "SSH1", 300),
        "000d 0807 1001 2a04 53534831 38ac02",
    ),
    "service ids": (
        Message(MessageType.SERVICE_IDS, available_service_ids=("SSH", "HTTP")),
        "000d 0805 3203 535348 3204 48545450",
    ),
    "V1 data": (Message(MessageType.DATA, 7, payload=b"\0"), "0007 0801 1007 2201 00"),
    "ignorable": (Message(99, ignorable=True), "0004 0863 1801"),
    "negative stream id": (
        Message(MessageType.STREAM_RESET, -1),
        "000d 0803 10ffffffffffffffffff01",
    ),
    "largest numbers": (
        Message(MessageType.STREAM_RESET, 2**31 - 1, "", 2**32 - 1),
        "000e 0803 10ffffffff07 38ffffffff0f",
    ),
}

messages = st.builds(
    Message,
    type=st.integers(-(2**31), 2**31 - 1),
    stream_id=st.integers(-(2**31), 2**31 - 1),
    service_id=st.text(max_size=40),
    connection_id=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=400),
    ignorable=st.booleans(),
    available_service_ids=st.lists(st.text(max_size=20), max_size=4).map(tuple),
)


def google(message: Message) -> bytes:
    theirs = GoogleMessage(
        type=message.type,
        streamId=message.stream_id,
        ignorable=message.ignorable,
        payload=bytes(message.payload),
        serviceId=message.service_id,
        availableServiceIds=message.available_service_ids,
        connectionId=message.connection_id,
    )
    return bytes(theirs.SerializeToString(deterministic=True))


def as_ours(theirs) -> Message:
    return Message(
        theirs.type,
        theirs.streamId,
        theirs.serviceId,
        theirs.connectionId,
        theirs.payload,
        theirs.ignorable,
        tuple(theirs.availableServiceIds),
    )


@pytest.mark.parametrize(("message", "hexadecimal"), GOLDEN.values(), ids=GOLDEN)
def test_bytes_are_those_of_the_specification(message, hexadecimal):
    wire = bytes.fromhex(hexadecimal)
    assert encode(message) == wire
    assert decode(wire[2:]) == message


@given(messages)
def test_encoding_is_googles(message):
    assert encode(message)[2:] == google(message)


@given(messages)
def test_what_google_encodes_is_read(message):
    assert decode(google(message)) == message


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_or_refused_as_google_does(data):
    theirs = GoogleMessage()
    try:
        theirs.ParseFromString(data)
    except DecodeError:
        with pytest.raises(MalformedMessage):
            decode(data)
    else:
        assert decode(data) == as_ours(theirs)


@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 2, 3, 4, 5, 6, 7, 8, 2000)),
            st.sampled_from((0, 1, 2, 3, 4, 5)),
            st.binary(max_size=9),
        ),
        max_size=6,
    )
)
def test_known_and_unknown_fields_in_any_order_and_form_are_read_as_google_does(fields):
    data = bytearray()
    for number, wire, value in fields:
        tag = number << 3 | wire
        data += bytes((tag & 0x7F | 0x80, tag >> 7)) if tag > 0x7F else bytes((tag,))
        data += bytes((len(value),)) + value if wire == 2 else value
    test_arbitrary_bytes_are_read_or_refused_as_google_does.hypothesis.inner_test(bytes(data))


@given(messages, st.integers(1, 400))
def test_a_header_and_a_payload_are_a_data_message(message, size):
    fields = data_fields(message.stream_id, message.service_id, message.connection_id)
    payload = bytes(size)
    wire = data_header(fields, size) + payload
    assert MessageStream().feed(wire) == [wire]
    expected = Message(
        MessageType.DATA, message.stream_id, message.service_id, message.connection_id, payload
    )
    assert decode(wire[2:]) == expected
    theirs = GoogleMessage()
    theirs.ParseFromString(wire[2:])
    assert as_ours(theirs) == expected


def test_the_largest_payload_fits_with_the_longest_service_id():
    fields = data_fields(2**31 - 1, "s" * 128, 2**32 - 1)
    wire = data_header(fields, MAX_PAYLOAD) + bytes(MAX_PAYLOAD)
    assert len(wire) - 2 <= MAX_MESSAGE
    assert decode(memoryview(wire)[2:]).payload == bytes(MAX_PAYLOAD)


@pytest.mark.parametrize("size", [0, -1, MAX_PAYLOAD + 1])
def test_a_payload_beyond_the_limits_is_not_announced(size):
    with pytest.raises(ValueError, match="payload has"):
        data_header(b"", size)


def test_a_message_beyond_the_limits_is_not_sent():
    with pytest.raises(ValueError, match="at most 64512"):
        encode(Message(MessageType.DATA, 1, payload=bytes(MAX_PAYLOAD + 1)))
    with pytest.raises(ValueError, match="at most 65535"):
        encode(Message(MessageType.SERVICE_IDS, available_service_ids=("s" * 65535,)))


def test_a_payload_is_not_copied():
    wire = bytearray(encode(Message(MessageType.DATA, 1, "s", 1, b"payload"))[2:])
    payload = decode(wire).payload
    wire[wire.index(b"payload")] = ord("P")
    assert payload == b"Payload"


def test_a_service_refuses_fields_beyond_the_schema():
    wire = encode(Message(MessageType.DATA, 1, "s", 1, b"x"))[2:] + bytes.fromhex("4001")
    assert decode(wire).payload == b"x"
    with pytest.raises(MalformedMessage, match="field 8"):
        decode(wire, known_only=True)


STREAM = b"".join(encode(message) for message, _ in GOLDEN.values())


@pytest.mark.parametrize("first", range(len(STREAM) + 1))
def test_messages_survive_every_split(first):
    for second in range(first, len(STREAM) + 1):
        stream = MessageStream()
        whole = []
        for piece in (STREAM[:first], STREAM[first:second], STREAM[second:]):
            whole += [decode(message[2:]) for message in stream.feed(piece)]
        assert whole == [message for message, _ in GOLDEN.values()]
        assert len(stream) == 0


def test_messages_survive_byte_by_byte():
    stream = MessageStream()
    whole = [decode(m[2:]) for byte in STREAM for m in stream.feed(bytes((byte,)))]
    assert whole == [message for message, _ in GOLDEN.values()]


def test_a_message_in_pieces_owns_its_bytes():
    wire = encode(Message(MessageType.DATA, 1, payload=b"payload"))
    stream, second = MessageStream(), bytearray(wire[5:])
    stream.feed(wire[:5])
    (message,) = stream.feed(second)
    second[:] = bytes(len(second))
    stream.feed(wire)
    assert decode(message[2:]).payload == b"payload"


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_arbitrary_bytes_never_accumulate(pieces):
    stream = MessageStream()
    fed = cut = 0
    for piece in pieces:
        fed += len(piece)
        cut += sum(map(len, stream.feed(piece)))
        assert len(stream) <= 2 + MAX_MESSAGE
        assert fed == cut + len(stream)
