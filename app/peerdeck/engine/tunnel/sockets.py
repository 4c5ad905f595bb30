"""Transports for connected sockets, and sockets that accept connections.

aiofastnet's own ways take a task and further turns of the loop for each connection.
"""

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable

import aiofastnet
import aiohappyeyeballs
from aiofastnet.selector_transport import (  # type: ignore[import-not-found]
    SelectorSocketTransport,
)

_log = logging.getLogger(__name__)
# Windows' loop is told of what is done, not of what is ready.
AT_ONCE = sys.platform != "win32"

Address = aiohappyeyeballs.AddrInfoType  # as getaddrinfo has it


class Settling(asyncio.BaseProtocol):
    def begin(self) -> None:
        """Its transport is there and reads; idempotent."""


async def attach(connection: socket.socket, protocol: Settling) -> None:
    """Gives a connected non-blocking socket to `protocol`, on any loop."""
    if not attach_at_once(connection, protocol):
        loop = asyncio.get_running_loop()
        await aiofastnet.create_connection(loop, lambda: protocol, sock=connection)


def attach_at_once(connection: socket.socket, protocol: Settling) -> bool:
    """As `attach`; connection_made() and begin() come with the next turn. False: not here."""
    if AT_ONCE:
        loop = asyncio.get_running_loop()
        SelectorSocketTransport(loop, connection, protocol)
        loop.call_soon(protocol.begin)
    return AT_ONCE


class Listener:
    """Accepts connections on one address; those that it accepted live on when it is closed.

    rest_s: how long it lets connections wait when they cannot be accepted. Raises OSError.
    """

    def __init__(
        self,
        address: Address,
        factory: Callable[[], Settling],
        *,
        backlog: int,
        rest_s: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._factory = factory
        self._backlog = backlog
        self._rest_s = rest_s
        self._later: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        family, kind, protocol, _, where = address
        self._socket = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would take the port from another program
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.setblocking(False)
            self._socket.bind(where)
            self._socket.listen(backlog)
        except BaseException:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        if AT_ONCE:
            self._watch()
        else:
            self._server = await aiofastnet.create_server(
                self._loop, self._factory, sock=self._socket, backlog=self._backlog
            )

    def close(self) -> None:
        """Idempotent."""
        if self._server is not None:
            self._server.close()
        elif self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        if self._later is not None:
            self._later.cancel()
        self._socket.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        """All that have come: in a burst none has to wait for another turn of the loop."""
        for _ in range(self._backlog):
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._rest(error)
                return
            connection.setblocking(False)
            attach_at_once(connection, self._factory())

    def _rest(self, error: OSError) -> None:
        """No descriptor is left, say: the socket would be ready again at once, and always."""
        words = errno.errorcode.get(error.errno or 0, str(error))
        _log.warning("a connection could not be accepted: %s", words)
        self._loop.remove_reader(self._socket)
        self._later = self._loop.call_later(self._rest_s, self._watch)
