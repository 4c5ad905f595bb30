"""From the bytes of a recording to its records, piece by piece."""

import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from peerdeck.storage.recordings import records
from peerdeck.storage.recordings.records import Column, Kind

MAX_BYTES = 3 << 29  # uncompressed; writers go on in another file before
_PIECE = 1 << 18  # compressed
_MOST_AT_ONCE = 1 << 24
_SMALL_PIECE = 64
# Plain numbers: their hashes are a tenth of the loop over a day's rows.
_OF_PEER = frozenset(int(kind) for kind in Kind if Kind.PEER <= kind <= Kind.MESSAGES)
_ROWS, _CHECK = int(Kind.ROWS), int(Kind.CHECK)
_RECORD_OF_PEER = struct.Struct("<BIH")  # with the first two bytes of the body


class Inflated:
    """Iterates over the plain bytes of a deflate stream: all that can be had. read: as a file's.

    The next piece is inflated on a thread meanwhile. `broken` is set where bytes are wrong or too
    many; an early end is not broken.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.broken = False
        self._read = read
        self._inflate = zlib.decompressobj(records.WINDOW_BITS)
        self._rest = b""
        self._bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        with ThreadPoolExecutor(1, "recordings/inflate") as thread:
            ahead = thread.submit(self._next)
            while piece := ahead.result():
                ahead = thread.submit(self._next)
                yield piece

    def _next(self) -> bytes:
        """b"" at the end."""
        while not self.broken and not self._inflate.eof:
            packed = self._rest or self._read(_PIECE)
            if not packed:
                break
            before = self._inflate.copy()
            try:
                plain = self._inflate.decompress(packed, _MOST_AT_ONCE)
                self._rest = self._inflate.unconsumed_tail
            except zlib.error:
                self.broken = True
                return _to_the_break(before, packed)
            self._bytes += len(plain)
            self.broken = self._bytes > MAX_BYTES
            if plain:
                return plain
        return b""


def _to_the_break(inflate: Any, packed: bytes) -> bytes:
    plain = bytearray()
    for start in range(0, len(packed), _SMALL_PIECE):
        try:
            plain += inflate.decompress(packed[start : start + _SMALL_PIECE], _MOST_AT_ONCE)
        except zlib.error:
            break
    return bytes(plain)


@dataclass(slots=True)
class FoundPeer:
    """What a file holds of a peer. segments: columns and the rows that have them, one after the
    other; lists: JSON lists by kind."""

    name: bytes = b""
    segments: list[tuple[list[Column], bytearray]] = field(default_factory=list)
    lists: dict[int, list[bytes]] = field(default_factory=dict)

    def growing(self) -> Iterator[list[Any] | bytearray]:
        """Whatever takes records, the rows after the list that they are in."""
        yield self.segments
        yield from (rows for _, rows in self.segments)
        yield from self.lists.values()


class Found:
    """Takes inflated bytes in any pieces; keeps what the whole records among them hold.

    `damaged` is set where one is not what it should be; what was found until then holds, or until
    the last check that held. Nothing after it is taken.
    """

    def __init__(self) -> None:
        self.damaged = False
        self.peers: dict[int, FoundPeer] = {}
        self.bodies: dict[int, list[bytes]] = {}  # of kinds that belong to no peer
        self._tail = b""
        self._check = 0
        self._peers_held = 0
        self._held: dict[int, int] = {}

    def feed(self, piece: bytes) -> None:
        """The only loop over all rows: a day has 86,400."""
        data = self._tail + piece
        unpack, header, of_peer = _RECORD_OF_PEER.unpack_from, records.RECORD.size, _OF_PEER
        position = checked = 0
        last, size = len(data) - _RECORD_OF_PEER.size, len(data)
        while position <= last and not self.damaged:
            kind, length, number = unpack(data, position)
            start = position + header
            end = start + length
            if end > size:
                break
            if kind in of_peer:
                self._take_of_peer(kind, number, data[start + 2 : end])
            elif kind == _CHECK:
                self._check = zlib.crc32(data[checked:position], self._check)
                checked = position
                self._hold_or_drop(data[start:end])
            else:
                self.bodies.setdefault(kind, []).append(data[start:end])
            position = end
        self._check = zlib.crc32(data[checked:position], self._check)
        self._tail = data[position:]

    def _take_of_peer(self, kind: int, number: int, body: bytes) -> None:
        peer = self.peers.get(number)
        if kind == _ROWS and peer is not None and peer.segments:
            columns, rows = peer.segments[-1]
            if len(body) % (records.VALUE_BYTES * (1 + len(columns))):
                self.damaged = True
            else:
                rows += body
        elif kind == Kind.PEER:
            self.peers.setdefault(number, FoundPeer(body))
        elif peer is None or kind == _ROWS:
            self.damaged = True
        elif kind == Kind.COLUMNS:
            try:
                peer.segments.append((records.columns_of(body), bytearray()))
            except ValueError:  # msgspec's errors are, and bad UTF-8 is
                self.damaged = True
        else:
            peer.lists.setdefault(kind, []).append(body)

    def _growing(self) -> Iterator[list[Any] | bytearray]:
        yield from self.bodies.values()
        for peer in self.peers.values():
            yield from peer.growing()

    def _hold_or_drop(self, check: bytes) -> None:
        if check == records.CHECK.pack(self._check):
            self._peers_held = len(self.peers)
            self._held = {id(taker): len(taker) for taker in self._growing()}
            return
        self.damaged = True
        for number in list(self.peers)[self._peers_held :]:
            del self.peers[number]
        for taker in tuple(self._growing()):
            del taker[self._held.get(id(taker), 0) :]
