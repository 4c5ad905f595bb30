"""What is known of a session: the same while it lives, recorded, or imported from a browser.

The session page reads nothing else, so it shows all three alike. Whoever fills a log appends only;
every history is bounded while a session lives.
"""

from collections import deque
from collections.abc import Mapping, MutableSequence
from dataclasses import dataclass, field
from enum import StrEnum

from peerdeck.core.session import Step
from peerdeck.core.stats_table import StatsTable

EVENTS_KEPT = 5_000
MESSAGES_KEPT = 2_000
ROWS_KEPT = 3_600  # an hour at 1 Hz
MESSAGE_BYTES_KEPT = 16_384


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
    events: MutableSequence[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    descriptions: MutableSequence[Description] = field(default_factory=lambda: deque(maxlen=64))
    messages: MutableSequence[DataMessage] = field(
        default_factory=lambda: deque(maxlen=MESSAGES_KEPT)
    )


@dataclass(slots=True)
class SessionLog:
    """All of a session. started_at: POSIX seconds. facts: what to call it by and how it was joined
    ("Channel", "Role", "Client ID" …), in the order in which they are shown."""

    title: str = ""
    started_at: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    signaling: MutableSequence[SignalingEntry] = field(
        default_factory=lambda: deque(maxlen=EVENTS_KEPT)
    )
    peers: dict[str, PeerLog] = field(default_factory=dict)

    def peer(self, peer_id: str) -> PeerLog:
        """The peer's log, made where there is none yet."""
        return self.peers.setdefault(peer_id, PeerLog(peer_id))
