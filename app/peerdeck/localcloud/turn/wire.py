"""STUN messages and ChannelData as bytes; pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aioice import stun

Address = tuple[str, int]

# RFC 8656 §12 reserves 0x5000 and above; RFC 5766 clients (coturn's, libwebrtc) use up to 0x7FFF.
CHANNEL_NUMBERS = range(0x4000, 0x8000)
CHANNEL_FIRST_BYTES = range(0x40, 0x80)
_COOKIE = b"\x21\x12\xa4\x42"
UDP_RELAY = 17  # REQUESTED-TRANSPORT's protocol number, RFC 8656 §18.6
MAX_MESSAGE_BYTES = 65_535

XOR_PEER_ADDRESS = 0x0012
REQUESTED_ADDRESS_FAMILY = 0x0017
EVEN_PORT = 0x0018
_UNKNOWN_ATTRIBUTES = 0x000A
_MESSAGE_INTEGRITY = 0x0008
# Comprehension-required attributes (RFC 8489 §14) that the server acts upon or may safely ignore:
# USERNAME, MESSAGE-INTEGRITY, CHANNEL-NUMBER, LIFETIME, XOR-PEER-ADDRESS, DATA, REALM, NONCE,
# REQUESTED-ADDRESS-FAMILY, EVEN-PORT, REQUESTED-TRANSPORT, PRIORITY, USE-CANDIDATE.
_UNDERSTOOD = frozenset(
    (0x06, 0x08, 0x0C, 0x0D, 0x12, 0x13, 0x14, 0x15, 0x17, 0x18, 0x19, 0x24, 0x25)
)
_REQUESTS = {
    method.value: method
    for method in (
        stun.Method.BINDING,
        stun.Method.ALLOCATE,
        stun.Method.REFRESH,
        stun.Method.CREATE_PERMISSION,
        stun.Method.CHANNEL_BIND,
    )
}


class StunError(Exception):
    """An error response to send. challenge: with REALM and a fresh NONCE, and not signed."""

    def __init__(
        self, code: int, reason: str, *, challenge: bool = False, unknown: tuple[int, ...] = ()
    ) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.challenge = challenge
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Packet:
    """A request or indication. unknown: comprehension-required attributes that we do not know.

    peers: every XOR-PEER-ADDRESS (CreatePermission may hold several; the codec keeps the last).
    family: value of REQUESTED-ADDRESS-FAMILY, 1 is IPv4, or None. even_port: the first byte of
    EVEN-PORT, 0x80 asks for the next port too, or None. malformed: the header is all that could be
    read.
    """

    message: stun.Message
    unknown: tuple[int, ...] = ()
    peers: tuple[Address, ...] = ()
    family: int | None = None
    even_port: int | None = None
    malformed: bool = False

    @property
    def attributes(self) -> dict[str, Any]:
        return self.message.attributes


def parse(data: bytes) -> Packet | None:
    """The message in `data`, or None for anything that is not STUN or not for a server."""
    if len(data) < stun.HEADER_LENGTH or data[0] >= 0x40 or data[4:8] != _COOKIE:
        return None
    try:
        return _parse(data)
    except (ValueError, struct.error, IndexError):  # the codec's ways to say: malformed
        return _malformed(data)


def _parse(data: bytes) -> Packet:
    message = stun.parse_message(data)
    unknown: list[int] = []
    peers: list[Address] = []
    family = even_port = None
    for kind, value in _attributes(data):
        if kind == XOR_PEER_ADDRESS:
            peers.append(stun.unpack_xor_address(value, message.transaction_id))
        elif kind == REQUESTED_ADDRESS_FAMILY:
            family = value[0]
        elif kind == EVEN_PORT:
            even_port = value[0]
        elif kind < 0x8000 and kind not in _UNDERSTOOD:
            unknown.append(kind)
    return Packet(message, tuple(unknown), tuple(peers), family, even_port)


def _malformed(data: bytes) -> Packet | None:
    """The header, if a client seems to have meant a request; its fingerprint must not be wrong."""
    kind, length = struct.unpack_from("!HH", data)
    if kind not in _REQUESTS or length != len(data) - stun.HEADER_LENGTH:
        return None
    if data[-8:-4] == b"\x80\x28\x00\x04":
        sent: int = struct.unpack("!I", data[-4:])[0]
        if sent != stun.message_fingerprint(data[:-8]):
            return None
    message = stun.Message(_REQUESTS[kind], stun.Class.REQUEST, data[8 : stun.HEADER_LENGTH])
    return Packet(message, malformed=True)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute that MESSAGE-INTEGRITY covers, or of all without one."""
    position = stun.HEADER_LENGTH
    while position <= len(data) - 4:
        kind, length = struct.unpack_from("!HH", data, position)
        if kind == _MESSAGE_INTEGRITY:
            return
        yield kind, data[position + 4 : position + 4 + length]
        position += 4 + length + -length % 4


