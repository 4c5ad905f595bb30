"""What was added to a live log since it was last asked."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from peerdeck.core.peer_log import (
    DataMessage,
    Description,
    Direction,
    Event,
    PeerLog,
    SessionLog,
    SignalingEntry,
    appended,
    since,
)
from peerdeck.core.rtc_stats import Member
from peerdeck.core.stats_table import StatsTable
from peerdeck.storage.recordings.records import (
    SORTS,
    Column,
    Outcome,
    Session,
    TextChange,
)

_OPEN_MESSAGES = 256
_ROWS_AT_ONCE = 3_600


@dataclass(frozen=True, slots=True)
class PeerPart:
    """One peer's news. rows: columns[c][r] belongs to members[c] at times[r]."""

    id: str
    members: tuple[Column, ...] = ()
    times: Sequence[float] = ()
    columns: Sequence["array[float]"] = ()
    texts: Sequence[TextChange] = ()
    events: Sequence[Event] = ()
    descriptions: Sequence[Description] = ()
    messages: Sequence[DataMessage] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """News of a session, as copies that a thread may read. session: where it changed."""

    session: Session | None = None
    signaling: Sequence[SignalingEntry] = ()
    outcomes: Sequence[Outcome] = ()
    peers: Sequence[PeerPart] = ()


@dataclass(slots=True)
class _Seen:
    """How much of a peer's log was taken. A peer that comes again may have another log."""

    log: PeerLog
    rows: int = 0
    events: int = 0
    descriptions: int = 0
    messages: int = 0
    texts: dict[Member, tuple[float, str | None]] = field(default_factory=dict)


class Tail:
    """Follows one log. It must be asked more often than the log's histories turn over.

    from_beginning: whether what the log already holds comes first. SDPs, steps and facts always
    do. program, created_at: to be written with the session.
    """

    def __init__(
        self, log: SessionLog, *, from_beginning: bool, program: str = "", created_at: float = 0.0
    ) -> None:
        self.behind = False
        self._log = log
        self._program = program
        self._created_at = created_at
        self._session = Session()
        self._signaling = 0
        self._first = appended(log.signaling) - len(log.signaling)
        self._open: list[tuple[int, SignalingEntry]] = []
        self._seen: dict[str, _Seen] = {}
        if not from_beginning:
            self._first = self._signaling = appended(log.signaling)
            for peer in log.peers.values():
                self._seen[peer.id] = _Seen(
                    peer,
                    rows=peer.table.appended,
                    events=appended(peer.events),
                    messages=appended(peer.messages),
                    texts={key: c[-2] for key, c in peer.table.texts().items() if len(c) > 1},
                )

    def take(self) -> Batch:
        """Quick: copies references and columns, encodes nothing. At most some 4 ms: where
        `behind` is set then, there is more to take at once."""
        log = self._log
        session = Session(
            title=log.title,
            started_at=log.started_at,
            created_at=self._created_at,
            program=self._program,
            facts=dict(log.facts),
            steps=log.steps,
            rebuilds=log.rebuilds,
        )
        changed = session if session != self._session else None
        self._session = session
        self._seen = {name: seen for name, seen in self._seen.items() if name in log.peers}
        outcomes = list(self._outcomes())
        return Batch(changed, self._messages(), outcomes, self._parts())

    def _parts(self) -> list[PeerPart]:
        """At least one's, and more until they have many rows; `behind` where some are left."""
        parts: list[PeerPart] = []
        rows = 0
        for peer in self._log.peers.values():
            new = self._new_rows(peer)
            self.behind = bool(parts) and rows + new > _ROWS_AT_ONCE
            if self.behind:
                break
            parts.append(self._part(peer))
            rows += new
        return parts

    def _new_rows(self, peer: PeerLog) -> int:
        seen = self._seen.get(peer.id)
        known = seen.rows if seen is not None and seen.log is peer else 0
        return min(peer.table.appended - known, len(peer.table))

    def _messages(self) -> list[SignalingEntry]:
        new = since(self._log.signaling, self._signaling)
        self._signaling = appended(self._log.signaling)
        for number, entry in enumerate(new, start=self._signaling - len(new)):
            if entry.direction is Direction.SENT and entry.correlation_id and not entry.outcome:
                self._open.append((number, entry))
        del self._open[:-_OPEN_MESSAGES]
        return new

    def _outcomes(self) -> Iterator[Outcome]:
        """Of messages that were taken without one, and were replaced in the log by their like."""
        entries = self._log.signaling
        start = appended(entries) - len(entries)
        still = []
        for number, entry in self._open:
            now = entries[number - start] if number >= start else entry
            if now is entry:
                still.append((number, entry))
            else:
                yield Outcome(number - self._first, now.outcome)
        self._open = still

    def _part(self, peer: PeerLog) -> PeerPart:
        seen = self._seen.get(peer.id)
        if seen is None or seen.log is not peer:
            seen = self._seen[peer.id] = _Seen(peer)
        table, rows = peer.table, self._new_rows(peer)
        keys = table.members() if rows else ()
        part = PeerPart(
            id=peer.id,
            members=tuple(Column(*key, SORTS[table.value_type(key)]) for key in keys),
            times=table.times[len(table) - rows :],
            columns=[array("d", table.column(key)[len(table) - rows :]) for key in keys],
            texts=_new_texts(table, seen.texts),
            events=since(peer.events, seen.events),
            descriptions=since(peer.descriptions, seen.descriptions),
            messages=since(peer.messages, seen.messages),
        )
        seen.rows = table.appended
        seen.events = appended(peer.events)
        seen.descriptions = appended(peer.descriptions)
        seen.messages = appended(peer.messages)
        return part


def _new_texts(table: StatsTable, seen: dict[Member, tuple[float, str | None]]) -> list[TextChange]:
    """Changes that `seen` lacks, by time; `seen` then has them."""
    texts = table.texts()
    new: list[TextChange] = []
    for key, changes in texts.items():
        last = seen.get(key)
        if changes[-1] is last:
            continue
        for change in reversed(changes):
            if last is not None and change[0] <= last[0]:
                break
            new.append(TextChange(change[0], *key, change[1]))
        seen[key] = changes[-1]
    if len(seen) > len(texts):
        for key in seen.keys() - texts.keys():
            del seen[key]
    new.sort(key=lambda change: change.at_s)
    return new
