"""Tunnels: listed, opened, connected through a local proxy inside the app, rotated, closed."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from peerdeck.core.errors import UserError
from peerdeck.core.observable import Observable
from peerdeck.core.tunnel import Mode, TokenState, Tunnel, TunnelRequest, TunnelTokens
from peerdeck.core.web_proxy import WebProxy
from peerdeck.engine.tasks import TaskSet
from peerdeck.services.account import AccountService, AccountState
from peerdeck.services.explain import explained
from peerdeck.services.journal import JournalService
from peerdeck.services.links import Link, Links
from peerdeck.services.settings import SettingsService
from peerdeck.services.status import Status
from peerdeck.storage.secrets import SecretStore

POLL_S = 15.0
DESCRIBE_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class TunnelsState:
    """links: by tunnel id, only those that were connected here. warning: where secrets are kept
    in memory only, what that means; "" where the keyring holds them."""

    status: Status = Status.IDLE
    tunnels: tuple[Tunnel, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
    loaded_at: float = 0.0
    problem: UserError | None = None
    secrets_where: str = "keyring"
    warning: str = ""

    def by_id(self, tunnel_id: str) -> Tunnel | None:
        return next((tunnel for tunnel in self.tunnels if tunnel.id == tunnel_id), None)


class TunnelsService:
    """Follows the account; local proxies go on when the user looks at another region."""

    def __init__(
        self,
        account: AccountService,
        secrets: SecretStore,
        settings: SettingsService,
        journal: JournalService,
        *,
        web_proxy_for: Callable[[str], WebProxy | None] = lambda _url: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._secrets = secrets
        self._journal = journal
        self._clock = clock
        self._tasks = TaskSet("tunnels")
        self._loading: asyncio.Task[None] | None = None
        self._polling: asyncio.Task[None] | None = None
        self._place: tuple[object, ...] = ()
        self._closed: dict[str, Tunnel] = {}
        self.state = Observable(TunnelsState())
        self._links = Links(
            secrets,
            settings,
            journal,
            on_change=self._links_changed,
            web_proxy_for=web_proxy_for,
            clock=clock,
        )
        self._unsubscribe = account.state.subscribe(self._account_changed)

    def _account_changed(self, account: AccountState) -> None:
        if account.place == self._place:
            return
        self._place = account.place
        self._closed.clear()
        for task in (self._loading, self._polling):
            if task is not None:
                task.cancel()
        self._loading = None  # it is still ending; nobody may wait for it in place of a new one
        status = Status.FAILED if account.problem else Status.IDLE
        self._publish(status=status, tunnels=(), loaded_at=0.0, problem=account.problem)
        if account.usable:
            self._polling = self._tasks.start("poll", self._poll())

    async def _poll(self) -> None:
        """Nothing tells us of a tunnel's end or of a device's coming: ask, while any is open."""
        await self.refresh()
        while True:
            await asyncio.sleep(POLL_S)
            if any(tunnel.status == "OPEN" for tunnel in self.state.value.tunnels):
                await self.refresh()

    async def refresh(self) -> None:
        """Loads list and descriptions anew; failures stand in the state."""
        if not self._account.state.value.usable:
            await self._account.retry()
            return
        if self._loading is None or self._loading.done():
            self._loading = self._tasks.start("load", self._load())
        await asyncio.wait([self._loading])

    async def _load(self) -> None:
        if not self.state.value.loaded_at:
            self._publish(status=Status.LOADING)
        try:
            with explained("list the tunnels"):
                tunnels = await self._described()
        except UserError as error:
            if error != self.state.value.problem:
                self._journal.record("tunnel", "List tunnels", ok=False, result=error.title)
            self._publish(status=Status.FAILED, problem=error)
            return
        tunnels.sort(key=lambda tunnel: (tunnel.status != "OPEN", -tunnel.created_at))
        self._publish(
            status=Status.READY, tunnels=tuple(tunnels), loaded_at=self._clock(), problem=None
        )

    async def _described(self) -> list[Tunnel]:
        client = self._account.tunneling()
        listed = [tunnel async for page in client.list_tunnels() for tunnel in page]
        gate = asyncio.Semaphore(DESCRIBE_AT_ONCE)

        async def describe(tunnel: Tunnel) -> Tunnel:
            if tunnel.id in self._closed:
                return self._closed[tunnel.id]
            async with gate:
                described = await client.describe(tunnel.id)
            if described.status != "OPEN":
                self._closed[tunnel.id] = described  # a closed tunnel changes no more
            return described

        return list(await asyncio.gather(*(describe(tunnel) for tunnel in listed)))

    async def open(self, request: TunnelRequest) -> str:
        """Opens a tunnel, keeps its tokens in the keyring, returns its id.

        Raises FieldError before asking, UserError when refused.
        """
        request.check()
        what = f"Open tunnel to {request.thing}" if request.thing else "Open tunnel"
        with self._journal.timed("tunnel", what) as result, explained("open the tunnel"):
            tunnel, tokens = await self._account.tunneling().open(request)
            await self._keep(tunnel.id, tokens)
            result.text = tunnel.id
        await self.refresh()
        return tunnel.id

    async def connect(self, tunnel_id: str, ports: Mapping[str, int] | None = None) -> None:
        """Starts the source proxy: one local port per service.

        ports: wanted local port by service; without one, the port of last time, else a free one.
        """
        tunnel = self._tunnel(tunnel_id)
        data_url = self._account.tunneling().data_url
        await self._links.connect(tunnel, data_url, ports or {}, await self._account.trust())
        await self.refresh()

    async def disconnect(self, tunnel_id: str) -> None:
        """Stops the source proxy; the tunnel stays open."""
        await self._links.disconnect(tunnel_id)
        await self.refresh()

    async def rotate(self, tunnel_id: str, modes: tuple[Mode, ...]) -> None:
        """Replaces access tokens. AWS ends the connections of the old ones; ours is made anew."""
        tunnel = self._tunnel(tunnel_id)
        was_connected = self._links.is_live(tunnel_id) and Mode.SOURCE in modes
        with (
            self._journal.timed(
                "tunnel", f"Rotate tokens of {tunnel.thing or tunnel.id}"
            ) as result,
            explained("rotate the access tokens"),
        ):
            client = self._account.tunneling()
            tokens = await client.rotate(tunnel, modes)
            await self._links.rotated(tunnel_id, modes)
            await self._keep(tunnel_id, tokens)
            result.text = " and ".join(modes)
        if was_connected:
            ports = self._links.ports(tunnel_id)
            await self._links.disconnect(tunnel_id)
            tls = await self._account.trust()
            await self._links.connect(tunnel, client.data_url, ports, tls)
        await self.refresh()

    async def close(self, tunnel_id: str, *, delete: bool) -> None:
        """Closes a tunnel (delete: and takes it off the list); its tokens leave the keyring."""
        tunnel = self._tunnel(tunnel_id)
        await self._links.disconnect(tunnel_id)
        verb = "Delete" if delete else "Close"
        with (
            self._journal.timed("tunnel", f"{verb} tunnel {tunnel.thing or tunnel.id}"),
            explained(f"{verb.lower()} the tunnel"),
        ):
            await self._account.tunneling().close(tunnel_id, delete=delete)
        await self._links.forget(tunnel_id)
        self._closed.pop(tunnel_id, None)
        await self.refresh()

    async def token_state(self, tunnel_id: str, mode: Mode) -> TokenState | None:
        """None where this machine does not hold it. A device that is connected has used its own."""
        state = await self._links.token_state(tunnel_id, mode)
        tunnel = self.state.value.by_id(tunnel_id)
        if state and mode is Mode.DESTINATION and tunnel and tunnel.destination_connected:
            return TokenState.USED
        return state

    async def _keep(self, tunnel_id: str, tokens: TunnelTokens) -> None:
        await self._links.keep(tunnel_id, tokens)
        self._publish(secrets_where=self._secrets.where, warning=self._secrets.warning)

    def _tunnel(self, tunnel_id: str) -> Tunnel:
        tunnel = self.state.value.by_id(tunnel_id)
        if tunnel is None:
            raise UserError(f"There is no tunnel {tunnel_id} here.", "Refresh the list.")
        return tunnel

    def _links_changed(self, links: Mapping[str, Link]) -> None:
        self._publish(links=links)

    def _publish(self, **fields: object) -> None:
        self.state.publish(replace(self.state.value, **fields))  # type: ignore[arg-type]

    async def aclose(self) -> None:
        self._unsubscribe()
        await self._tasks.aclose()
        await self._links.aclose()
