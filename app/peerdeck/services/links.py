"""The local proxies of connected tunnels, with their tokens, ports and throughput."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peerdeck.core.errors import FieldError, UserError
from peerdeck.core.secret import Secret
from peerdeck.core.settings import Settings
from peerdeck.core.tunnel import LinkState, Mode, TokenState, Tunnel, TunnelLink, TunnelTokens
from peerdeck.core.web_proxy import WebProxy
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.journal import JournalService
from peerdeck.services.settings import SettingsService
from peerdeck.storage.secrets import SecretStore

if TYPE_CHECKING:
    from peerdeck.engine.tunnel import TunnelProxy

HISTORY_S = 300
TICK_S = 1.0
WARN_MIN = (10, 2)
_OVER = {LinkState.CLOSED, LinkState.FAILED}


@dataclass(frozen=True, slots=True)
class Link:
    """A proxy's snapshot and its throughput, bytes per second: now, and the last 5 minutes at 1 Hz.

    problem: why it is no longer there, where that was not our wish. connection_rates: (up, down) in
    bytes per second by the number of a connection. ends_in_min: 10 or 2 once the tunnel's end is
    that near, else 0.
    """

    link: TunnelLink
    rate_up: float = 0.0
    rate_down: float = 0.0
    history: tuple[tuple[float, float], ...] = ()
    problem: UserError | None = None
    connection_rates: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    ends_in_min: int = 0


@dataclass(slots=True)
class _Proxy:
    tunnel: Tunnel
    proxy: "TunnelProxy"
    totals: tuple[int, int] = (0, 0)
    rates: tuple[float, float] = (0.0, 0.0)
    history: list[tuple[float, float]] = field(default_factory=list)
    problem: UserError | None = None
    connections: dict[int, tuple[int, int]] = field(default_factory=dict)
    connection_rates: dict[int, tuple[float, float]] = field(default_factory=dict)
    ends_in_min: int = 0

    def measure(self) -> None:
        """Once every TICK_S."""
        link = self.proxy.snapshot()
        totals = (
            sum(s.bytes_up for s in link.services),
            sum(s.bytes_down for s in link.services),
        )
        self.rates = _rates(self.totals, totals)
        self.totals = totals
        self.history = [*self.history[1 - HISTORY_S :], self.rates]
        seen = {c.number: (c.bytes_up, c.bytes_down) for c in link.connections}
        self.connection_rates = {
            number: _rates(self.connections.get(number, (0, 0)), counted)
            for number, counted in seen.items()
        }
        self.connections = seen

    def shown(self) -> Link:
        return Link(
            self.proxy.snapshot(),
            *self.rates,
            tuple(self.history),
            self.problem,
            self.connection_rates,
            self.ends_in_min,
        )


def _rates(before: tuple[int, int], now: tuple[int, int]) -> tuple[float, float]:
    return ((now[0] - before[0]) / TICK_S, (now[1] - before[1]) / TICK_S)


def _port_key(tunnel: Tunnel, service: str) -> str:
    return f"{tunnel.thing}/{service}"


def suggested_ports(
    tunnel: Tunnel, remembered: Mapping[str, int], links: Mapping[str, Link]
) -> dict[str, int]:
    """The local port of last time by service; 0, any free one, where there was none, or where
    another tunnel of ours listens on it now. remembered: of the settings."""
    taken = {
        port.port
        for tunnel_id, link in links.items()
        if tunnel_id != tunnel.id and link.link.state not in _OVER
        for port in link.link.services
    }
    ports = {name: remembered.get(_port_key(tunnel, name), 0) for name in tunnel.services}
    return {name: 0 if port in taken else port for name, port in ports.items()}


class Links:
    """Owned by TunnelsService. One proxy per tunnel; a lost one stays visible until forgotten."""

    def __init__(
        self,
        secrets: SecretStore,
        settings: SettingsService,
        journal: JournalService,
        *,
        on_change: Callable[[Mapping[str, Link]], None],
        web_proxy_for: Callable[[str], WebProxy | None] = lambda _url: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = secrets
        self._settings = settings
        self._journal = journal
        self._on_change = on_change
        self._web_proxy_for = web_proxy_for
        self._clock = clock
        self._rotated: set[tuple[str, Mode]] = set()
        self._proxies: dict[str, _Proxy] = {}
        self._tasks = TaskSet("links")
        self._ticking: asyncio.Task[None] | None = None
        self._unsubscribe = settings.state.subscribe(self._settings_changed)

    def is_live(self, tunnel_id: str) -> bool:
        entry = self._proxies.get(tunnel_id)
        return entry is not None and entry.proxy.snapshot().state not in _OVER

    def ports(self, tunnel_id: str) -> dict[str, int]:
        """The local port of each service of a connected tunnel."""
        entry = self._proxies.get(tunnel_id)
        return {s.service: s.port for s in entry.proxy.snapshot().services} if entry else {}

    async def connect(
        self,
        tunnel: Tunnel,
        data_url: str,
        wanted: Mapping[str, int],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """tls: None for the system's authorities.

        Raises UserError: no token here, refused, port in use.
        """
        from peerdeck.engine.tunnel import TunnelError
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
            client_token = await self._secrets.get(f"{tunnel.id}/client-source")
            proxy = self._made(tunnel, data_url, token, client_token, wanted, tls)
            # An access token works again only together with the client token of its first use.
            await self._secrets.put(f"{tunnel.id}/client-source", proxy.client_token)
            self._rotated.discard((tunnel.id, Mode.SOURCE))
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
            proxy.hold(self._settings.state.value.hold_connections)
            services = proxy.snapshot().services
            result.text = ", ".join(f"{s.service} on {s.host}:{s.port}" for s in services)
        self._remember_ports(tunnel, proxy)
        self._tasks.start(f"watch {tunnel.id}", self._watch(self._proxies[tunnel.id]))
        if self._ticking is None or self._ticking.done():
            self._ticking = self._tasks.start("tick", self._tick())

    def _made(
        self,
        tunnel: Tunnel,
        data_url: str,
        token: Secret,
        client_token: Secret | None,
        wanted: Mapping[str, int],
        tls: ssl.SSLContext | None,
    ) -> "TunnelProxy":
        from peerdeck.engine.tunnel import TunnelProxy

        settings = self._settings.state.value
        try:
            web_proxy = self._web_proxy_for(data_url)
        except FieldError as error:
            raise UserError(
                "The web proxy that the environment names cannot be used.", str(error)
            ) from error
        return TunnelProxy(
            mode=Mode.SOURCE,
            url=data_url,
            access_token=token,
            client_token=client_token,
            listen=suggested_ports(tunnel, settings.ports, self._shown()) | dict(wanted),
            web_proxy=web_proxy,
            ssl_context=tls,
            on_change=self._publish,
        )

    def _remember_ports(self, tunnel: Tunnel, proxy: "TunnelProxy") -> None:
        if not tunnel.thing:
            return
        ports = dict(self._settings.state.value.ports)
        ports |= {_port_key(tunnel, s.service): s.port for s in proxy.snapshot().services}
        self._settings.change(ports=ports)

    async def _watch(self, entry: _Proxy) -> None:
        """Waits for an end that was not our wish, and says why."""
        from peerdeck.services.explain_tunnel import explain_tunnel

        tunnel = entry.tunnel
        await entry.proxy.wait_closed()
        if entry.proxy.failure is not None:
            entry.problem = explain_tunnel(entry.proxy.failure, tunnel.thing or tunnel.id)
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
                entry.measure()
                self._warn_of_end(entry)
            self._publish()

    def _warn_of_end(self, entry: _Proxy) -> None:
        """Once at each of WARN_MIN: rotation does not extend a lifetime, so people must know."""
        left_s = entry.tunnel.ends_at - self._clock()
        near = [minutes for minutes in WARN_MIN if 0 < left_s <= 60 * minutes]
        if not near or min(near) == entry.ends_in_min or entry.tunnel.lifetime_min <= min(near):
            return
        entry.ends_in_min = min(near)
        name = entry.tunnel.thing or entry.tunnel.id
        self._journal.record(
            "tunnel", f"The tunnel to {name} ends soon", ok=False, result=f"in {min(near)} minutes"
        )

    def _shown(self) -> dict[str, Link]:
        return {tunnel_id: entry.shown() for tunnel_id, entry in self._proxies.items()}

    def _publish(self) -> None:
        self._on_change(self._shown())

    async def disconnect(self, tunnel_id: str) -> None:
        entry = self._proxies.pop(tunnel_id, None)
        if entry is not None:
            await entry.proxy.aclose()
            self._publish()
            self._journal.record("tunnel", f"Disconnected {entry.tunnel.thing or tunnel_id}")

    async def token_state(self, tunnel_id: str, mode: Mode) -> TokenState | None:
        """None where this machine does not hold it. Only our own uses are known."""
        if await self._secrets.get(f"{tunnel_id}/{mode}") is None:
            return None
        if await self._secrets.get(f"{tunnel_id}/client-{mode}") is not None:
            return TokenState.USED
        return TokenState.ROTATED if (tunnel_id, mode) in self._rotated else TokenState.UNUSED

    async def keep(self, tunnel_id: str, tokens: TunnelTokens) -> None:
        """Puts the tokens that are there into the keyring, the only place they go to."""
        for mode, token in ((Mode.SOURCE, tokens.source), (Mode.DESTINATION, tokens.destination)):
            if token:
                await self._secrets.put(f"{tunnel_id}/{mode}", token)

    async def rotated(self, tunnel_id: str, modes: tuple[Mode, ...]) -> None:
        """A new access token asks for a new client token."""
        for mode in modes:
            self._rotated.add((tunnel_id, mode))
            await self._secrets.delete(f"{tunnel_id}/client-{mode}")

    async def forget(self, tunnel_id: str) -> None:
        """Takes everything secret of a closed tunnel out of the keyring."""
        for mode in Mode:
            self._rotated.discard((tunnel_id, mode))
            await self._secrets.delete(f"{tunnel_id}/{mode}")
            await self._secrets.delete(f"{tunnel_id}/client-{mode}")

    def _settings_changed(self, settings: Settings) -> None:
        for entry in self._proxies.values():
            entry.proxy.hold(settings.hold_connections)

    async def aclose(self) -> None:
        self._unsubscribe()
        proxies = [entry.proxy for entry in self._proxies.values()]
        self._proxies.clear()
        await self._tasks.aclose()
        await asyncio.gather(*(proxy.aclose() for proxy in proxies))
