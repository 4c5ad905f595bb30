"""Messages of the tunnel's byte stream: `2-byte big-endian length, then one protobuf message`.

WebSocket payloads, continuation frames too, form one stream of such messages, aligned to nothing
(V3 protocol guide, "Tunneling message frames"). The codec is made by hand for one schema, so that
payloads need not be copied: `data_header()` returns what goes in front of a payload, and decoding
returns payloads as views.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

MAX_WEBSOCKET_PAYLOAD = 131_076
MAX_MESSAGE = 65_535  # what the length prefix can say
MAX_PAYLOAD = 64_512  # "may not contain more than 63kb (64512 bytes) of data"
MAX_STREAM_ID = 2**31 - 1
_MAX_GROUP_DEPTH = 100
_VARINT, _FIXED64, _LENGTH, _GROUP, _GROUP_END, _FIXED32 = range(6)

Buffer = bytes | bytearray | memoryview


class MessageType(IntEnum):
    """Message.Type of the schema; V1 has the first four, V2 adds SERVICE_IDS, V3 the last two."""

    UNKNOWN = 0
    DATA = 1
    STREAM_START = 2
    STREAM_RESET = 3
    SESSION_RESET = 4
    SERVICE_IDS = 5
    CONNECTION_START = 6
    CONNECTION_RESET = 7


class Message(NamedTuple):
    """One message; a field at its default is absent on the wire, as in proto3.

    type: a MessageType, or a number that this version does not know. payload: where decoded, a
    view of the bytes that were decoded, valid as long as they are.
    """

    type: int
    stream_id: int = 0
    service_id: str = ""
    connection_id: int = 0
    payload: Buffer = b""
    ignorable: bool = False
    available_service_ids: tuple[str, ...] = ()


class MalformedMessage(ValueError):
    """The peer sent bytes that are no message of the schema; the text says what is wrong."""


def encode(message: Message) -> bytes:
    """The message with its length prefix; raises ValueError where it breaks a limit (our fault)."""
    if len(message.payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload has at most {MAX_PAYLOAD} bytes, not {len(message.payload)}")
    parts = bytearray(2)
    _put_number(parts, 0x08, message.type)
    _put_number(parts, 0x10, message.stream_id)
    _put_number(parts, 0x18, int(message.ignorable))
    if message.payload:
        _put_bytes(parts, 0x22, message.payload)
    if message.service_id:
        _put_bytes(parts, 0x2A, message.service_id.encode())
    for service_id in message.available_service_ids:
        _put_bytes(parts, 0x32, service_id.encode())
    _put_number(parts, 0x38, message.connection_id)
    size = len(parts) - 2
    if size > MAX_MESSAGE:
        raise ValueError(f"a message has at most {MAX_MESSAGE} bytes, not {size}")
    parts[0:2] = size.to_bytes(2, "big")
    return bytes(parts)


def data_fields(stream_id: int, service_id: str, connection_id: int) -> bytes:
    """The fields of a DATA message but its payload; the same for a connection's whole life."""
    return encode(Message(MessageType.DATA, stream_id, service_id, connection_id))[2:]


def data_header(fields: bytes, payload_size: int) -> bytes:
    """Everything of a DATA message that precedes its payload of 1 to MAX_PAYLOAD bytes.

    fields: from `data_fields()`. The payload comes last: protobuf leaves the order of fields free,
    and so it can be sent from where it lies.
    """
    if not 0 < payload_size <= MAX_PAYLOAD:
        raise ValueError(f"a payload has 1 to {MAX_PAYLOAD} bytes, not {payload_size}")
    tail = b"\x22" + _varint_bytes(payload_size)
    size = len(fields) + len(tail) + payload_size
    return b"%b%b%b" % (size.to_bytes(2, "big"), fields, tail)


