"""Messages of a data channel as rows, as something to read, and out of what one types."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from peerdeck.core.errors import FieldError
from peerdeck.core.peer_log import DataMessage, Direction
from peerdeck.core.quantities import bytes_text
from peerdeck.gui.models.rows import Column

PREVIEW: Final = 200  # characters
PIECE_BYTES: Final = 16_384  # RFC 8831 §6.6: larger messages may hold others up, or be refused
FILE_BYTES: Final = 1 << 20
_DUMP_BYTES: Final = 16  # to a line
_HEX: Final = re.compile(r"[0-9a-fA-F]")
_BETWEEN: Final = re.compile(r"[\s,:;_-]|0[xX]|\\[xX]")


@dataclass(frozen=True, slots=True)
class MessageRow:
    """number: how many came before it on this peer, which is its name."""

    number: int
    message: DataMessage

    @property
    def id(self) -> str:
        return str(self.number)


def moment_text(at_s: float) -> str:
    """Local time to the millisecond."""
    return f"{time.strftime('%H:%M:%S', time.localtime(at_s))}.{int(at_s * 1000) % 1000:03}"


def preview(message: DataMessage) -> str:
    """Its beginning in one line."""
    if message.is_text:
        return " ".join(_text(message)[:PREVIEW].split())
    return message.data[: PREVIEW // 4].hex(" ")


def readable(message: DataMessage) -> str:
    """The whole of what was kept: JSON indented, other text as it is, bytes as a dump."""
    if message.is_text:
        text = _text(message)
        body = pretty_json(text) or text
    else:
        body = hex_dump(message.data)
    if message.size > len(message.data):
        missing = bytes_text(message.size - len(message.data))
        body += f"\n… and {missing} more that were not kept"
    return body


def pretty_json(text: str) -> str:
    """An object or a list, indented; "" for anything else."""
    if text[:1] not in {"{", "["}:
        return ""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""


def hex_dump(data: bytes) -> str:
    """Offset, sixteen bytes, and the same as characters."""
    return "\n".join(_dump_lines(data))


def _dump_lines(data: bytes) -> Iterator[str]:
    for offset in range(0, len(data), _DUMP_BYTES):
        line = data[offset : offset + _DUMP_BYTES]
        seen = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in line)
        yield f"{offset:06x}  {line.hex(' '):<{3 * _DUMP_BYTES - 1}}  {seen}"


def hex_bytes(text: str) -> bytes:
    """ "de ad, 0xBE:ef" → its bytes. Raises FieldError that names the first wrong place."""
    digits: list[str] = []
    place = 0
    while place < len(text):
        between = _BETWEEN.match(text, place)
        if between and not (between[0][0] == "0" and len(digits) % 2):
            place = between.end()
            continue
        if not _HEX.match(text, place):
            raise FieldError("Hex", text, f"has “{text[place]}” at place {place + 1}.")
        digits.append(text[place])
        place += 1
    if len(digits) % 2:
        raise FieldError("Hex", text, f"lacks the second digit of byte {len(digits) // 2 + 1}.")
    return bytes.fromhex("".join(digits))


def pieces(data: bytes) -> list[bytes]:
    """As binary messages that every implementation takes, in order; none for no bytes."""
    return [data[i : i + PIECE_BYTES] for i in range(0, len(data), PIECE_BYTES)]


def _text(message: DataMessage) -> str:
    return message.data.decode("utf-8", errors="replace")


def _direction(row: MessageRow) -> tuple[str, str]:
    sent = row.message.direction is Direction.SENT
    return ("upload", "accent") if sent else ("download", "muted")


MESSAGE_COLUMNS: Final[tuple[Column[MessageRow], ...]] = (
    Column(
        "Time",
        lambda row: moment_text(row.message.at_s),
        key=lambda row: row.number,
        icon=_direction,
        tooltip=lambda row: f"{row.message.direction} on “{row.message.label}”",
        font="figures",
        width=128,
    ),
    Column(
        "Size",
        lambda row: bytes_text(row.message.size),
        key=lambda row: row.message.size,
        align="right",
        font="figures",
        tone=lambda row: "muted",
        width=64,
        searched=False,
    ),
    Column("Message", lambda row: preview(row.message), font="mono", width=0),
)
