"""Reads a recording, to the last whole record of whatever is left of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from peerdeck.core.errors import UserError
from peerdeck.core.peer_log import PeerLog, SessionLog, SignalingEntry
from peerdeck.core.rtc_stats import Member
from peerdeck.storage.recordings import records
from peerdeck.storage.recordings.records import Kind, Session
from peerdeck.storage.recordings.table import RecordedTable, Segment
from peerdeck.storage.recordings.unpacking import Found, FoundPeer, Inflated

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
    found = Found()
    with path.open("rb", buffering=0) as file:
        _check_header(path, file.read(records.HEADER.size))
        inflated = Inflated(file.read)
        for piece in inflated:
            found.feed(piece)
            if found.damaged:
                break
    return _Restoring(found).restored(inflated=not inflated.broken)


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


class _Restoring:
    """Makes a log of what was found; what cannot be decoded is left out and noted."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._damaged = found.damaged

    def restored(self, *, inflated: bool) -> Restored:
        bodies = self._found.bodies
        sessions = self._decoded_singly(records.session_of, bodies.get(Kind.SESSION, []))
        session = sessions[-1] if sessions else Session()
        log = SessionLog(
            title=session.title,
            started_at=session.started_at,
            facts=session.facts,
            steps=session.steps,
            signaling=self._signaling(),
            rebuilds=session.rebuilds,
        )
        for found in self._found.peers.values():
            peer = self._peer(found)
            log.peers[peer.id] = peer
        ends = self._decoded_singly(records.end_of, bodies.get(Kind.END, []))
        damaged = self._damaged or not inflated
        ended_at = ends[-1].ended_at if ends and not damaged else None
        return Restored(log, session.created_at, ended_at, damaged)

    def _signaling(self) -> list[SignalingEntry]:
        bodies = self._found.bodies
        entries = self._decoded(records.signaling_of, bodies.get(Kind.SIGNALING, []))
        for said in self._decoded(records.outcomes_of, bodies.get(Kind.OUTCOMES, [])):
            if 0 <= said.number < len(entries):
                entries[said.number] = replace(entries[said.number], outcome=said.outcome)
        return entries

    def _peer(self, found: FoundPeer) -> PeerLog:
        lists = found.lists
        texts: dict[Member, list[tuple[float, str | None]]] = {}
        for change in self._decoded(records.texts_of, lists.get(Kind.TEXTS, [])):
            texts.setdefault((change.id, change.member), []).append((change.at_s, change.text))
        segments = [Segment(columns, rows) for columns, rows in found.segments]
        return PeerLog(
            found.name.decode(errors="replace"),
            RecordedTable(segments, texts),
            self._decoded(records.events_of, lists.get(Kind.EVENTS, [])),
            self._decoded(records.descriptions_of, lists.get(Kind.DESCRIPTIONS, [])),
            self._decoded(records.messages_of, lists.get(Kind.MESSAGES, [])),
        )

    def _decoded(self, decode: Callable[[bytes], list[T]], bodies: list[bytes]) -> list[T]:
        """Many lists at once, since a call costs more than a short list."""
        found: list[T] = []
        for first in range(0, len(bodies), _LISTS_AT_ONCE):
            some = bodies[first : first + _LISTS_AT_ONCE]
            try:
                found += decode(b"[%b]" % b",".join([x[1:-1] for x in some if len(x) > 2]))
            except ValueError:
                for items in self._decoded_singly(decode, some):
                    found += items
        return found

    def _decoded_singly(self, decode: Callable[[bytes], T], bodies: list[bytes]) -> list[T]:
        """What can be; msgspec's errors and bad UTF-8 are ValueErrors."""
        found: list[T] = []
        for body in bodies:
            try:
                found.append(decode(body))
            except ValueError:
                self._damaged = True
        return found
