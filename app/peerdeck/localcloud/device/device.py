"""A demo thing: its servers, and a destination proxy for every tunnel that is opened to it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from peerdeck.core.secret import Secret
from peerdeck.localcloud.device.ssh import SshService
from peerdeck.localcloud.device.thing import Thing
from peerdeck.localcloud.device.web import WebService
from peerdeck.localcloud.tunnels import OpenedTunnel

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
MAX_TUNNELS = 200
_CLOSE_S = 1.0


class DestinationHandle(Protocol):
    """A running destination proxy; the engine's TunnelProxy is one."""

    async def wait_closed(self) -> None:
        """Returns when it has ended for good."""

    async def aclose(self) -> None: ...


Connect = Callable[
    [str, Secret, Mapping[str, tuple[str, int]]], Awaitable[DestinationHandle]
]  # data URL, access token, target by service


class DemoDevice:
    """thing: its name. data_url: where its destination proxies connect to; "" asks `connect`."""

    def __init__(
        self,
        thing: str,
        *,
        connect: Connect,
        data_url: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.thing = thing
        self.ssh_port = 0
        self.http_port = 0
        self._connect = connect
        self._data_url = data_url
        self._state = Thing(thing, clock)
        self._ssh: SshService | None = None
        self._web: WebService | None = None
        self._proxies: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # those that were replaced, too

    async def start(self) -> None:
        """Opens both servers on loopback; `ssh_port` and `http_port` tell where."""
        self._ssh, self._web = SshService(self._state), WebService(self._state)
        self.ssh_port = await self._ssh.start(_HOST)
        self.http_port = await self._web.start(_HOST)

    async def aclose(self) -> None:
        """Idempotent; ends proxies, sessions and servers."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_S)
        services, self._ssh, self._web = (self._ssh, self._web), None, None
        for service in services:
            if service is not None:
                await service.aclose()

    def tunnel_opened(self, event: OpenedTunnel) -> None:
        """What MQTT would bring; a second event for a tunnel has its rotated token."""
        if event.thing != self.thing or self._ssh is None:
            return
        former = self._proxies.pop(event.tunnel_id, None)
        if former is None and len(self._proxies) >= MAX_TUNNELS:
            _log.warning("%s has %d tunnels and takes no more", self.thing, MAX_TUNNELS)
            return
        if former is not None:
            former.cancel()
        loop = asyncio.get_running_loop()
        task = loop.create_task(
            self._serve(event, former), name=f"device {self.thing}/{event.tunnel_id}"
        )
        self._proxies[event.tunnel_id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(event.tunnel_id, done))

    async def _serve(self, event: OpenedTunnel, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await asyncio.wait({former})  # its socket must not be taken for the new one
        targets = {service: (_HOST, self._port(service)) for service in event.services or ("",)}
        try:
            proxy = await self._connect(self._data_url, event.access_token, targets)
        except Exception:  # noqa: BLE001  # last border: this room does not know the engine's errors
            _log.exception("%s could not connect to its tunnel", self.thing)
            return
        try:
            await proxy.wait_closed()
        finally:
            await proxy.aclose()

    def _ended(self, tunnel_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._proxies.get(tunnel_id) is task:
            del self._proxies[tunnel_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a tunnel of %s ended badly", self.thing, exc_info=error)

    def _port(self, service: str) -> int:
        """Whatever its name does not call SSH is taken for HTTP."""
        return self.ssh_port if "ssh" in service.lower() else self.http_port
