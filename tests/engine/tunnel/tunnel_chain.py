"""A whole tunnel on loopback: client ↔ source proxy ↔ relay ↔ destination proxy ↔ server."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from peerdeck.core.tunnel import LinkState, Mode, TunnelLink
from peerdeck.engine.tunnel import Limits, TunnelProxy
from peerdeck.localcloud.relay import TunnelRelay
from peerdeck.localcloud.tunnels import TunnelRegistry

REGION = "eu-west-1"
QUICK = Limits(backoff_base_s=0.05, backoff_cap_s=0.2)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back whatever comes; closes after the client's end."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class Server:
    """A TCP server that counts; `async with`."""

    def __init__(self, serve: Serve = echo, port: int = 0) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.ended = asyncio.Event()
        self.port = port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        try:
            await self._serve(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)
            self.ended.set()

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass
class Chain:
    """services: target port by service. Proxies start when asked for, and end with the test."""

    stack: AsyncExitStack
    services: dict[str, int]
    registry: TunnelRegistry = field(default_factory=lambda: TunnelRegistry("123456789012"))
    limits: Limits = QUICK
    certificate: ssl.SSLContext | None = None  # the relay's

    async def open(self) -> None:
        self.relay = TunnelRelay(self.registry, tls=self.certificate)
        await self.relay.start()
        self.stack.push_async_callback(self._close_relay)
        self.record, self.source_token, self.destination_token = self.registry.open(
            REGION, services=tuple(self.services)
        )

    async def _close_relay(self) -> None:
        await self.relay.aclose()

    def proxy(self, mode: Mode, **more: object) -> TunnelProxy:
        arguments: dict[str, object] = {
            "mode": mode,
            "url": self.relay.tls_url if self.certificate else self.relay.url,
            "access_token": (self.source_token if mode is Mode.SOURCE else self.destination_token),
            "limits": self.limits,
        }
        if mode is Mode.DESTINATION:
            arguments["targets"] = {n: ("127.0.0.1", p) for n, p in self.services.items()}
        proxy = TunnelProxy(**{**arguments, **more})  # type: ignore[arg-type]
        self.stack.push_async_callback(proxy.aclose)
        return proxy

    async def source(self, **more: object) -> TunnelProxy:
        proxy = self.proxy(Mode.SOURCE, **more)
        await proxy.start()
        return proxy

    async def destination(self, **more: object) -> TunnelProxy:
        proxy = self.proxy(Mode.DESTINATION, **more)
        await proxy.start()
        return proxy

    async def restart_relay(self, pause: Callable[[], Awaitable[None]] | None = None) -> None:
        port = self.relay.port
        await self.relay.aclose()
        if pause is not None:
            await pause()
        self.relay = TunnelRelay(self.registry, port=port)
        await self.relay.start()


def port_of(proxy: TunnelProxy, service: str) -> int:
    return next(row.port for row in proxy.snapshot().services if row.service == service)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Waits for what nobody announces (counters, a client's view); fails after the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


class Watch:
    """For `on_change`: lets a test wait for a state of a proxy, and see those that it passed."""

    def __init__(self) -> None:
        self.states: list[LinkState] = []
        self.links: list[TunnelLink] = []
        self._proxy: TunnelProxy | None = None
        self._changed = asyncio.Event()

    def of(self, proxy: TunnelProxy) -> TunnelProxy:
        self._proxy = proxy
        return proxy

    def __call__(self) -> None:
        if self._proxy is not None:
            link = self._proxy.snapshot()
            self.links.append(link)
            self.states.append(link.state)
        self._changed.set()

    async def reach(self, state: LinkState, times: int = 1, seconds: float = 5.0) -> TunnelLink:
        """Waits until `state` was entered so often; returns the snapshot of that moment."""
        async with asyncio.timeout(seconds):
            while self.states.count(state) < times:
                self._changed.clear()
                await self._changed.wait()
        return [link for link in self.links if link.state is state][times - 1]


class Client:
    """A TCP client of a source's port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def ask(self, data: bytes, seconds: float = 5.0) -> bytes:
        """Sends it and reads as many bytes back."""
        self.writer.write(data)
        async with asyncio.timeout(seconds):
            return await self.reader.readexactly(len(data))

    async def rest(self, seconds: float = 5.0) -> bytes:
        """What comes until the end; ConnectionError where it is not an orderly one."""
        async with asyncio.timeout(seconds):
            return await self.reader.read(-1)
