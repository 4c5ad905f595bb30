"""Tunnels of AWS IoT Secure Tunneling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from peerdeck.core.errors import FieldError
from peerdeck.core.fields import TextRule
from peerdeck.core.secret import Secret

MAX_SERVICES = 3
MAX_LIFETIME_MIN = 720
_NAME = re.compile(r"[a-zA-Z0-9:_-]+")
_TAG = re.compile(r"(?:[^\W_]|[\s_.:/=+\-@])*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
THING_NAME = TextRule(
    "Thing", _NAME, "may hold letters, digits, “:”, “_” and “-” only.", maximum=128
)
SERVICE_NAME = TextRule(
    "Service", _NAME, "may hold letters, digits, “:”, “_” and “-” only.", maximum=128, required=True
)
DESCRIPTION = TextRule(
    "Description",
    re.compile(r"[^\x00-\x1f\x7f-\x9f]+"),
    "must not hold control characters.",
    maximum=2048,
)
_TAG_WORDS = "may hold letters, digits, spaces and _ . : / = + - @ only."
TAG_KEY = TextRule("Tag key", _TAG, _TAG_WORDS, maximum=128, required=True)
TAG_VALUE = TextRule("Tag value", _TAG, _TAG_WORDS, maximum=256)


# Where a destination connects to: host and port, or the path of a unix socket.
Target = tuple[str, int] | str


class Mode(StrEnum):
    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True)
class TunnelRequest:
    """What OpenTunnel takes. lifetime_min: 1–720 minutes."""

    thing: str = ""
    services: tuple[str, ...] = ()
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    lifetime_min: int = MAX_LIFETIME_MIN

    def check(self) -> "TunnelRequest":
        """Returns itself, or raises the first FieldError."""
        THING_NAME.check(self.thing)
        DESCRIPTION.check(self.description)
        if self.thing and not self.services:
            raise FieldError("Services", "", "a tunnel to a thing needs at least one service.")
        if len(self.services) > MAX_SERVICES:
            raise FieldError("Services", ", ".join(self.services), "a tunnel has at most 3.")
        if len(set(self.services)) != len(self.services):
            raise FieldError("Services", ", ".join(self.services), "each may be named once.")
        for service in self.services:
            SERVICE_NAME.check(service)
        for key, value in self.tags.items():
            TAG_KEY.check(key)
            TAG_VALUE.check(value)
        if not 1 <= self.lifetime_min <= MAX_LIFETIME_MIN:
            raise FieldError("Lifetime", str(self.lifetime_min), "must be 1 to 720 minutes.")
        return self


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel as DescribeTunnel shows it. status: OPEN or CLOSED.

    source_connected/destination_connected: None where only the list is known.
    """

    id: str
    arn: str
    status: str
    thing: str = ""
    services: tuple[str, ...] = ()
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: float = 0.0
    lifetime_min: int = MAX_LIFETIME_MIN
    source_connected: bool | None = None
    destination_connected: bool | None = None

    @property
    def ends_at(self) -> float:
        return self.created_at + 60 * self.lifetime_min


@dataclass(frozen=True, slots=True)
class TunnelTokens:
    """Access tokens as OpenTunnel and rotation return them; an absent one is empty."""

    source: Secret = Secret("")
    destination: Secret = Secret("")


class TokenState(StrEnum):
    """Of an access token that this machine holds. ROTATED: new, and not used since."""

    UNUSED = "unused"
    USED = "used"
    ROTATED = "rotated"


class LinkState(StrEnum):
    """State of a local proxy's connection to the tunnel service."""

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One service of a connected proxy: where it listens (source) and what went through it.

    bytes_up: from this machine into the tunnel; bytes_down: out of it. connections: open now;
    connections_total: since the proxy started. problem: why the last dial of a destination failed.
    """

    service: str
    host: str = ""
    port: int = 0
    connections: int = 0
    connections_total: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    problem: str = ""


class ConnectionState(StrEnum):
    """HELD: waits for a link. ENDING: one side has finished, what is left is delivered."""

    DIALING = "dialing"
    HELD = "held"
    OPEN = "open"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """One TCP connection through a proxy. number: 1, 2, 3 … of this proxy.

    client: address of the local program at a source, of the target at a destination. opened_at:
    POSIX seconds. bytes_up: into the tunnel.
    """

    number: int
    service: str
    client: str
    opened_at: float
    bytes_up: int = 0
    bytes_down: int = 0
    state: ConnectionState = ConnectionState.OPEN


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """A connection was opened or is over. broken: it ended without delivering everything.

    problem: why the target could not be reached, or "".
    """

    connection: LiveConnection
    closed: bool = False
    broken: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """A change of a proxy's state. at: POSIX seconds."""

    at: float
    state: LinkState
    reason: str = ""


class DeviceHint(StrEnum):
    """What a source has noticed of the device at the other end.

    SILENT: it answers nothing. TRYING_V1: nothing yet, and version 1 of the protocol is tried
    next. SWITCHED: it is spoken to in version 1 now. UNHEARD: it answered in neither version. V1,
    V2: it answers in that version.
    """

    NONE = ""
    SILENT = "silent"
    TRYING_V1 = "trying-v1"
    SWITCHED = "switched-to-v1"
    UNHEARD = "unheard"
    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class TunnelLink:
    """Snapshot of a local proxy. channel_id: what AWS support asks for. reason: why it failed.

    connections: those that are there, the newest 200 at most, newest first. history: the newest
    50 changes of state, oldest first.
    """

    state: LinkState = LinkState.IDLE
    services: tuple[ServicePort, ...] = ()
    channel_id: str = ""
    reason: str = ""
    reconnects: int = 0
    connections: tuple[LiveConnection, ...] = ()
    history: tuple[LinkEvent, ...] = ()
    hint: DeviceHint = DeviceHint.NONE
