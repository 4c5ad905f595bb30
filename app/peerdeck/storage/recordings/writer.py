"""Writes a recording: appends, and nothing else."""

import contextlib
import os
import sys
import time
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerdeck.storage.recordings.records import (
    CHECK,
    HEADER,
    MAGIC,
    PEER,
    VALUE_BYTES,
    VERSION,
    WINDOW_BITS,
    Column,
    End,
    Kind,
    changed,
    encoded,
    record,
    shuffled,
)
from peerdeck.storage.recordings.tail import Batch, PeerPart

SYNC_S = 5.0
_CHECK_EVERY = 64  # writes
_ROWS_AT_ONCE = 256
_ITEMS_AT_ONCE = 500
_MAX_PEERS = 65_536


@dataclass(slots=True)
class _Peer:
    """columns: that the rows hold now, None before the first. row: the last one, shuffled."""

    number: int
    columns: tuple[Column, ...] | None = None
    row: bytes = b""


class RecordingFile:
    """Blocks: belongs on a thread, one call at a time. Owns the file until `close()`.

    A new file; raises FileExistsError where there is one, and OSError, as `write` does. What a
    failed write left is taken back, as far as the disk allows; the file is then closed.

    After every write the system has all of it. It is on the disk within SYNC_S, if writes go on.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.size = 0
        self.raw_size = 0  # uncompressed
        self._clock = clock
        self._file = path.open("xb", buffering=0)
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, WINDOW_BITS, 9)
        self._check = 0
        self._writes = 0
        self._synced_at = clock()
        self._peers: dict[str, _Peer] = {}
        self._put(HEADER.pack(MAGIC, VERSION, 0, 0))

    def write(self, batch: Batch) -> None:
        """Appends; raises OSError."""
        records = list(self._records(batch))
        if not records:
            return
        self._writes += 1
        if self._writes % _CHECK_EVERY == 0:
            records.append(None)
        self._put(self._deflated(records) + self._deflate.flush(zlib.Z_SYNC_FLUSH))
        if self._clock() - self._synced_at >= SYNC_S:
            self._sync()

    def close(self, ended_at: float | None = None) -> None:
        """Idempotent. ended_at: POSIX seconds of an orderly end, None to leave it cut off."""
        if self._file.closed:
            return
        try:
            if ended_at is not None:
                last = record(Kind.END, encoded(End(ended_at)))
                self._put(self._deflated([last, None]) + self._deflate.flush(zlib.Z_FINISH))
            self._sync()
        finally:
            self._file.close()

    def _records(self, batch: Batch) -> Iterator[bytes | None]:
        if batch.session is not None:
            yield record(Kind.SESSION, encoded(batch.session))
        yield from _lists(Kind.SIGNALING, b"", batch.signaling)
        yield from _lists(Kind.OUTCOMES, b"", batch.outcomes)
        for part in batch.peers:
            yield from self._of_peer(part)

    def _of_peer(self, part: PeerPart) -> Iterator[bytes]:
        peer = self._peers.get(part.id)
        if peer is None:
            if len(self._peers) == _MAX_PEERS:
                return
            peer = self._peers[part.id] = _Peer(len(self._peers))
            yield record(Kind.PEER, PEER.pack(peer.number) + part.id.encode())
        prefix = PEER.pack(peer.number)
        yield from _lists(Kind.EVENTS, prefix, part.events)
        yield from _lists(Kind.DESCRIPTIONS, prefix, part.descriptions)
        yield from _lists(Kind.MESSAGES, prefix, part.messages)
        yield from _lists(Kind.TEXTS, prefix, part.texts)
        if not part.times:
            return
        if part.members != peer.columns:
            peer.columns = part.members
            peer.row = bytes(VALUE_BYTES * (1 + len(part.members)))
            yield record(Kind.COLUMNS, prefix + encoded(part.members))
        for start in range(0, len(part.times), _ROWS_AT_ONCE):
            rows = range(start, min(start + _ROWS_AT_ONCE, len(part.times)))
            yield record(Kind.ROWS, prefix + b"".join(_rows(peer, part, rows)))

    def _deflated(self, records: Iterable[bytes | None]) -> bytes:
        """None stands for a check of all before it."""
        deflated = bytearray()
        for plain in records:
            data = record(Kind.CHECK, CHECK.pack(self._check)) if plain is None else plain
            self._check = zlib.crc32(data, self._check)
            self.raw_size += len(data)
            deflated += self._deflate.compress(data)
        return bytes(deflated)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), self.size)
            with contextlib.suppress(OSError):
                self._file.close()
            raise
        self.size += len(data)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced_at = self._clock()


def _lists(kind: Kind, prefix: bytes, items: Sequence[Any]) -> Iterator[bytes]:
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        yield record(kind, prefix + encoded(items[start : start + _ITEMS_AT_ONCE]))


def _rows(peer: _Peer, part: PeerPart, rows: range) -> Iterator[bytes]:
    for number in rows:
        values = array("d", [part.times[number]])
        values.extend([column[number] for column in part.columns])
        if sys.byteorder == "big":
            values.byteswap()
        row = shuffled(values.tobytes())
        yield changed(row, peer.row)
        peer.row = row
