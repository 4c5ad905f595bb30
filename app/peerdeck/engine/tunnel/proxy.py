"""A local proxy: one tunnel, one mode, from start() to aclose()."""

import asyncio
import logging
import random
import secrets
import socket
import ssl
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping

from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import (
    ConnectionEvent,
    DeviceHint,
    LinkEvent,
    LinkState,
    Mode,
    Target,
    TunnelLink,
)
from peerdeck.core.web_proxy import WebProxy
from peerdeck.engine.tasks import TaskSet
from peerdeck.engine.tunnel.adoption import ports_for, targets_for
from peerdeck.engine.tunnel.errors import (
    TunnelError,
    TunnelTakenOver,
    TunnelUnreachable,
    UnusableServices,
)
from peerdeck.engine.tunnel.ledger import Ledger, service_rows
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.link import Link, open_link
from peerdeck.engine.tunnel.ports import Ports
from peerdeck.engine.tunnel.silence import Silence, VersionTrial
from peerdeck.engine.tunnel.sockets import attach
from peerdeck.engine.tunnel.switchboard import Switchboard
from peerdeck.protocol.frames import MAX_STREAM_ID
from peerdeck.protocol.tunnel import DestinationTunnel, SourceTunnel
from peerdeck.protocol.tunnel_events import Version

_log = logging.getLogger(__name__)
_LOCAL = "127.0.0.1"
_MOST_HISTORY = 50
_STEADY_S = 10.0  # a link that lived this long lets the backoff start from its beginning


