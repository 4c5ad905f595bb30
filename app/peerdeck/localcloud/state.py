"""What the parts of the local cloud share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from peerdeck.core.channel import Channel
from peerdeck.localcloud.channels import ChannelEndpoint, ChannelRegistry
from peerdeck.localcloud.paging import PageTokens
from peerdeck.localcloud.quotas import Quotas
from peerdeck.localcloud.sigv4 import AccessKey
from peerdeck.localcloud.tunnels import TunnelRegistry


class TurnCredentials(Protocol):
    """The part of TurnServer that GetIceServerConfig needs."""

    @property
    def port(self) -> int: ...

    def issue(self, *, ttl_s: int = 300, label: str = "") -> tuple[str, str]: ...


@dataclass(frozen=True, slots=True)
class TurnSet:
    """A TURN server and its URIs; GetIceServerConfig answers one entry for each."""

    server: TurnCredentials
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IceSet:
    """One entry of an ICE configuration."""

    uris: tuple[str, ...]
    username: str
    password: str = field(repr=False)


class SignalingRooms(Protocol):
    """The part of SignalingService that operations need."""

    async def ask_master(self, channel: Channel, sender: str, payload: str) -> str:
        """Passes an offer on and returns the payload of its answer; TimeoutError without one."""

    def start_storage(self, region: str, channel: Channel, viewer: str) -> None:
        """A storage peer offers to the channel's master, or to a viewer by its client id."""


@dataclass(slots=True)
class CloudState:
    """The account and all that it holds. clock: POSIX seconds.

    base_url: of the HTTP port, once it listens. turns: two of them, as the service has it.
    signaling: the signaling service puts itself here.
    """

    account: str
    clock: Callable[[], float]
    channels: ChannelRegistry
    tunnels: TunnelRegistry
    keys: dict[str, AccessKey] = field(repr=False)
    ice_ttl_s: int = 300
    base_url: str = ""
    turns: tuple[TurnSet, ...] = ()
    pages: PageTokens = field(default_factory=PageTokens)
    signaling: SignalingRooms | None = None
    quotas: Quotas = field(init=False)

    def __post_init__(self) -> None:
        self.quotas = Quotas(self.clock)

    def ice_servers(self, label: str) -> tuple[IceSet, ...]:
        """With fresh credentials. label: what the user name shall hold, or ""."""
        if not self.turns:
            raise RuntimeError("the TURN servers are not running")
        return tuple(
            IceSet(turn.uris, *turn.server.issue(ttl_s=self.ice_ttl_s, label=label))
            for turn in self.turns
        )

    @property
    def turn_uris(self) -> tuple[str, ...]:
        """All of them; no two are the same."""
        return tuple(uri for turn in self.turns for uri in turn.uris)


@dataclass(frozen=True, slots=True)
class Call:
    """A verified, validated request. endpoint: the channel endpoint that it came to, if any."""

    state: CloudState
    region: str
    access_key: str
    fields: Mapping[str, Any] = field(repr=False)
    endpoint: ChannelEndpoint | None = None


class OperationError(Exception):
    """An operation refuses. code: one of the model's errors, or one that every service has."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
