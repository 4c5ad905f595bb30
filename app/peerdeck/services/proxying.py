"""A local proxy of its own, without a window: what `peerdeck proxy` runs."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from peerdeck.core.errors import UserError
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import ConnectionEvent, LinkState, Mode, Target, TunnelLink
from peerdeck.core.web_proxy import WebProxy
from peerdeck.storage.secrets import SecretStore

if TYPE_CHECKING:
    from peerdeck.engine.tunnel import Limits, TunnelError, TunnelProxy

Told = TunnelLink | ConnectionEvent


class Failure(StrEnum):
    """What kind of end it was; scripts tell them apart by the exit status."""

    FAILED = "failed"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    PORT = "port"
    BROKEN = "broken"


class ProxyFailed(UserError):
    """The proxy ended, or never began, against the user's wish."""

    def __init__(self, failure: Failure, said: UserError) -> None:
        super().__init__(said.title, said.remedy, detail=said.detail)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and counts that differ from the engine's own, None where they do not.

    attempts: to connect in a row, None without end. local_attempts, local_delay_s: to reach a
    target that refuses, or to open a port that is taken. hold: whether connections that come while
    the link is down wait for it or are refused.
    """

    attempts: int | None = None
    retry_s: float | None = None
    ping_s: float | None = None
    local_attempts: int | None = None
    local_delay_s: float | None = None
    hold: bool = True


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """url: `ws[s]://host[:port]`. version: 1 to 3, of the tunnel protocol.

    access_token, client_token: or tunnel_id, of a tunnel whose tokens the keyring has. ports:
    source; targets: destination; by service, "" for the only one. The spare ones are for services
    without, and may name services of other tunnels. authorities: a file or directory of
    certificates, or "". stdio: one connection over standard input and output, of `service`.
    """

    mode: Mode
    url: str
    access_token: Secret = Secret("")
    client_token: Secret = Secret("")
    tunnel_id: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    spare_ports: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    spare_targets: Mapping[str, Target] = field(default_factory=dict)
    bind: str = ""
    version: int = 3
    authorities: str = ""
    verify: bool = True
    web_proxy: WebProxy | None = None
    patience: Patience = Patience()
    stdio: bool = False
    service: str = ""


class ProxyService:
    """Runs one proxy. tell: hears of every change of the link and every connection."""

    def __init__(
        self,
        secrets: SecretStore,
        *,
        tell: Callable[[Told], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._secrets = secrets
        self._tell = tell
        self._jitter = jitter
        self._proxy: TunnelProxy | None = None
        self._broken = False

    @property
    def link(self) -> TunnelLink:
        return self._proxy.snapshot() if self._proxy is not None else TunnelLink()

    async def run(self, request: ProxyRequest) -> None:
        """Until it is cancelled or, over standard input and output, its connection has ended.

        Raises ProxyFailed.
        """
        from peerdeck.engine.tunnel import TunnelError

        request = await self._with_tokens(request)
        try:
            self._proxy = await self._connected(request)
            if request.stdio:
                await self._over_stdio(self._proxy, request.service)
            else:
                await self._proxy.wait_closed()
                if self._proxy.failure is not None:
                    raise self._proxy.failure
        except TunnelError as error:
            raise _explained(error) from error
        finally:
            if self._proxy is not None:
                await self._proxy.aclose()

    async def _with_tokens(self, request: ProxyRequest) -> ProxyRequest:
        """With the keyring's tokens, and a client token in any case: without one an access token
        works once only."""
        import uuid

        client_token = request.client_token
        if not request.tunnel_id:
            return replace(request, client_token=client_token or Secret(str(uuid.uuid4())))
        token = await self._secrets.get(f"{request.tunnel_id}/{request.mode}")
        if token is None:
            raise ProxyFailed(
                Failure.FAILED,
                UserError(
                    f"The keyring has no {request.mode} access token of {request.tunnel_id}.",
                    "Open the tunnel in Peerdeck, or rotate its tokens there, on this machine.",
                    detail=self._secrets.warning,
                ),
            )
        key = f"{request.tunnel_id}/client-{request.mode}"
        client_token = client_token or await self._secrets.get(key) or Secret(str(uuid.uuid4()))
        await self._secrets.put(key, client_token)
        return replace(request, access_token=token, client_token=client_token)

    async def _connected(self, request: ProxyRequest) -> "TunnelProxy":
        """Tries as often as the request says: a device may start before its network does."""
        from peerdeck.engine.tunnel import TunnelUnreachable, TunnelUntrusted, WebProxyFailed

        limits = _limits(request.patience)
        failed = 0
        while True:
            proxy = await self._made(request, limits)
            try:
                await proxy.start()
            except TunnelUnreachable as error:
                failed += 1
                hopeless = isinstance(error, TunnelUntrusted) or (
                    isinstance(error, WebProxyFailed) and 400 <= error.status < 500
                )
                if hopeless or failed == request.patience.attempts:
                    raise
                self._tell(replace(proxy.snapshot(), state=LinkState.RECONNECTING))
            except BaseException:
                await proxy.aclose()
                raise
            else:
                return proxy
            limit = limits.backoff_base_s * 2 ** min(failed - 1, 16)
            await asyncio.sleep(self._jitter() * min(limits.backoff_cap_s, limit))

    async def _made(self, request: ProxyRequest, limits: "Limits") -> "TunnelProxy":
        from peerdeck.engine.tunnel import TunnelProxy, tls_context
        from peerdeck.protocol.tunnel_events import Version

        context = None
        if request.url.startswith("wss:"):
            context = await asyncio.to_thread(
                tls_context, request.authorities, verify=request.verify
            )
        proxy = TunnelProxy(
            mode=request.mode,
            url=request.url,
            access_token=request.access_token,
            client_token=request.client_token,
            listen=request.ports,
            spare_ports=request.spare_ports,
            open_ports=not request.stdio,
            targets=request.targets,
            spare_targets=request.spare_targets,
            bind=request.bind,
            version=Version(request.version),
            ssl_context=context,
            web_proxy=request.web_proxy,
            limits=limits,
            on_change=lambda: self._changed(proxy),
            on_connection=self._connection,
        )
        return proxy

    def _changed(self, proxy: "TunnelProxy") -> None:
        """The first attempts' failures are told once, in `_connected`."""
        link = proxy.snapshot()
        if link.state is not LinkState.FAILED or link.services:
            self._tell(link)

    def _connection(self, event: ConnectionEvent) -> None:
        self._broken = event.closed and event.broken
        self._tell(event)

    async def _over_stdio(self, proxy: "TunnelProxy", service: str) -> None:
        from peerdeck.engine.tunnel import StandardStreams

        streams = StandardStreams()
        try:
            await proxy.attach(streams.socket, service)
            await streams.delivered
        finally:
            streams.close()
        if self._broken:
            reason = self.link.reason
            raise ProxyFailed(
                Failure.BROKEN,
                UserError(
                    "The connection through the tunnel broke.",
                    "What was sent may not have arrived; connect again.",
                    detail=reason,
                ),
            )


def _limits(patience: Patience) -> "Limits":
    from peerdeck.engine.tunnel import Limits

    chosen = {
        "attempts": patience.attempts,
        "backoff_base_s": patience.retry_s,
        "ping_s": patience.ping_s,
        "dial_attempts": patience.local_attempts,
        "dial_delay_s": patience.local_delay_s,
        "bind_attempts": patience.local_attempts,
        "bind_delay_s": patience.local_delay_s,
        "held": None if patience.hold else 0,
    }
    limits = Limits()
    return replace(limits, **{k: v for k, v in chosen.items() if v is not None})  # type: ignore[arg-type]


def _explained(error: "TunnelError") -> ProxyFailed:
    from peerdeck.engine.tunnel import PortInUse, TunnelRefused, TunnelUnreachable
    from peerdeck.services.explain_tunnel import explain_tunnel

    failure = Failure.FAILED
    match error:
        case TunnelRefused():
            failure = Failure.REFUSED
        case TunnelUnreachable():
            failure = Failure.UNREACHABLE
        case PortInUse():
            failure = Failure.PORT
    return ProxyFailed(failure, explain_tunnel(error))
