"""The parts of a recording: header, kinds of records, and their JSON."""

import struct
from enum import IntEnum

import msgspec

from peerdeck.core.peer_log import DataMessage, Description, Event, SignalingEntry
from peerdeck.core.session import Step

SUFFIX = ".prec"
MAGIC = b"\x89PREC\r\n\x1a"  # as PNG's: what a text transfer breaks is seen at once
VERSION = 1
HEADER = struct.Struct("<8sHHI")  # magic, version, flags, unused; then raw deflate (RFC 1951)
RECORD = struct.Struct("<BI")  # kind, bytes of the body
PEER = struct.Struct("<H")  # begins the body of whatever belongs to one peer
CHECK = struct.Struct("<I")
WINDOW_BITS = -15
VALUE_BYTES = 8


class Kind(IntEnum):
    """Kinds of records. A reader passes over kinds that it does not know."""

    SESSION = 1  # Session; the last one holds
    PEER = 2  # number, then the peer's id in UTF-8
    COLUMNS = 3  # peer, then list of Column: what the rows after it hold besides their time
    ROWS = 4  # peer, then rows
    TEXTS = 5  # peer, then list of TextChange
    EVENTS = 6  # peer, then list of Event
    DESCRIPTIONS = 7  # peer, then list of Description
    MESSAGES = 8  # peer, then list of DataMessage, bytes as base64
    SIGNALING = 9  # list of SignalingEntry
    CHECK = 10  # CRC-32 of all uncompressed bytes before this record
    END = 11  # End: the recording was closed, not cut off
    OUTCOMES = 12  # list of Outcome


class Session(msgspec.Struct, omit_defaults=True):
    """What there is one of. created_at: POSIX seconds of the file, started_at of the session."""

    title: str = ""
    started_at: float = 0.0
    created_at: float = 0.0
    program: str = ""
    facts: dict[str, str] = {}
    steps: tuple[Step, ...] = ()
    rebuilds: int = 0


class Column(msgspec.Struct, array_like=True, frozen=True):
    """sort: "b" flag, "i" whole number, "f" number."""

    id: str
    member: str
    sort: str


class TextChange(msgspec.Struct, array_like=True):
    """text: None from when it was absent."""

    at_s: float
    id: str
    member: str
    text: str | None


class Outcome(msgspec.Struct, array_like=True):
    """What the service said later of a message. number: its place in the file's signaling."""

    number: int
    outcome: str


class End(msgspec.Struct):
    ended_at: float = 0.0


SORTS = {bool: "b", int: "i", float: "f"}
TYPES = {sort: kind for kind, sort in SORTS.items()}

session_of = msgspec.json.Decoder(Session).decode
columns_of = msgspec.json.Decoder(list[Column]).decode
texts_of = msgspec.json.Decoder(list[TextChange]).decode
events_of = msgspec.json.Decoder(list[Event]).decode
descriptions_of = msgspec.json.Decoder(list[Description]).decode
messages_of = msgspec.json.Decoder(list[DataMessage]).decode
signaling_of = msgspec.json.Decoder(list[SignalingEntry]).decode
outcomes_of = msgspec.json.Decoder(list[Outcome]).decode
end_of = msgspec.json.Decoder(End).decode
encoded = msgspec.json.Encoder().encode


def record(kind: Kind, body: bytes) -> bytes:
    return RECORD.pack(kind, len(body)) + body


def shuffled(row: bytes) -> bytes:
    """All first bytes of a row's values, then all second ones …: equal neighbours compress."""
    return b"".join([row[place::VALUE_BYTES] for place in range(VALUE_BYTES)])


def changed(row: bytes, before: bytes) -> bytes:
    """A shuffled row against the one before it: zeros where nothing changed."""
    difference = int.from_bytes(row, "little") ^ int.from_bytes(before, "little")
    return difference.to_bytes(len(row), "little")
