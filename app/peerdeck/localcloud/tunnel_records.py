"""A tunnel as the service keeps it."""

from dataclasses import dataclass, field

from peerdeck.core.tunnel import Mode


@dataclass(slots=True)
class Side:
    """One end of a tunnel. changed_at: POSIX seconds of the last connect or disconnect, or 0."""

    generation: int = 0
    connected: int | None = None  # serial of the admission that holds the connection
    changed_at: float = 0.0
    token: bytes = field(default=b"", repr=False)  # digest of the valid access token
    client_token: bytes = field(default=b"", repr=False)  # digest; the token's first use set it
    used: bool = False


@dataclass(slots=True)
class TunnelRecord:
    """A tunnel as the service keeps it; only the registry changes one. Times are POSIX seconds."""

    id: str
    arn: str
    region: str
    thing: str
    services: tuple[str, ...]
    description: str
    tags: dict[str, str]
    lifetime_min: int
    created_at: float
    updated_at: float
    closed_at: float | None = None
    sides: dict[Mode, Side] = field(default_factory=lambda: {mode: Side() for mode in Mode})

    @property
    def ends_at(self) -> float:
        return self.created_at + 60 * self.lifetime_min

    @property
    def status(self) -> str:
        return "OPEN" if self.closed_at is None else "CLOSED"
