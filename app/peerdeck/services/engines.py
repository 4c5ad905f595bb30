"""What a session's engine looks like to the service, and how a viewer's is made."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from peerdeck.cloud.errors import CloudError, Kind
from peerdeck.cloud.kinesis_video import KinesisVideo
from peerdeck.core.channel import Role
from peerdeck.core.ice import IceServer
from peerdeck.core.join import JoinOptions, PathPolicy, Source
from peerdeck.core.peer_log import Event, SessionLog
from peerdeck.core.session import Step
from peerdeck.core.stats import PeerStats, Picture
from peerdeck.services.channel_access import ChannelAccess

if TYPE_CHECKING:
    from peerdeck.engine.errors import MediaUnusable
    from peerdeck.engine.media import MediaSources
    from peerdeck.engine.peer import Peer
    from peerdeck.engine.viewer import ViewerSession

ANSWER_TIMEOUT_S = 10.0
_LOOK_S = 5.0
_PASSING = {Kind.UNREACHABLE, Kind.THROTTLED, Kind.OTHER}


class Engine(Protocol):
    """A ViewerSession or a MasterSession."""

    @property
    def steps(self) -> tuple[Step, ...]: ...
    @property
    def signaling(self) -> str: ...
    @property
    def connected(self) -> bool: ...
    @property
    def rebuilding(self) -> bool: ...
    @property
    def rebuilds(self) -> int: ...
    @property
    def client_id(self) -> str: ...
    @property
    def messages(self) -> int: ...
    @property
    def telemetry(self) -> str: ...
    @property
    def peers(self) -> "Mapping[str, Peer]": ...

    async def run(self) -> None: ...
    async def leave(self) -> None: ...
    def reach(self, name: str, detail: str = "", *, at: float | None = None) -> None: ...
    def sample(self) -> Mapping[str, PeerStats]: ...
    def send(self, data: str | bytes, peer_id: str = "") -> None: ...
    def picture(self, width: int, height: int, peer_id: str = "") -> Picture | None: ...
    def watch_frames(self, on_frame: Callable[[], None] | None, peer_id: str = "") -> None: ...
    def watch_sound(self, on_sound: Callable[[bytes], None] | None, peer_id: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Joining:
    """What the making of an engine needs. started: the click, on `monotonic`."""

    arn: str
    name: str
    options: JoinOptions
    log: SessionLog
    client: KinesisVideo
    access: ChannelAccess
    tls: ssl.SSLContext | None
    new_client_id: Callable[[], str]
    on_change: Callable[[], None]
    started: float
    monotonic: Callable[[], float]
    clock: Callable[[], float]


class ViewerEngine:
    """Makes a ViewerSession and gives it what it asks for; `keep_fresh()` beside its `run()`."""

    def __init__(self, joining: Joining) -> None:
        self._joining = joining
        self._stale = asyncio.Event()
        self.sources = sources_of(joining, self._source_ended)
        self.session = self._make()

    def _make(self) -> "ViewerSession":
        from peerdeck.engine.attempt import Limits
        from peerdeck.engine.viewer import ViewerSession

        joining = self._joining
        return ViewerSession(
            options=joining.options,
            log=joining.log,
            new_client_id=joining.new_client_id,
            open_signaling=self._open_signaling,
            ice_servers=self._ice_servers,
            on_change=joining.on_change,
            on_ice_servers_stale=self._stale.set,
            is_transient=is_transient,
            clock=joining.monotonic,
            wall=joining.clock,
            started=joining.started,
            tls=joining.tls,
            sources=self.sources,
            limits=Limits(answer_s=ANSWER_TIMEOUT_S),
        )

    def _source_ended(self, kind: str, problem: "MediaUnusable") -> None:
        joining = self._joining
        event = Event(joining.clock(), "media", f"{kind} source ended", str(problem), "bad")
        for log in joining.log.peers.values():
            log.events.append(event)
        joining.on_change()

    async def check(self) -> None:
        """Before joining: can what is to be sent be read? Raises MediaUnusable."""
        if self.sources is not None:
            await self.sources.check()

    async def _open_signaling(self, client_id: str) -> str:
        joining = self._joining
        endpoints = await joining.access.endpoints(joining.client, joining.arn, Role.VIEWER)
        self.session.reach("Channel endpoint", endpoints.wss)
        return await joining.client.signaling_url(joining.arn, Role.VIEWER, client_id)

    async def _ice_servers(self, client_id: str) -> tuple[IceServer, ...]:
        joining = self._joining
        servers = await joining.access.ice_servers(
            joining.client, joining.arn, Role.VIEWER, client_id
        )
        self.session.reach("ICE configuration", f"{sum(len(s.uris) for s in servers)} URIs")
        return joining.access.best_first(servers)

    async def keep_fresh(self) -> None:
        """So that a lost path is rebuilt with credentials that are good. Until cancelled."""
        joining, access = self._joining, self._joining.access
        if joining.options.policy is PathPolicy.HOST:
            return
        known: tuple[IceServer, ...] = ()
        while True:
            # Looked at often, on the wall's clock: the loop's stands still while a laptop sleeps.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._stale.wait()
            if self._stale.is_set():
                self._stale.clear()
                access.forget(joining.client, joining.arn)
            with contextlib.suppress(CloudError):
                servers = await access.ice_servers(joining.client, joining.arn, Role.VIEWER)
                if servers is not known:
                    known = servers
                    await access.probe(servers, joining.tls)


def is_transient(error: Exception) -> bool:
    """What may pass by itself: no network, too many requests, a fault of the service."""
    return isinstance(error, CloudError) and error.kind in _PASSING


def sources_of(
    joining: Joining, on_problem: "Callable[[str, MediaUnusable], None]"
) -> "MediaSources | None":
    """What the options say is sent; None where that is nothing. on_problem: one ended by itself."""
    options = joining.options
    if options.video is Source.NONE and options.audio is Source.NONE:
        return None
    from peerdeck.engine.media import MediaSources

    return MediaSources.of(options, joining.name, on_problem)
