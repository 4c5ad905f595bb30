"""The local cloud as one object: HTTP and signaling, TURN, tunnel relay; each with TLS beside."""

import asyncio
import functools
import logging
import secrets
import sqlite3
import ssl
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aiohttp import web

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.authority import Authority
from peerdeck.localcloud.channels import ChannelRegistry
from peerdeck.localcloud.faults import Faults, catalogue
from peerdeck.localcloud.faults.admin import FaultAdmin
from peerdeck.localcloud.front_door import FrontDoor
from peerdeck.localcloud.gateway import IDLE_S, Gateway
from peerdeck.localcloud.seed import Seed, plant
from peerdeck.localcloud.signaling import SignalingService
from peerdeck.localcloud.sigv4 import AccessKey
from peerdeck.localcloud.state import CloudState, TurnSet
from peerdeck.localcloud.store import Store
from peerdeck.localcloud.tunnels import TunnelRegistry

if TYPE_CHECKING:
    from peerdeck.localcloud.relay import TunnelRelay
    from peerdeck.localcloud.turn import TurnServer

CLOSE_S = 2.0
SWEEP_S = 0.5
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_log = logging.getLogger(__name__)
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair of the local cloud."""

    access_key: str
    secret_key: Secret


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports, turn UDP, too; 0 for any free one. Names with an s at their end have TLS."""

    http: int = 0
    https: int = 0
    relay: int = 0
    relays: int = 0
    turn: int = 0
    turns: int = 0
    turn2: int = 0
    turns2: int = 0