def success(packet: Packet, attributes: dict[str, Any], key: bytes | None = None) -> bytes:
    """The success response to `packet`, signed where there is a key."""
    return _sealed(_answer(packet, stun.Class.RESPONSE, attributes), key)


def refused(
    packet: Packet, refusal: StunError, attributes: dict[str, Any], key: bytes | None
) -> bytes:
    """The error response; 420 names the attributes that were not understood."""
    message = _answer(
        packet, stun.Class.ERROR, {"ERROR-CODE": (refusal.code, refusal.reason), **attributes}
    )
    extra = b""
    if refusal.unknown:
        names = refusal.unknown[:32]
        value = struct.pack(f"!{len(names)}H", *names)
        extra = struct.pack("!HH", _UNKNOWN_ATTRIBUTES, len(value)) + value
        extra += bytes(-len(value) % 4)
    return _sealed(message, key, extra)


def data_indication(peer: Address, payload: bytes) -> bytes:
    """A Data indication (RFC 8656 §11.6) from `peer`."""
    return bytes(
        stun.Message(
            stun.Method.DATA,
            stun.Class.INDICATION,
            attributes={"XOR-PEER-ADDRESS": peer, "DATA": payload},
        )
    )


def _answer(packet: Packet, kind: stun.Class, attributes: dict[str, Any]) -> stun.Message:
    request = packet.message
    return stun.Message(request.message_method, kind, request.transaction_id, attributes)


def _sealed(message: stun.Message, key: bytes | None, extra: bytes = b"") -> bytes:
    """`message` and ready-made attributes, then MESSAGE-INTEGRITY and FINGERPRINT."""
    data = bytes(message) + extra
    if key is not None:
        digest = stun.message_integrity(data, key)
        data += struct.pack("!HH", _MESSAGE_INTEGRITY, len(digest)) + digest
    data = stun.set_body_length(data, len(data) - stun.HEADER_LENGTH + stun.FINGERPRINT_LENGTH)
    return data + struct.pack("!HHI", 0x8028, 4, stun.message_fingerprint(data))


class StreamFrames:
    """Cuts a TCP stream into STUN messages and ChannelData (RFC 8656 §12.5: padded to 4 bytes).

    Holds at most one incomplete frame beside what one `feed` brings.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Complete frames; raises ValueError where the stream is neither, for good."""
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= 4:
            length = _frame_length(buffer, start)
            if len(buffer) - start < length:
                break
            frames.append(bytes(buffer[start : start + length]))
            start += length
        del buffer[:start]
        return frames


def _frame_length(buffer: bytearray, start: int) -> int:
    """Length of the frame that begins at `start`, padding included."""
    length = buffer[start + 2] << 8 | buffer[start + 3]
    if buffer[start] in CHANNEL_FIRST_BYTES:
        return 4 + length + -length % 4
    if buffer[start] < 0x40 and length % 4 == 0:
        if buffer[start + 4 : start + 8] != _COOKIE[: len(buffer) - start - 4]:
            raise ValueError("not STUN: the magic cookie is missing")
        return stun.HEADER_LENGTH + length
    raise ValueError("neither STUN nor ChannelData")
