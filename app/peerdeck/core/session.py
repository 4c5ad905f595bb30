"""Peer sessions: their phases and the steps from click to first frame."""

from dataclasses import dataclass
from enum import StrEnum

from peerdeck.core.errors import UserError
from peerdeck.core.stats import PeerStats


class Phase(StrEnum):
    JOINING = "joining"
    CONNECTED = "connected"
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
class Session:
    """Snapshot of one session. id is ours; started_at POSIX seconds.

    telemetry: last text that the data channel delivered. messages: how many there were.
    signaling: "open", "closed" or "reconnecting" (media goes on without it).
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

    @property
    def is_live(self) -> bool:
        return self.phase in {Phase.JOINING, Phase.CONNECTED}
