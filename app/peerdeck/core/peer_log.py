"""What is known of a session: the same while it lives, recorded, or imported from a browser.

The session page reads nothing else, so it shows all three alike. Whoever fills a log appends only;
every history is bounded while a session lives.
"""

from collections import deque
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from peerdeck.core.session import Step
from peerdeck.core.stats_table import StatsTable

EVENTS_KEPT = 5_000
MESSAGES_KEPT = 2_000
ROWS_KEPT = 3_600  # an hour at 1 Hz
MESSAGE_BYTES_KEPT = 16_384
DESCRIPTIONS_KEPT = 64
T = TypeVar("T")


class History(deque[T]):
    """Keeps the newest `limit` items and counts all: `appended` is how many there ever were."""

    def __init__(self, limit: int) -> None:
        super().__init__(maxlen=limit)
        self.appended = 0

    def append(self, item: T) -> None:
        super().append(item)
        self.appended += 1

    def extend(self, items: Iterable[T]) -> None:
        for item in items:
            self.append(item)


def appended(items: MutableSequence[T]) -> int:
    """How many there ever were, of which a History has forgotten the oldest."""
    return items.appended if isinstance(items, History) else len(items)


def since(items: MutableSequence[T], count: int) -> list[T]:
    """What is still there of those that came after the first `count`."""
    new = min(appended(items) - count, len(items))
    return list(islice(reversed(items), new))[::-1] if new > 0 else []


class Direction(StrEnum):
    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. at_s: POSIX seconds.

    kind: "peer" (states of the connection, ICE, DTLS, gathering), "sdp", "candidate", "media",
    "data", "signaling", "ice-server", "session". name: in the W3C's words where it has some
    ("iceconnectionstatechange"), detail: its value, one line. tone: "", "ok", "warn", "bad".
    """

    at_s: float
    kind: str
    name: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class SignalingEntry:
    """One message of the signaling socket, or an opening, closing or refusal of it.

    what: "SDP_OFFER", "ICE_CANDIDATE", "STATUS_RESPONSE", "GO_AWAY" …, or "open", "closed",
    "refused". peer: the other end's client id at a master. text: the decoded payload, pretty enough
    to read. size: characters of the payload after base64. outcome: what the service said of it.
    """

    at_s: float
    direction: Direction
    what: str
    peer: str = ""
    correlation_id: str = ""
    text: str = ""
    size: int = 0
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """One SDP. side: "local" or "remote"; type: "offer" or "answer".

    before: as created (local) or received (remote); sdp: as sent, or as applied.
    """

    at_s: float
    side: str
    type: str
    sdp: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class DataMessage:
    """A message of a data channel. data: its first MESSAGE_BYTES_KEPT bytes; size: all of them."""

    at_s: float
    direction: Direction
    label: str
    data: bytes
    size: int
    is_text: bool = True


@dataclass(slots=True)
class PeerLog:
    """One peer connection. id: a viewer's client id at a master, "master" at a viewer."""

    id: str
    table: StatsTable = field(default_factory=lambda: StatsTable(ROWS_KEPT))
    events: MutableSequence[Event] = field(default_factory=lambda: History(EVENTS_KEPT))
    descriptions: MutableSequence[Description] = field(
        default_factory=lambda: History(DESCRIPTIONS_KEPT)
    )
    messages: MutableSequence[DataMessage] = field(default_factory=lambda: History(MESSAGES_KEPT))

    def copy(self) -> "PeerLog":
        """As it is now, for a thread to read while this log goes on."""
        return PeerLog(
            self.id,
            self.table.copy(),
            list(self.events),
            list(self.descriptions),
            list(self.messages),
        )


@dataclass(slots=True)
class SessionLog:
    """All of a session. started_at: POSIX seconds. facts: what to call it by and how it was joined
    ("Channel", "Role", "Client ID" …), in the order in which they are shown. rebuilds: how often a
    lost path was replaced."""

    title: str = ""
    started_at: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    signaling: MutableSequence[SignalingEntry] = field(default_factory=lambda: History(EVENTS_KEPT))
    peers: dict[str, PeerLog] = field(default_factory=dict)
    rebuilds: int = 0

    def peer(self, peer_id: str) -> PeerLog:
        """The peer's log, made where there is none yet."""
        return self.peers.setdefault(peer_id, PeerLog(peer_id))

    def span(self) -> tuple[float, float]:
        """POSIX seconds of the first and the last thing that is known; 0, 0 of an empty log."""
        times = [self.started_at] if self.started_at else []
        times += [entry.at_s for entry in _ends(self.signaling)]
        for peer in self.peers.values():
            times += [*peer.table.times[:1], *peer.table.times[-1:]]
            times += [item.at_s for item in _ends(peer.events)]
            times += [item.at_s for item in _ends(peer.descriptions)]
            times += [item.at_s for item in _ends(peer.messages)]
        return (min(times), max(times)) if times else (0.0, 0.0)


def _ends(items: Sequence[T]) -> tuple[T, ...]:
    return (items[0], items[-1]) if items else ()
