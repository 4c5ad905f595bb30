"""The local cloud as one object: HTTP and signaling on one port; TURN and tunnel relay beside."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from peerdeck.core.endpoints import Endpoints
from peerdeck.core.secret import Secret
from peerdeck.localcloud.channels import ChannelRegistry
from peerdeck.localcloud.gateway import Gateway
from peerdeck.localcloud.seed import Seed
from peerdeck.localcloud.signaling import SignalingService
from peerdeck.localcloud.sigv4 import AccessKey
from peerdeck.localcloud.state import CloudState
from peerdeck.localcloud.tunnels import TunnelRegistry

if TYPE_CHECKING:
    from peerdeck.localcloud.relay import TunnelRelay
    from peerdeck.localcloud.turn import TurnServer

CLOSE_S = 2.0
SWEEP_S = 0.5
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key pair of the local cloud's user."""

    access_key: str
    secret_key: Secret


class LocalCloud:
    """`async with LocalCloud(seed=demo_seed()) as cloud:`; listens on `host` only.

    port: of HTTP and signaling, 0 for any. clock: POSIX seconds; what signatures, lifetimes and
    credentials are judged by. After `start()`: `endpoints`, `turn`, `relay`.
    """

    def __init__(
        self,
        seed: Seed,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._seed = seed
        self._host = host
        self._port = port
        self.credentials = _credentials(seed)
        key = AccessKey(self.credentials.secret_key)
        self.state = CloudState(
            account=seed.account,
            clock=clock,
            channels=ChannelRegistry(seed.account, clock=clock),
            tunnels=TunnelRegistry(seed.account, clock=clock),
            keys={**seed.keys, self.credentials.access_key: key},
            ice_ttl_s=seed.ice_ttl_s,
        )
        self.live_channels = _plant(seed, self.state)
        self.signaling = SignalingService(self.state)
        self.endpoints = Endpoints()
        self._closers: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._turn: TurnServer | None = None
        self._relay: TunnelRelay | None = None

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
        if self._turn is None:
            raise RuntimeError("the local cloud is not started")
        return self._turn

    @property
    def relay(self) -> "TunnelRelay":
        """Raises RuntimeError before `start()`."""
        if self._relay is None:
            raise RuntimeError("the local cloud is not started")
        return self._relay

    async def start(self) -> None:
        """Idempotent; raises OSError where the port is taken, and is closed then."""
        if self._closers:
            return
        try:
            turn_port = await self._start_turn()
            relay_port = await self._start_relay()
            http_port = await self._start_http()
            self._start_sweep()
        except BaseException:
            await self.aclose()
            raise
        base_url = f"http://{self._host}:{http_port}"
        self.state.base_url = base_url
        self.state.turn_uris = tuple(
            f"turn:{self._host}:{turn_port}?transport={transport}" for transport in ("udp", "tcp")
        )
        self.endpoints = Endpoints(
            kinesis_video=base_url,
            kinesis_video_signaling=base_url,
            iot_secure_tunneling=base_url,
            sts=base_url,
            tunnel_data=f"ws://{self._host}:{relay_port}",
            stun=f"stun:{self._host}:{turn_port}",
        )
        _log.info("local cloud listens on %s", base_url)

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

    async def _start_turn(self) -> int:
        from peerdeck.localcloud.turn import TurnServer

        self._turn = turn = TurnServer(host=self._host, clock=self.state.clock)
        self._closers.append(turn.aclose)
        await turn.start()
        self.state.turn = turn
        return turn.port

    async def _start_relay(self) -> int:
        from peerdeck.localcloud.relay import TunnelRelay

        self._relay = relay = TunnelRelay(self.state.tunnels, host=self._host)
        self._closers.append(relay.aclose)
        await relay.start()
        return relay.port

    async def _start_http(self) -> int:
        application = Gateway(self.state, self.signaling.handle).application()
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)

        async def close() -> None:
            await self.signaling.aclose()
            await runner.cleanup()

        self._closers.append(close)
        await runner.setup()
        await web.TCPSite(runner, self._host, self._port).start()
        port: int = runner.addresses[0][1]
        return port

    def _start_sweep(self) -> None:
        """Tunnels end at their time, not when somebody next asks for them."""
        task = asyncio.get_running_loop().create_task(self._sweep(), name="localcloud/sweep")

        async def stop() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._closers.append(stop)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.state.tunnels.expire()


def _credentials(seed: Seed) -> Credentials:
    access_key = seed.access_key or "AKIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return Credentials(access_key, seed.secret_key or Secret(secrets.token_urlsafe(30)))


def _plant(seed: Seed, state: CloudState) -> tuple[tuple[str, str], ...]:
    """Creates what the seed names; returns region and ARN of the live channels."""
    live = []
    for sown in seed.channels:
        channel = state.channels.create(
            sown.region,
            sown.name,
            kind=sown.kind,
            ttl_s=sown.ttl_s,
            status=sown.status,
            age_s=sown.age_s,
        )
        if sown.live:
            live.append((sown.region, channel.arn))
    for tunnel in seed.tunnels:
        record, _, _ = state.tunnels.open(
            tunnel.region,
            thing=tunnel.thing,
            services=tunnel.services,
            description=tunnel.description,
            tags=tunnel.tags,
            lifetime_min=tunnel.lifetime_min,
            announce=False,
            age_s=tunnel.age_s,
        )
        if tunnel.closed:
            state.tunnels.close(tunnel.region, record.id)
    return tuple(live)
