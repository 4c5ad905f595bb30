"""Reads a recording, to the last whole record of whatever is left of it."""

import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import PeerLog, SessionLog, SignalingEntry
from peerdeck.core.rtc_stats import Member
from peerdeck.storage.recordings import records
from peerdeck.storage.recordings.records import Kind, Session
from peerdeck.storage.recordings.table import RecordedTable, Segment

MAX_FILE_BYTES = 1 << 30
MAX_BYTES = 3 << 30  # uncompressed; a day of a viewer's session has about 120 MB
_PIECE = 1 << 20
_SMALL_PIECE = 64
# Plain numbers: their hashes are a tenth of the loop over a day's rows.
_OF_PEER = frozenset(int(kind) for kind in Kind if Kind.PEER <= kind <= Kind.MESSAGES)
_CHECK = int(Kind.CHECK)
_RECORD_OF_PEER = struct.Struct("<BIH")  # with the first two bytes of the body
_LISTS_AT_ONCE = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Restored:
    """ended_at: POSIX seconds of the orderly end, None where the file is cut off or damaged;
    damaged: whether anything but its end is missing."""

    log: SessionLog
    created_at: float
    ended_at: float | None
    damaged: bool


def read(path: Path) -> Restored:
    """Blocks. Raises UserError for a file that is no recording or that a newer Peerdeck wrote,
    and OSError."""
    with path.open("rb") as file:
        header = file.read(records.HEADER.size)
        _check_header(path, header)
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UserError(
            f"{path.name} is larger than {MAX_FILE_BYTES >> 30} GiB.",
            "Record long sessions in several files.",
        )
    plain, whole = _inflated(data)
    return _Reading(plain).restored(inflated=whole)


def _check_header(path: Path, header: bytes) -> None:
    short = len(header) < records.HEADER.size
    if short or header[:8] != records.MAGIC:
        started = header and records.MAGIC.startswith(header[:8])
        raise UserError(
            f"{path.name} {'ends before it begins' if short and started else 'is no recording'}.",
            "Open a .prec file of Peerdeck's, or a dump of chrome://webrtc-internals.",
        )
    _, version, _, _ = records.HEADER.unpack(header)
    if version > records.VERSION:
        raise UserError(
            f"{path.name} was written by a newer Peerdeck: it has format {version}, and this "
            f"one reads up to {records.VERSION}.",
            "Update Peerdeck, then open it again.",
        )


def _inflated(data: bytes) -> tuple[bytearray, bool]:
    """All that can be had, and whether nothing was broken; an early end is not broken."""
    inflate = zlib.decompressobj(records.WINDOW_BITS)
    plain = bytearray()
    view = memoryview(data)
    for start in range(0, len(view), _PIECE):
        before = inflate.copy()
        try:
            plain += inflate.decompress(view[start : start + _PIECE], MAX_BYTES - len(plain) or 1)
        except zlib.error:
            _inflate_to_the_break(before, view[start : start + _PIECE], plain)
            return plain, False
        if len(plain) >= MAX_BYTES:
            return plain, False
    return plain, True


def _inflate_to_the_break(inflate: Any, view: memoryview, plain: bytearray) -> None:
    for start in range(0, len(view), _SMALL_PIECE):
        try:
            plain += inflate.decompress(view[start : start + _SMALL_PIECE])
        except zlib.error:
            return


