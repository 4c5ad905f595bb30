"""What a tunnel's state machine tells its owner."""

from enum import IntEnum
from typing import NamedTuple

from peerdeck.protocol.frames import Buffer


class Version(IntEnum):
    """Of the tunnel protocol: one stream, several services, several connections per service."""

    V1 = 1
    V2 = 2
    V3 = 3

    @property
    def subprotocol(self) -> str:
        """Its name in Sec-WebSocket-Protocol."""
        return f"aws.iot.securetunneling-{self.value}.0"


class Connection(NamedTuple):
    """Identity of one TCP connection through the tunnel. service: "" in a V1 tunnel."""

    service: str
    stream_id: int
    connection_id: int


class ServicesAvailable(NamedTuple):
    """The tunnel can be used; these are its services ("" alone where it names none)."""

    services: tuple[str, ...]


class ConnectionStarted(NamedTuple):
    """Destination only: dial the service's target. Data may follow before it answers."""

    connection: Connection


class DataReceived(NamedTuple):
    """payload: valid only until `receive()`'s caller lets go of what it passed in."""

    connection: Connection
    payload: Buffer


class ConnectionClosed(NamedTuple):
    """Not by us. orderly: deliver what was received, then close; else abort, bytes were lost."""

    connection: Connection
    orderly: bool
    reason: str


class Failed(NamedTuple):
    """The peer or the service broke a rule: the link's last event. The link must be closed."""

    reason: str


Event = ServicesAvailable | ConnectionStarted | DataReceived | ConnectionClosed | Failed