def decode(data: Buffer, *, known_only: bool = False) -> Message:
    """One message without its length prefix; raises MalformedMessage.

    Unknown fields are skipped as proto3 demands; with `known_only` they are refused, as the service
    does ("It is invalid to extend the schema"). Scalars given twice: the last one counts.
    """
    view = memoryview(data)
    numbers = [0] * 8
    payload: Buffer = b""
    service_id = ""
    available: list[str] = []
    position, end = 0, len(view)
    while position < end:
        tag, position = _take_tag(view, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT and number in {1, 2, 3, 7}:
            numbers[number], position = _take_varint(view, position)
        elif wire == _LENGTH and number in {4, 5, 6}:
            value, position = _take_bytes(view, position)
            if number == 4:
                payload = value
            elif number == 5:
                service_id = _text(value)
            else:
                available.append(_text(value))
        elif known_only:
            raise MalformedMessage(f"field {number} is not in the schema")
        else:
            position = _skip(view, position, number, wire)
    return Message(
        type=_int32(numbers[1]),
        stream_id=_int32(numbers[2]),
        service_id=service_id,
        connection_id=numbers[7] & 0xFFFFFFFF,
        payload=payload,
        ignorable=numbers[3] != 0,
        available_service_ids=tuple(available),
    )


def data_shape(message: Message, whole: memoryview) -> tuple[bytes, bytes]:
    """What precedes the payload's size and what follows the payload, for `payload_in()`.

    message: a DATA message; whole: its bytes without the length prefix. Of the orders of fields two
    are usual: ours, with the payload last, and the schema's, as protobuf's own encoders have it.
    """
    ours = data_fields(message.stream_id, message.service_id, message.connection_id) + b"\x22"
    if whole[: len(ours)] == ours:
        return ours, b""
    first = encode(Message(MessageType.DATA, message.stream_id))[2:] + b"\x22"
    rest = Message(MessageType.UNKNOWN, 0, message.service_id, message.connection_id)
    return first, encode(rest)[2:]


def payload_in(message: memoryview, shape: tuple[bytes, bytes]) -> memoryview | None:
    """The payload of a message of exactly this shape, else None; a tenth of the cost of `decode()`.

    message: without its length prefix.
    """
    head, tail = shape
    position = len(head) + 1
    if message[: position - 1] != head or position > len(message):
        return None
    size = message[position - 1]
    if size >= 0x80:
        if position + 2 > len(message):
            return None
        size = size & 0x7F | (message[position] & 0x7F) << 7
        position += 1
        if message[position - 1] >= 0x80:
            if message[position] >= 0x80:
                return None
            size |= message[position] << 14
            position += 1
    end = position + size
    if not size or end + len(tail) != len(message) or message[end:] != tail:
        return None
    return message[position:end]


class MessageStream:
    """Cuts a byte stream into whole messages; holds at most one unfinished message (64 KiB)."""

    def __init__(self) -> None:
        self._unfinished = bytearray()

    def __len__(self) -> int:
        """How many bytes of an unfinished message are held."""
        return len(self._unfinished)

    def feed(self, data: Buffer) -> list[memoryview]:
        """Whole messages, each with its length prefix, in order.

        Those that lie wholly in `data` are views of it: valid only as long as it is. One that came
        in pieces owns its bytes.
        """
        view = memoryview(data)
        messages: list[memoryview] = []
        position = 0
        if self._unfinished:
            position = self._complete(view, messages)
        end = len(view)
        while end - position >= 2:
            next_position = position + 2 + (view[position] << 8 | view[position + 1])
            if next_position > end:
                break
            messages.append(view[position:next_position])
            position = next_position
        if position < end:
            self._unfinished += view[position:]
        return messages

    def _complete(self, view: memoryview, messages: list[memoryview]) -> int:
        """Feeds the unfinished message; returns how many bytes of `view` belong to it."""
        held = self._unfinished
        taken = 0
        if len(held) < 2:
            taken = min(2 - len(held), len(view))
            held += view[:taken]
            if len(held) < 2:
                return taken
        missing = 2 + (held[0] << 8 | held[1]) - len(held)
        held += view[taken : taken + missing]
        if len(view) - taken < missing:
            return len(view)
        messages.append(memoryview(held))
        self._unfinished = bytearray()
        return taken + missing


def join(messages: Iterable[Message]) -> bytes:
    """The byte stream of several messages."""
    return b"".join(encode(message) for message in messages)


def _put_number(parts: bytearray, tag: int, value: int) -> None:
    if value:
        parts.append(tag)
        parts += _varint_bytes(value & 0xFFFFFFFFFFFFFFFF)  # negative: two's complement, 10 bytes


def _put_bytes(parts: bytearray, tag: int, value: Buffer) -> None:
    parts.append(tag)
    parts += _varint_bytes(len(value))
    parts += value


def _varint_bytes(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _take_varint(view: memoryview, position: int) -> tuple[int, int]:
    """(value of 64 bits, position behind it)."""
    value = shift = 0
    try:
        while shift < 70:
            byte = view[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, position
            shift += 7
    except IndexError:
        raise MalformedMessage("the message ends inside a number") from None
    raise MalformedMessage("a number has more than 10 bytes")


def _take_tag(view: memoryview, position: int) -> tuple[int, int]:
    tag, position = _take_varint(view, position)
    if not 8 <= tag <= 0xFFFFFFFF:
        raise MalformedMessage(f"{tag >> 3} is not a field number")
    return tag, position


def _take_bytes(view: memoryview, position: int) -> tuple[memoryview, int]:
    size, position = _take_varint(view, position)
    end = position + size
    if end > len(view):
        raise MalformedMessage(f"a field of {size} bytes exceeds the message")
    return view[position:end], end


def _skip(view: memoryview, position: int, number: int, wire: int, depth: int = 0) -> int:
    """The position behind an unknown field's value; groups are skipped to their end."""
    if wire == _VARINT:
        return _take_varint(view, position)[1]
    if wire == _LENGTH:
        return _take_bytes(view, position)[1]
    if wire == _GROUP and depth < _MAX_GROUP_DEPTH:
        while True:
            tag, position = _take_tag(view, position)
            if tag == number << 3 | _GROUP_END:
                return position
            position = _skip(view, position, tag >> 3, tag & 7, depth + 1)
    width = {_FIXED64: 8, _FIXED32: 4}.get(wire)
    if width is None:
        raise MalformedMessage(f"field {number} has wire type {wire}")
    if position + width > len(view):
        raise MalformedMessage("the message ends inside a number")
    return position + width


def _int32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - 2**32 if value >= 2**31 else value


def _text(value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise MalformedMessage("a service id is not UTF-8") from error
