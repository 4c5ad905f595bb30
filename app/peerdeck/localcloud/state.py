"""What the parts of the local cloud share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from peerdeck.localcloud.channels import ChannelEndpoint, ChannelRegistry
from peerdeck.localcloud.paging import PageTokens
from peerdeck.localcloud.sigv4 import AccessKey
from peerdeck.localcloud.tunnels import TunnelRegistry


class TurnCredentials(Protocol):
    """The part of TurnServer that GetIceServerConfig needs."""

    @property
    def port(self) -> int: ...

    def issue(self, *, ttl_s: int = 300, label: str = "") -> tuple[str, str]: ...


@dataclass(slots=True)
class CloudState:
    """The account and all that it holds. clock: POSIX seconds.

    base_url: of the HTTP port, once it listens. turn_uris: as GetIceServerConfig answers them.
    """

    account: str
    clock: Callable[[], float]
    channels: ChannelRegistry
    tunnels: TunnelRegistry
    keys: dict[str, AccessKey] = field(repr=False)
    ice_ttl_s: int = 300
    base_url: str = ""
    turn: TurnCredentials | None = None
    turn_uris: tuple[str, ...] = ()
    pages: PageTokens = field(default_factory=PageTokens)


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
