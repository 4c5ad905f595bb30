"""A source's listeners: one local TCP port per service."""

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from functools import partial

from peerdeck.engine.tunnel.errors import PortInUse
from peerdeck.engine.tunnel.limits import Limits
from peerdeck.engine.tunnel.sockets import Listener, Settling

_WORDS = {
    errno.EADDRINUSE: "another program uses it",
    errno.EACCES: "this user may not open it",
    errno.EADDRNOTAVAIL: "the address is not one of this machine",
}


class Ports:
    """Open listeners; `numbers` tells each service's port."""

    def __init__(self, limits: Limits) -> None:
        self.numbers: dict[str, int] = {}
        self._limits = limits
        self._listeners: list[Listener] = []

    async def open(
        self,
        wanted: Mapping[str, int],
        bind: str,
        factory: Callable[[str], Settling],
    ) -> None:
        """wanted: port by service, 0 for any free one. All or none; raises PortInUse.

        A port that is taken is tried limits.bind_attempts times, limits.bind_delay_s apart.
        """
        for service, port in wanted.items():
            for attempt in range(1, self._limits.bind_attempts + 1):
                try:
                    await self._open_one(service, port, bind, partial(factory, service))
                    break
                except OSError as error:
                    if attempt == self._limits.bind_attempts:
                        self.close()
                        why = _WORDS.get(error.errno or 0, str(error))
                        raise PortInUse(port, service, why) from error
                await asyncio.sleep(self._limits.bind_delay_s)

    async def _open_one(
        self, service: str, port: int, bind: str, factory: Callable[[], Settling]
    ) -> None:
        """On every address that `bind` names."""
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(
            bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        limits, opened = self._limits, list[Listener]()
        try:
            for address in dict.fromkeys(addresses):
                opened.append(
                    Listener(address, factory, backlog=limits.backlog, rest_s=limits.accept_rest_s)
                )
                await opened[-1].start()
        except BaseException:
            for listener in opened:
                listener.close()
            raise
        self._listeners += opened
        self.numbers[service] = opened[0].port

    def close(self) -> None:
        """Idempotent; connections that were accepted live on."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
