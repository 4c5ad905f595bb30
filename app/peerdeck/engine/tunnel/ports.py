"""A source's listeners: one local TCP port per service."""

import asyncio
import errno
from collections.abc import Callable, Mapping
from functools import partial

import aiofastnet

from peerdeck.engine.tunnel.errors import PortInUse

_WORDS = {
    errno.EADDRINUSE: "another program uses it",
    errno.EACCES: "this user may not open it",
    errno.EADDRNOTAVAIL: "the address is not one of this machine",
}


class Ports:
    """Open listeners; `numbers` tells each service's port."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []

    async def open(
        self,
        wanted: Mapping[str, int],
        bind: str,
        factory: Callable[[str], asyncio.BaseProtocol],
        backlog: int,
    ) -> None:
        """wanted: port by service, 0 for any free one. All or none; raises PortInUse."""
        loop = asyncio.get_running_loop()
        for service, port in wanted.items():
            try:
                server = await aiofastnet.create_server(
                    loop, partial(factory, service), bind, port, backlog=backlog
                )
            except OSError as error:
                self.close()
                why = _WORDS.get(error.errno or 0, str(error))
                raise PortInUse(port, service, why) from error
            self._servers.append(server)
            self.numbers[service] = server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Idempotent; connections that were accepted live on."""
        for server in self._servers:
            server.close()
        self._servers.clear()