class LocalCloud:
    """`async with LocalCloud(seed=demo_seed()) as cloud:`; listens on `host` only.

    port: of HTTP and signaling, instead of `ports.http`. clock: POSIX seconds; what signatures,
    lifetimes and credentials are judged by. tls: the endpoints that it offers are https and wss;
    both kinds always listen. authority: made at start where there is none. store: an open one,
    which keeps channels, tunnels and keys; its owner closes it.
    After `start()`: `endpoints`, `ports`, `turn`, `relay`, `faults`.
    """

    def __init__(
        self,
        seed: Seed,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ports: Ports | None = None,
        clock: Callable[[], float] = time.time,
        tls: bool = False,
        authority: Authority | None = None,
        store: Store | None = None,
    ) -> None:
        self._seed = seed
        self._host = host
        self._asked_ports = ports or Ports(http=port)
        self._tls = tls
        self._store = store
        self.authority = authority
        saved = store.saved if store is not None else None
        account = saved.account if saved is not None else seed.account
        self.credentials = _credentials(seed)
        if saved is not None and not seed.access_key:
            self.credentials = Credentials(saved.access_key, saved.secret_key)
        self.device_credentials = _credentials(Seed())
        self.state = CloudState(
            account=account,
            clock=clock,
            channels=ChannelRegistry(account, clock=clock),
            tunnels=TunnelRegistry(account, clock=clock),
            keys={
                **seed.keys,
                self.credentials.access_key: AccessKey(self.credentials.secret_key),
                self.device_credentials.access_key: AccessKey(self.device_credentials.secret_key),
            },
            ice_ttl_s=seed.ice_ttl_s,
        )
        if saved is not None:
            saved.restore(self.state.channels, self.state.tunnels)
        self.live_channels = plant(seed, self.state, only_live=saved is not None)
        self.door = FrontDoor(self.state, exempt=frozenset({self.device_credentials.access_key}))
        self.admin = FaultAdmin()
        self.signaling = SignalingService(self.state)
        self.endpoints = Endpoints()
        self.ports = Ports()
        self._closers: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._turn: TurnServer | None = None
        self._relay: TunnelRelay | None = None
        self._faults: Faults | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        return self._seed.regions

    @property
    def things(self) -> tuple[str, ...]:
        """Names of the things that a demo starts devices for."""
        return tuple(thing.name for thing in self._seed.things)

    @property
    def turn(self) -> "TurnServer":
        """Raises RuntimeError before `start()`."""
        return _started(self._turn)

    @property
    def relay(self) -> "TunnelRelay":
        """Raises RuntimeError before `start()`."""
        return _started(self._relay)

    @property
    def faults(self) -> Faults:
        """What can go wrong on demand. Raises RuntimeError before `start()`."""
        return _started(self._faults)

    @property
    def admin_url(self) -> str:
        """Base of the faults' HTTP interface; who knows it may switch them."""
        return f"http://{self._host}:{self.ports.http}{self.admin.path}"

    async def start(self) -> None:
        """Idempotent; raises OSError where a port is taken, and is closed then."""
        if self._closers:
            return
        try:
            context = await asyncio.to_thread(self._server_context)
            turn, second = await self._start_turns(context)
            relay = await self._start_relay(context)
            http, https = await self._start_http(context)
            self._start_faults()
            self._start_sweep()
        except BaseException:
            await self.aclose()
            raise
        self.ports = Ports(
            http,
            https,
            relay.port,
            relay.tls_port,
            turn.port,
            turn.tls_port,
            second.port,
            second.tls_port,
        )
        self._offer((turn, second))
        _log.info("local cloud listens on %s", self.state.base_url)

    def _offer(self, turns: "tuple[TurnServer, ...]") -> None:
        """Fills in what clients are told."""
        host, ports = self._host, self.ports
        base_url = f"https://{host}:{ports.https}" if self._tls else f"http://{host}:{ports.http}"
        self.state.base_url = base_url
        self.state.turns = tuple(TurnSet(turn, self._turn_uris(turn)) for turn in turns)
        self.endpoints = Endpoints(
            kinesis_video=base_url,
            kinesis_video_signaling=base_url,
            iot_secure_tunneling=base_url,
            sts=base_url,
            tunnel_data=self.relay.tls_url if self._tls else self.relay.url,
            stun=f"stun:{host}:{ports.turn}",
        )

    def _turn_uris(self, turn: "TurnServer") -> tuple[str, ...]:
        host = self._host
        uris = [f"turn:{host}:{turn.port}?transport={name}" for name in ("udp", "tcp")]
        if self._tls:
            uris.append(f"turns:{host}:{turn.tls_port}?transport=tcp")
        return tuple(uris)

    def _server_context(self) -> ssl.SSLContext:
        """Blocks for some milliseconds."""
        if self.authority is None:
            self.authority = Authority.fresh()
        return self.authority.server_context(self._host)

    async def aclose(self) -> None:
        """Idempotent; at most CLOSE_S seconds, whatever the clients do."""
        closers, self._closers = self._closers, []
        loop = asyncio.get_running_loop()
        closing = [loop.create_task(close(), name="localcloud/close") for close in closers]
        if not closing:
            return
        done, late = await asyncio.wait(closing, timeout=CLOSE_S)
        for task in late:
            task.cancel()
        if late:
            _log.warning("the local cloud did not close within %s s", CLOSE_S)
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("a part of the local cloud did not close", exc_info=error)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _start_turns(self, context: ssl.SSLContext) -> "tuple[TurnServer, TurnServer]":
        """Two, as an ICE configuration of the service names two; they share what goes wrong."""
        from peerdeck.localcloud.turn import TurnServer
        from peerdeck.localcloud.turn.faults import TurnFaults

        asked, faults = self._asked_ports, TurnFaults()
        turn, second = (
            TurnServer(
                host=self._host,
                clock=self.state.clock,
                port=port,
                tls=context,
                tls_port=tls_port,
                faults=faults,
            )
            for port, tls_port in ((asked.turn, asked.turns), (asked.turn2, asked.turns2))
        )
        self._turn = turn
        for server in (turn, second):
            self._closers.append(server.aclose)
            await server.start()
        return turn, second

    async def _start_relay(self, context: ssl.SSLContext) -> "TunnelRelay":
        from peerdeck.localcloud.relay import TunnelRelay

        asked = self._asked_ports
        self._relay = relay = TunnelRelay(
            self.state.tunnels,
            host=self._host,
            port=asked.relay,
            tls=context,
            tls_port=asked.relays,
        )
        self._closers.append(relay.aclose)
        await relay.start()
        return relay

    async def _start_http(self, context: ssl.SSLContext) -> tuple[int, int]:
        """The ports without and with TLS."""
        application = Gateway(self.state, self.signaling.handle).application()
        application.middlewares.append(self.door.answer)
        self.admin.mount(application)
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.2, keepalive_timeout=IDLE_S
        )

        async def close() -> None:
            await self.signaling.aclose()
            await runner.cleanup()

        self._closers.append(close)
        await runner.setup()
        asked = self._asked_ports
        await web.TCPSite(runner, self._host, asked.http).start()
        await web.TCPSite(runner, self._host, asked.https, ssl_context=context).start()
        http, https = (address[1] for address in runner.addresses)
        return http, https

    def _start_faults(self) -> None:
        self._faults = faults = Faults(catalogue(self))
        self.admin.serve(faults)
        self._closers.append(faults.aclose)

    def _start_sweep(self) -> None:
        """Tunnels end at their time, not when somebody next asks for them; the store is kept."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._sweep(), name="localcloud/sweep")]
        if self._store is not None:
            tasks.append(loop.create_task(self._keep(self._store), name="localcloud/keep"))

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if self._store is not None:
                await asyncio.to_thread(self._writer(self._store))

        self._closers.append(stop)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.state.tunnels.expire()

    async def _keep(self, store: Store) -> None:
        """Writes changes down, with 2 % of the time at most: 10,000 channels take some 20 ms."""
        while True:
            began_at = time.monotonic()
            await asyncio.to_thread(self._writer(store))
            await asyncio.sleep(max(SWEEP_S, 50 * (time.monotonic() - began_at)))

    def _writer(self, store: Store) -> Callable[[], None]:
        """What a thread has to do. Each record is encoded in one step of the GIL."""
        keep = functools.partial(
            store.keep,
            account=self.state.account,
            access_key=self.credentials.access_key,
            secret_key=self.credentials.secret_key,
            channels=self.state.channels.records(),
            tunnels=self.state.tunnels.records(),
        )

        def write() -> None:
            try:
                keep()
            except sqlite3.Error:  # a full disk, for instance: the cloud goes on, and tries again
                _log.exception("the state could not be written")

        return write


def _started(part: _Part | None) -> _Part:
    if part is None:
        raise RuntimeError("the local cloud is not started")
    return part


def _credentials(seed: Seed) -> Credentials:
    access_key = seed.access_key or "AKIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return Credentials(access_key, seed.secret_key or Secret(secrets.token_urlsafe(30)))
