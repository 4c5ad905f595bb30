"""The local proxies of connected tunnels, with their tokens, ports and throughput."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peerdeck.core.errors import UserError
from peerdeck.core.tunnel import LinkState, Mode, Tunnel, TunnelLink, TunnelTokens
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.journal import JournalService
from peerdeck.services.settings import SettingsService
from peerdeck.storage.secrets import SecretStore

if TYPE_CHECKING:
    from peerdeck.engine.tunnel import TunnelProxy

HISTORY_S = 300
TICK_S = 1.0
_OVER = {LinkState.CLOSED, LinkState.FAILED}


@dataclass(frozen=True, slots=True)
class Link:
    """A proxy's snapshot and its throughput, bytes per second: now, and the last 5 minutes at 1 Hz.

    problem: why it is no longer there, where that was not our wish.
    """

    link: TunnelLink
    rate_up: float = 0.0
    rate_down: float = 0.0
    history: tuple[tuple[float, float], ...] = ()
    problem: UserError | None = None


@dataclass(slots=True)
class _Proxy:
    tunnel: Tunnel
    proxy: "TunnelProxy"
    totals: tuple[int, int] = (0, 0)
    rates: tuple[float, float] = (0.0, 0.0)
    history: list[tuple[float, float]] = field(default_factory=list)
    problem: UserError | None = None


def _port_key(tunnel: Tunnel, service: str) -> str:
    return f"{tunnel.thing}/{service}"


class Links:
    """Owned by TunnelsService. One proxy per tunnel; a lost one stays visible until forgotten."""

    def __init__(
        self,
        secrets: SecretStore,
        settings: SettingsService,
        journal: JournalService,
        *,
        on_change: Callable[[Mapping[str, Link]], None],
    ) -> None:
        self._secrets = secrets
        self._settings = settings
        self._journal = journal
        self._on_change = on_change
        self._proxies: dict[str, _Proxy] = {}
        self._tasks = TaskSet("links")
        self._ticking: asyncio.Task[None] | None = None

    def is_live(self, tunnel_id: str) -> bool:
        entry = self._proxies.get(tunnel_id)
        return entry is not None and entry.proxy.snapshot().state not in _OVER

    def ports(self, tunnel_id: str) -> dict[str, int]:
        """The local port of each service of a connected tunnel."""
        entry = self._proxies.get(tunnel_id)
        return {s.service: s.port for s in entry.proxy.snapshot().services} if entry else {}

    async def connect(self, tunnel: Tunnel, data_url: str, wanted: Mapping[str, int]) -> None:
        """Raises UserError: no token here, refused, port in use."""
        from peerdeck.engine.tunnel import TunnelError, TunnelProxy
        from peerdeck.services.explain_tunnel import explain_tunnel

        if self.is_live(tunnel.id):
            return
        with self._journal.timed("tunnel", f"Connect to {tunnel.thing or tunnel.id}") as result:
            token = await self._secrets.get(f"{tunnel.id}/source")
            if token is None:
                raise UserError(
                    "The source access token of this tunnel is not on this machine.",
                    "Rotate the tokens: the new ones are kept here, and the old ones end.",
                )
            remembered = self._settings.state.value.ports
            listen = {
                service: wanted.get(service, remembered.get(_port_key(tunnel, service), 0))
                for service in tunnel.services
            }
            proxy = TunnelProxy(
                mode=Mode.SOURCE,
                url=data_url,
                access_token=token,
                client_token=await self._secrets.get(f"{tunnel.id}/client-source"),
                listen=listen,
                targets=None,
                on_change=self._publish,
            )
            # An access token works again only together with the client token of its first use.
            await self._secrets.put(f"{tunnel.id}/client-source", proxy.client_token)
            self._proxies[tunnel.id] = _Proxy(tunnel, proxy)
            try:
                await proxy.start()
            except BaseException as error:
                del self._proxies[tunnel.id]
                await proxy.aclose()
                self._publish()
                if isinstance(error, TunnelError):
                    raise explain_tunnel(error, tunnel.thing or tunnel.id) from error
                raise
            services = proxy.snapshot().services
            result.text = ", ".join(f"{s.service} on {s.host}:{s.port}" for s in services)
        self._remember_ports(tunnel, proxy)
        self._tasks.start(f"watch {tunnel.id}", self._watch(self._proxies[tunnel.id]))
        if self._ticking is None or self._ticking.done():
            self._ticking = self._tasks.start("tick", self._tick())

    def _remember_ports(self, tunnel: Tunnel, proxy: "TunnelProxy") -> None:
        if not tunnel.thing:
            return
        ports = dict(self._settings.state.value.ports)
        ports |= {_port_key(tunnel, s.service): s.port for s in proxy.snapshot().services}
        self._settings.change(ports=ports)

    async def _watch(self, entry: _Proxy) -> None:
        """Waits for an end that was not our wish, and says why."""
        from peerdeck.engine.tunnel import TunnelError
        from peerdeck.services.explain_tunnel import explain_tunnel

        tunnel = entry.tunnel
        try:
            await entry.proxy.wait_closed()
        except TunnelError as error:
            entry.problem = explain_tunnel(error, tunnel.thing or tunnel.id)
        if self._proxies.get(tunnel.id) is entry:
            reason = entry.problem.title if entry.problem else entry.proxy.snapshot().reason
            self._journal.record(
                "tunnel", f"Lost the tunnel to {tunnel.thing or tunnel.id}", ok=False, result=reason
            )
            await entry.proxy.aclose()
            self._publish()

    async def _tick(self) -> None:
        while any(self.is_live(tunnel_id) for tunnel_id in self._proxies):
            await asyncio.sleep(TICK_S)
            for entry in self._proxies.values():
                services = entry.proxy.snapshot().services
                totals = (sum(s.bytes_up for s in services), sum(s.bytes_down for s in services))
                up, down = ((b - a) / TICK_S for a, b in zip(entry.totals, totals, strict=True))
                entry.totals, entry.rates = totals, (up, down)
                entry.history = [*entry.history[1 - HISTORY_S :], entry.rates]
            self._publish()

    def _publish(self) -> None:
        self._on_change(
            {
                tunnel_id: Link(e.proxy.snapshot(), *e.rates, tuple(e.history), e.problem)
                for tunnel_id, e in self._proxies.items()
            }
        )

    async def disconnect(self, tunnel_id: str) -> None:
        entry = self._proxies.pop(tunnel_id, None)
        if entry is not None:
            await entry.proxy.aclose()
            self._publish()
            self._journal.record("tunnel", f"Disconnected {entry.tunnel.thing or tunnel_id}")

    async def has_token(self, tunnel_id: str, mode: Mode) -> bool:
        return await self._secrets.get(f"{tunnel_id}/{mode}") is not None

    async def keep(self, tunnel_id: str, tokens: TunnelTokens) -> None:
        """Puts the tokens that are there into the keyring, the only place they go to."""
        for mode, token in ((Mode.SOURCE, tokens.source), (Mode.DESTINATION, tokens.destination)):
            if token:
                await self._secrets.put(f"{tunnel_id}/{mode}", token)

    async def forget_client_token(self, tunnel_id: str, modes: tuple[Mode, ...]) -> None:
        """A new access token asks for a new client token."""
        for mode in modes:
            await self._secrets.delete(f"{tunnel_id}/client-{mode}")

    async def forget(self, tunnel_id: str) -> None:
        """Takes everything secret of a closed tunnel out of the keyring."""
        for mode in Mode:
            await self._secrets.delete(f"{tunnel_id}/{mode}")
            await self._secrets.delete(f"{tunnel_id}/client-{mode}")

    async def aclose(self) -> None:
        proxies = [entry.proxy for entry in self._proxies.values()]
        self._proxies.clear()
        await self._tasks.aclose()
        await asyncio.gather(*(proxy.aclose() for proxy in proxies))