class TunnelProxy:
    """Local proxy of one side of a tunnel.

    listen: source; port by service, 0 or a missing service for a free port, "" for a bare port.
    open_ports: False listens nowhere, `attach()` brings the clients. targets: destination; by
    service. spare_ports, spare_targets: for services that those do not name; may name others.
    bind: our address, to listen on (else 127.0.0.1) or to dial targets from. client_token: lets the
    same access token connect again; made here unless given, and as secret as the access token.
    on_change is called when the state of the link changes, on_connection when a connection opens or
    ends; counters are read from `snapshot()` at the reader's own pace. clock: POSIX seconds.
    ssl_context: for wss, instead of the system's authorities.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        url: str,
        access_token: Secret,
        client_token: Secret | None = None,
        listen: Mapping[str, int] | None = None,
        spare_ports: Mapping[str, int] | None = None,
        open_ports: bool = True,
        targets: Mapping[str, Target] | None = None,
        spare_targets: Mapping[str, Target] | None = None,
        bind: str = "",
        web_proxy: WebProxy | None = None,
        version: Version = Version.V3,
        ssl_context: ssl.SSLContext | None = None,
        on_change: Callable[[], None] = lambda: None,
        on_connection: Callable[[ConnectionEvent], None] | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> None:
        self.client_token = client_token or Secret(str(uuid.uuid4()))
        self.failure: TunnelError | None = None
        self._mode = mode
        self._url = url
        self._access_token = access_token
        self._listen, self._spare_ports = dict(listen or {}), spare_ports or {}
        self._open_ports = open_ports
        self._targets, self._spare_targets = dict(targets or {}), spare_targets or {}
        self._web_proxy = web_proxy
        self._ledger = Ledger(clock, on_connection)
        self._history: deque[LinkEvent] = deque(maxlen=_MOST_HISTORY)
        self._bind = bind
        self._trial = VersionTrial(version, on_change)
        self._ssl_context = ssl_context
        self._on_change = on_change
        self._clock, self._jitter = clock, jitter
        self._limits = limits
        self._state = LinkState.IDLE
        self._closing = False
        self._reason = ""
        self._channel_id = ""
        self._reconnects = 0
        self._services: tuple[str, ...] = ()
        self._link: Link | None = None
        self._board: Switchboard | None = None
        self._ports = Ports(limits)
        self._tasks = TaskSet(f"tunnel {mode.value}")
        self._announced: asyncio.Future[tuple[str, ...]] | None = None
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Returns when local programs can use the tunnel.

        Raises TunnelRefused, TunnelUnreachable, UnusableServices or PortInUse, and is closed then;
        TunnelError where aclose() came in between. May be called once.
        """
        if self._state is not LinkState.IDLE:
            raise RuntimeError("a proxy is started once")
        silence = Silence(
            self._limits,
            on_silent=lambda: self._trial.silent(len(self._services)),
            on_unheard=self._unheard,
            on_heard=self._heard,
        )
        self._board = Switchboard(
            self._machine(), self._limits, self._tasks, self._announce, self._ledger, silence
        )
        if self._mode is Mode.DESTINATION:
            self._board.dialer.bind = self._bind
        self._set(LinkState.CONNECTING)
        starting = self._tasks.start("start", self._start(self._board))
        try:
            await starting
        except asyncio.CancelledError:
            if self._closing:
                raise TunnelError("the proxy was closed before it was connected") from None
            await self.aclose()
            raise
        if self.failure is not None:
            raise self.failure

    async def _start(self, board: Switchboard) -> None:
        try:
            link = await self._connect(board)
            if self._mode is Mode.SOURCE and self._open_ports:
                await self._ports.open(self._listen, self._bind or _LOCAL, board.accept)
        except TunnelError as error:
            await self._fail(error)
            return
        board.services_ready()
        self._set(LinkState.READY)
        self._tasks.start("link", self._keep_connected(board, link))

    async def wait_closed(self) -> None:
        """Returns when the proxy has ended for good; `failure` tells whether by itself."""
        await self._ended.wait()

    async def aclose(self) -> None:
        """Ends connections, listeners and link; idempotent, within a second."""
        self._closing = True
        if self._state not in {LinkState.CLOSED, LinkState.FAILED}:
            self._set(LinkState.CLOSED)
        await self._release()

    async def attach(self, client: socket.socket, service: str = "") -> None:
        """Source: `client` is a connection of `service`, "" of the tunnel's only one.

        client: a connected, non-blocking stream socket, which is the proxy's from now on. To be
        called once started. Raises UnusableServices.
        """
        if self._board is None or self._mode is not Mode.SOURCE:
            raise RuntimeError("only a started source has clients")
        names = [name for name in self._services if service in {name, ""}]
        if len(names) != 1:
            offered = ", ".join(self._services)
            raise UnusableServices(f"one of the tunnel's services must be named: {offered}")
        await attach(client, self._board.accept(names[0]))

    def hold(self, on: bool) -> None:
        """Whether clients that come while the link is down wait for it. Of a started proxy."""
        if self._board is not None:
            self._board.hold(on)

    def snapshot(self) -> TunnelLink:
        traffic = self._board.traffic if self._board is not None else {}
        return TunnelLink(
            state=self._state,
            services=service_rows(
                self._services, traffic, self._bind or _LOCAL, self._ports.numbers
            ),
            channel_id=self._channel_id,
            reason=self._reason,
            reconnects=self._reconnects,
            connections=self._ledger.rows(),
            history=tuple(self._history),
            hint=self._trial.shown(self._board.machine) if self._board else DeviceHint.NONE,
        )

    # Connecting

    def _machine(self) -> SourceTunnel | DestinationTunnel:
        source = self._mode is Mode.SOURCE
        names = self._services or tuple(self._listen if source else self._targets)
        unnamed = names[0] if len(names) == 1 else ""
        if not source:
            return DestinationTunnel(version=self._trial.version, unnamed=unnamed)
        first = 1 + secrets.randbelow(MAX_STREAM_ID)
        return SourceTunnel(first, version=self._trial.version, unnamed=unnamed)

    def _unheard(self) -> None:
        tried = self._trial.version
        if self._trial.unheard(len(self._services)) and self._link is not None:
            self._link.fail(f"the device does not answer in version {tried.value}")

    def _heard(self) -> None:
        if self._board is not None:
            self._trial.heard(self._board.machine)

    async def _connect(self, board: Switchboard) -> Link:
        """Opens a link and waits for its services. Raises TunnelError."""
        loop = asyncio.get_running_loop()
        self._announced = loop.create_future()
        link = await open_link(
            board,
            url=self._url,
            mode=self._mode,
            access_token=self._access_token,
            client_token=self.client_token,
            version=self._trial.version,
            ssl_context=self._ssl_context,
            web_proxy=self._web_proxy,
            limits=self._limits,
            clock=self._clock,
        )
        self._link, self._channel_id = link, link.channel_id
        closed = self._tasks.start("handshake", link.closed())
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await asyncio.wait({self._announced, closed}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            link.drop("no services")
            raise TunnelUnreachable("the service did not name the tunnel's services") from None
        finally:
            closed.cancel()
        if not self._announced.done():
            raise TunnelUnreachable(closed.result())
        self._adopt(self._announced.result(), board)
        return link

    def _announce(self, services: tuple[str, ...]) -> None:
        if self._announced is not None and not self._announced.done():
            self._announced.set_result(services)

    def _adopt(self, services: tuple[str, ...], board: Switchboard) -> None:
        """The tunnel's services are the truth; raises UnusableServices where ours differ."""
        if self._services and services != self._services:
            raise UnusableServices(
                f"the tunnel's services changed from {', '.join(self._services)} "
                f"to {', '.join(services)}"
            )
        if self._mode is Mode.SOURCE:
            self._listen = ports_for(services, self._listen, self._spare_ports)
        else:
            board.dialer.targets = targets_for(services, self._targets, self._spare_targets)
        self._services = services

    # Staying connected

    async def _keep_connected(self, board: Switchboard, link: Link | None) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while link is not None:
            began = loop.time()
            reason = await link.closed()
            board.link_lost()
            if board.machine.version is not self._trial.version:
                board.machine = self._machine()
            if link.is_taken_over:
                await self._fail(TunnelTakenOver(reason))
                return
            attempt = 0 if loop.time() - began >= _STEADY_S else attempt
            _log.info("tunnel link lost: %s", reason)
            self._set(LinkState.RECONNECTING, reason)
            link, attempt = await self._reconnect(board, attempt)

    async def _reconnect(self, board: Switchboard, attempt: int) -> tuple[Link | None, int]:
        """Tries until it works or the service says no; None means that it is over."""
        failed = 0
        while True:
            limit = min(self._limits.backoff_cap_s, self._limits.backoff_base_s * 2**attempt)
            attempt = min(attempt + 1, 16)
            await asyncio.sleep(self._jitter() * limit)  # full jitter
            try:
                link = await self._connect(board)
            except TunnelError as error:
                await self._lose(board)
                if self._trial.give_up():
                    board.machine = self._machine()
                    continue
                if not isinstance(error, TunnelUnreachable):
                    await self._fail(error)
                    return None, attempt
                failed += 1
                if failed == self._limits.attempts:
                    await self._fail(error)
                    return None, attempt
                self._set(LinkState.RECONNECTING, str(error))
                continue
            self._reconnects += 1
            board.services_ready()
            self._set(LinkState.READY)
            return link, attempt

    async def _lose(self, board: Switchboard) -> None:
        """Clears up after an attempt that failed half-way."""
        if self._link is not None:
            self._link.drop("gave up")
            await self._link.closed()
            self._link = None
        board.link_lost()

    # The end

    async def _fail(self, error: TunnelError) -> None:
        self.failure = error
        self._channel_id = getattr(error, "channel_id", "") or self._channel_id
        self._set(LinkState.FAILED, str(error))
        await self._release()

    async def _release(self) -> None:
        self._ports.close()
        board, link = self._board, self._link
        if board is not None:
            board.hang_up()
        await self._tasks.aclose()
        if link is not None:
            await link.aclose()
        if board is not None:
            board.link_lost()
            await board.emptied()
        self._ended.set()

    def _set(self, state: LinkState, reason: str = "") -> None:
        self._state, self._reason = state, reason
        self._history.append(LinkEvent(self._clock(), state, reason))
        self._on_change()
