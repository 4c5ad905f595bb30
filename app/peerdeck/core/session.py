"""Peer sessions: their phases and the steps from click to first frame."""

from dataclasses import dataclass
from enum import StrEnum

from peerdeck.core.errors import UserError
from peerdeck.core.join import JoinOptions
from peerdeck.core.stats import PeerStats

# Whose picture: a master's own, where a client id would say a viewer's; no client id looks so.
OWN_PICTURE = "(ours)"


class Phase(StrEnum):
    JOINING = "joining"
    CONNECTED = "connected"
    REBUILDING = "rebuilding"  # the path was lost; the session is joining again by itself
    LEAVING = "leaving"
    LEFT = "left"
    FAILED = "failed"


# Steps in the order in which a join usually takes them; names as shown to people.
STEPS = (
    "Channel endpoint",
    "ICE configuration",
    "Signaling open",
    "Offer sent",
    "Answer received",
    "First remote candidate",
    "ICE connected",
    "DTLS connected",
    "Data channel open",
    "First frame",
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was reached, and when: milliseconds since the click."""

    name: str
    at_ms: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer connection of a session: its only one at a viewer, one per viewer at a master.

    id: a viewer's client id at a master, "master" at a viewer. state: in the W3C's words
    (RTCPeerConnectionState). since: POSIX seconds of the offer.
    """

    id: str
    state: str = "new"
    since: float = 0.0
    stats: PeerStats | None = None
    messages: int = 0
    has_picture: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that a session is being written to."""

    path: str
    started_at: float
    size: int = 0
    problem: UserError | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Snapshot of one session. id is ours; started_at POSIX seconds.

    stats, telemetry, messages: of the peer at a viewer; telemetry is the last text that the data
    channel delivered, messages how many there were. signaling: "open", "closed" or "reconnecting"
    (media goes on without it). rebuilds: how often a lost path was replaced by itself.
    """

    id: str
    channel: str
    channel_arn: str
    client_id: str
    phase: Phase
    started_at: float
    steps: tuple[Step, ...] = ()
    stats: PeerStats | None = None
    telemetry: str = ""
    messages: int = 0
    signaling: str = "closed"
    problem: UserError | None = None
    options: JoinOptions = JoinOptions()
    peers: tuple[Peer, ...] = ()
    rebuilds: int = 0
    recording: Recording | None = None

    @property
    def is_live(self) -> bool:
        return self.phase in {Phase.JOINING, Phase.CONNECTED, Phase.REBUILDING}