class _Reading:
    """Finds the records, then restores what they hold."""

    def __init__(self, plain: bytearray) -> None:
        self._plain = memoryview(plain)
        self._places: dict[tuple[int, int], array[int]] = {}
        self._damaged = False
        self._find()

    def restored(self, *, inflated: bool) -> Restored:
        sessions = self._decoded_singly(records.session_of, self._bodies(Kind.SESSION))
        session = sessions[-1] if sessions else Session()
        log = SessionLog(
            title=session.title,
            started_at=session.started_at,
            facts=session.facts,
            steps=session.steps,
            signaling=self._signaling(),
            rebuilds=session.rebuilds,
        )
        for kind, number in tuple(self._places):
            if kind == Kind.PEER and self._places[kind, number]:
                peer = self._peer(number)
                log.peers[peer.id] = peer
        ends = self._decoded_singly(records.end_of, self._bodies(Kind.END))
        damaged = self._damaged or not inflated
        ended_at = ends[-1].ended_at if ends and not damaged else None
        return Restored(log, session.created_at, ended_at, damaged)

    def _signaling(self) -> list[SignalingEntry]:
        entries = self._decoded(records.signaling_of, Kind.SIGNALING)
        for said in self._decoded(records.outcomes_of, Kind.OUTCOMES):
            if 0 <= said.number < len(entries):
                entries[said.number] = replace(entries[said.number], outcome=said.outcome)
        return entries

    def _find(self) -> None:
        """Starts and ends of bodies by kind and peer (0 where a kind belongs to none), up to the
        first check that fails. The only loop over all rows: a day has 86,400."""
        plain, unpack, header = self._plain, _RECORD_OF_PEER.unpack_from, records.RECORD.size
        places: defaultdict[tuple[int, int], array[int]] = defaultdict(lambda: array("Q"))
        check = checked = position = 0
        last, size, of_peer = len(plain) - _RECORD_OF_PEER.size, len(plain), _OF_PEER
        while position <= last:
            kind, length, number = unpack(plain, position)
            start = position + header
            end = start + length
            if end > size:
                break
            if kind in of_peer:
                places[kind, number].extend((start + 2, end))
            elif kind == _CHECK:
                check = zlib.crc32(plain[checked:position], check)
                if bytes(plain[start:end]) != records.CHECK.pack(check):
                    self._damaged = True
                    for found in places.values():
                        del found[bisect_right(found, checked) :]
                    break
                checked = position
            else:
                places[kind, 0].extend((start, end))
            position = end
        self._places = places

    def _bodies(self, kind: Kind, peer: int = 0) -> list[memoryview]:
        plain, ends = self._plain, iter(self._places.get((kind, peer), ()))
        return [plain[start:end] for start, end in zip(ends, ends, strict=True)]

    def _peer(self, number: int) -> PeerLog:
        name = bytes(self._bodies(Kind.PEER, number)[-1])
        texts: dict[Member, list[tuple[float, str | None]]] = {}
        for change in self._decoded(records.texts_of, Kind.TEXTS, number):
            texts.setdefault((change.id, change.member), []).append((change.at_s, change.text))
        return PeerLog(
            name.decode(errors="replace"),
            RecordedTable(self._segments(number), texts),
            self._decoded(records.events_of, Kind.EVENTS, number),
            self._decoded(records.descriptions_of, Kind.DESCRIPTIONS, number),
            self._decoded(records.messages_of, Kind.MESSAGES, number),
        )

    def _segments(self, peer: int) -> list[Segment]:
        """Rows belong to the columns before them."""
        columns = self._places.get((Kind.COLUMNS, peer), array("Q"))
        rows = self._places.get((Kind.ROWS, peer), array("Q"))
        bodies, starts = self._bodies(Kind.ROWS, peer), columns[::2]
        segments: list[Segment] = []
        for place, body in enumerate(self._bodies(Kind.COLUMNS, peer)):
            first = bisect_left(rows, starts[place]) // 2
            after = starts[place + 1] if place + 1 < len(starts) else len(self._plain) + 1
            of_these = bodies[first : bisect_left(rows, after) // 2]
            found = self._decoded_singly(records.columns_of, [body])
            if not found:
                break
            width = records.VALUE_BYTES * (1 + len(found[0]))
            if any(len(row) % width for row in of_these):
                self._damaged = True
                break
            segments.append(Segment(found[0], bytearray().join(of_these)))
        return segments

    def _decoded(self, decode: Callable[[bytes], list[T]], kind: Kind, peer: int = 0) -> list[T]:
        """Many lists at once, since a call costs more than a short list."""
        bodies, found = self._bodies(kind, peer), []
        for first in range(0, len(bodies), _LISTS_AT_ONCE):
            some = bodies[first : first + _LISTS_AT_ONCE]
            try:
                found += decode(b"[%b]" % b",".join([x[1:-1] for x in some if len(x) > 2]))
            except ValueError:
                for items in self._decoded_singly(decode, some):
                    found += items
        return found

    def _decoded_singly(self, decode: Callable[[bytes], T], bodies: list[memoryview]) -> list[T]:
        """What can be; msgspec's errors and bad UTF-8 are ValueErrors."""
        found: list[T] = []
        for body in bodies:
            try:
                found.append(decode(bytes(body)))
            except ValueError:
                self._damaged = True
        return found
